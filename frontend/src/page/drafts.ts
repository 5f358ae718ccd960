import { loadText, saveText } from './stored.ts'

const PREFIX = 'askbot.draft.'
const nameOf = (id: string) => PREFIX + id

/** Where the draft of a conversation that has not begun is kept. */
export const NEW_DRAFT = 'new'

/** What was written and not sent, for each conversation; new ones share one. */
export const drafts = {
  load(id: string): string {
    return loadText('localStorage', nameOf(id)) ?? ''
  },
  save(id: string, text: string): void {
    saveText('localStorage', nameOf(id), text === '' ? null : text)
  },
  /** Drops what belongs to conversations that are gone. */
  prune(ids: readonly string[]): void {
    const wanted = new Set([NEW_DRAFT, ...ids].map(nameOf))
    try {
      for (const name of Object.keys(localStorage)) if (name.startsWith(PREFIX) && !wanted.has(name)) localStorage.removeItem(name)
    } catch {
      // Forbidden: then there are none.
    }
  },
}
