import { createStore, type Store } from '../store.ts'
import { en } from '../words/en.ts'
import { type Language, languageFor, type Words, wordsIn } from '../words/words.ts'
import type { SettingsStore } from './settings.ts'

/** The page's words in the reader's language. */
export interface Wording extends Store<Words> {
  /** Resolves when the words of the first language are loaded. */
  loaded: Promise<void>
}

export function languageOf({ get }: SettingsStore): Language {
  const { language } = get()
  return languageFor(language === null ? navigator.languages : [language])
}

export function createWording(settings: SettingsStore): Wording {
  const { get, set, subscribe } = createStore<Words>(en)

  async function follow() {
    const language = languageOf(settings)
    if (get().lang === language) return
    try {
      const words = await wordsIn(language)
      // The reader may have chosen another language meanwhile.
      if (languageOf(settings) === language) set(words)
    } catch (error) {
      console.warn('The page goes on in the language it has:', error)
    }
  }

  settings.subscribe(() => void follow())
  return { get, subscribe, loaded: follow() }
}
