import type { Client, Saved } from './chat.ts'

const NAME = 'askbot.chat'

/** What this tab remembers until it is closed. */
export const tabMemory: Client['memory'] = {
  load() {
    try {
      return JSON.parse(sessionStorage.getItem(NAME) ?? 'null') as Saved | null
    } catch {
      return null
    }
  },
  save(saved) {
    try {
      sessionStorage.setItem(NAME, JSON.stringify(saved))
    } catch {
      // Full, or forbidden: the conversation goes on, and does not outlive a reload.
    }
  },
}
