import { createStore, type Store } from '../store.ts'
import { languageOf } from '../words/languageOf.ts'

/** Reads texts aloud with the browser's own voices, one at a time. */
export interface Speech extends Store<string | null> {
  /** Begins to read the paragraphs of what is called `name`, instead of what was being read. */
  read(name: string, paragraphs: readonly string[]): void
  stop(): void
}

export const hasSpeech = 'speechSynthesis' in globalThis

/** What is being read aloud, by its name; null when nothing is. */
export const speech: Speech = createSpeech()

function createSpeech(): Speech {
  const { get, set, subscribe } = createStore<string | null>(null)
  let latest = 0

  function stop() {
    latest++
    speechSynthesis.cancel()
    set(null)
  }

  return {
    get,
    subscribe,
    stop,
    read(name, paragraphs) {
      stop()
      const mine = latest
      const utterances = paragraphs.map(utteranceOf)
      const onEnd = () => mine === latest && set(null)
      utterances.at(-1)?.addEventListener('end', onEnd)
      // Each by itself: browsers break off what is long.
      for (const utterance of utterances) {
        utterance.addEventListener('error', onEnd)
        speechSynthesis.speak(utterance)
      }
      if (utterances.length > 0) set(name)
    },
  }
}

/** Without a voice for the language the browser takes the one that it reads everything with. */
function utteranceOf(text: string): SpeechSynthesisUtterance {
  const utterance = new SpeechSynthesisUtterance(text)
  utterance.lang = languageOf(text) ?? 'en'
  const voice = speechSynthesis.getVoices().find(({ lang }) => lang.replace('_', '-').startsWith(utterance.lang))
  if (voice) utterance.voice = voice
  return utterance
}
