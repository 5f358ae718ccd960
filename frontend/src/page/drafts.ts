import { loadText, saveText } from './stored.ts'

const PREFIX = 'askbot.draft.'
const nameOf = (id: string) => PREFIX + id

/** The name of the draft of a new conversation. */
export const NEW_DRAFT = 'new'

/** The unsent text of each conversation. New conversations share one draft. */
export const drafts = {
  load(id: string): string {
    return loadText('localStorage', nameOf(id)) ?? ''
  },
  save(id: string, text: string): void {
    saveText('localStorage', nameOf(id), text === '' ? null : text)
  },
  /** Deletes the drafts of deleted conversations. */
  prune(ids: readonly string[]): void {
    const wanted = new Set([NEW_DRAFT, ...ids].map(nameOf))
    try {
      for (const name of Object.keys(localStorage)) if (name.startsWith(PREFIX) && !wanted.has(name)) localStorage.removeItem(name)
    } catch {
      // Without access to the storage there are no drafts.
    }
  },
}
