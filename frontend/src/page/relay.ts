import { AskbotError, type Persona, type personas } from '../client/askbot.js'
import { createStore, type Store } from '../store.ts'
import { loadText, saveText } from './stored.ts'

export type RelayState =
  | { name: 'asking' }
  | { name: 'reached'; defaultPersona: string; personas: readonly Persona[] }
  | { name: 'failed'; code: string; message: string }

/** What this page knows of its relay: whether it answers, and who speaks there. */
export interface Relay extends Store<RelayState> {
  /** Asks who is there, in a language that the personas may speak: the one asked for last, if none is named. */
  meet(language?: string): Promise<void>
  token(): string | undefined
  /** Keeps the access code until the tab is closed. */
  keepToken(token: string): void
}

const TOKEN = 'askbot.access-code'

export function createRelay(url: string, fetchPersonas: typeof personas): Relay {
  const { get, set, subscribe } = createStore<RelayState>({ name: 'asking' })
  let token = loadText('sessionStorage', TOKEN) ?? undefined
  let latest = 0
  let language = 'en'

  return {
    get,
    subscribe,
    async meet(asked = language) {
      language = asked
      const mine = ++latest
      const state = await met()
      // Of two that overlap, the later one counts.
      if (mine === latest) set(state)
    },
    token: () => token,
    keepToken(code) {
      token = code
      saveText('sessionStorage', TOKEN, code)
    },
  }

  async function met(): Promise<RelayState> {
    try {
      const there = await fetchPersonas({ url, token, language })
      return { name: 'reached', defaultPersona: there.default, personas: there.personas }
    } catch (error) {
      if (!(error instanceof AskbotError)) throw error
      return { name: 'failed', code: error.code, message: error.message }
    }
  }
}
