import { createStore, type Store } from '../store.ts'
import { loadText, saveText } from './stored.ts'

export interface Settings {
  theme: 'system' | 'light' | 'dark'
  textSize: 'small' | 'normal' | 'large' | 'largest'
  /** Null for the browser's language. */
  language: 'en' | 'ko' | null
  /** The persona for new conversations; null for the relay's default. */
  persona: string | null
}

export interface SettingsStore extends Store<Settings> {
  change(changes: Partial<Settings>): void
}

const NAME = 'askbot.settings'
const initial: Settings = { theme: 'system', textSize: 'normal', language: null, persona: null }

export const textSizes = ['small', 'normal', 'large', 'largest'] as const

/** The reader's choices, shared by all tabs and stored in the browser. */
export function createSettings(): SettingsStore {
  const { get, set, subscribe } = createStore(load())
  addEventListener('storage', ({ key }) => {
    if (key === NAME) set(load())
  })
  return {
    get,
    subscribe,
    change(changes) {
      set({ ...get(), ...changes })
      saveText('localStorage', NAME, JSON.stringify(get()))
    },
  }
}

function load(): Settings {
  try {
    const { theme, textSize, language, persona } = JSON.parse(loadText('localStorage', NAME) ?? '{}') as Record<string, unknown>
    return {
      theme: theme === 'light' || theme === 'dark' ? theme : 'system',
      textSize: textSizes.find((size) => size === textSize) ?? 'normal',
      language: language === 'en' || language === 'ko' ? language : null,
      persona: typeof persona === 'string' ? persona : null,
    }
  } catch {
    return initial
  }
}
