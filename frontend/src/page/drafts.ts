import type { Conversation } from '../chat/conversation.ts'
import { idsIn } from '../chat/versions.ts'
import { loadText, saveText } from './stored.ts'

const PREFIX = 'askbot.draft.'
const nameOf = (id: string) => PREFIX + id

/** The name of the draft of a new conversation. */
export const NEW_DRAFT = 'new'

/** The name of the draft of an edited question. */
export const editDraft = (turn: string) => `edit.${turn}`

/** The unsent text of each conversation, and of each edited question. New conversations share one draft. */
export const drafts = {
  load(id: string): string {
    return loadText('localStorage', nameOf(id)) ?? ''
  },
  save(id: string, text: string): void {
    saveText('localStorage', nameOf(id), text === '' ? null : text)
  },
  /** Deletes the drafts of all conversations but these. */
  prune(conversations: readonly Conversation[]): void {
    const names = conversations.flatMap((conversation) => [conversation.id, ...idsIn(conversation).map(editDraft)])
    const wanted = new Set([NEW_DRAFT, ...names].map(nameOf))
    try {
      for (const name of Object.keys(localStorage)) if (name.startsWith(PREFIX) && !wanted.has(name)) localStorage.removeItem(name)
    } catch {
      // Without access to the storage there are no drafts.
    }
  },
}
