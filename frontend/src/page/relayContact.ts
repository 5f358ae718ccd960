import { AskbotError, type personas } from '../client/askbot.js'
import { createStore, type Store } from '../store.ts'
import { loadAccessCode, saveAccessCode } from './accessCode.ts'
import { type Known, knownFrom, loadKnown, saveKnown } from './relayDescription.ts'

export interface RelayState {
  /** The relay's last description; null before the first. */
  known: Known | null
  contact: Contact
}

export type Contact = { name: 'asking' } | { name: 'reached' } | { name: 'failed'; code: string; message: string }

/** The state of the relay: whether it answers, and its personas. */
export interface Relay extends Store<RelayState> {
  /** Requests the personas in a language. The default is the language of the last request. */
  meet(language?: string): Promise<void>
  token(): string | undefined
  /** Keeps the access code until the tab is closed. */
  keepToken(token: string): void
}

export const FIRST_PAUSE_MS = 1000
export const LONGEST_PAUSE_MS = 15_000

/** Final errors of a relay. After any other error, or without a reply, it may be back soon. */
const lasting = new Set(['unauthorized', 'not_found', 'origin_not_allowed'])

/** Whether a code means that no relay was reached. */
export const isAway = (code: string) => code === 'unreachable' || code === 'relay_unreachable' || code === 'unexpected_response'

/** Asks an unreachable relay again and again while the page is visible. */
export function createRelay(url: string, fetchPersonas: typeof personas, language: string): Relay {
  const { get, set, subscribe } = createStore<RelayState>({ known: loadKnown(language), contact: { name: 'asking' } })
  let token = loadAccessCode()
  let latest = 0
  let pauseMs = FIRST_PAUSE_MS
  let pause: ReturnType<typeof setTimeout> | undefined

  async function meet() {
    clearTimeout(pause)
    const mine = ++latest
    const state = await met()
    // Of two overlapping requests the later one counts.
    if (mine !== latest) return
    set(state)
    if (state.contact.name !== 'failed') pauseMs = FIRST_PAUSE_MS
    else if (!lasting.has(state.contact.code)) meetLater()
  }

  function meetLater() {
    // A reader who comes back to the page does not wait.
    pause = setTimeout(() => document.visibilityState === 'visible' && void meet(), pauseMs)
    pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS)
  }

  async function met(): Promise<RelayState> {
    const asked = language
    try {
      const told = await fetchPersonas({ url, token, language: asked })
      saveKnown(asked, told)
      return { known: knownFrom(told), contact: { name: 'reached' } }
    } catch (error) {
      if (!(error instanceof AskbotError)) throw error
      return { known: get().known, contact: { name: 'failed', code: error.code, message: error.message } }
    }
  }

  return {
    get,
    subscribe,
    async meet(asked = language) {
      language = asked
      pauseMs = FIRST_PAUSE_MS
      await meet()
    },
    token: () => token,
    keepToken(code) {
      token = code
      saveAccessCode(code)
    },
  }
}
