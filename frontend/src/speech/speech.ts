import { createStore, type Store } from '../store.ts'
import { languageOf } from '../words/languageOf.ts'

/** Reads texts aloud with the browser's own voices, one at a time. */
export interface Speech extends Store<string | null> {
  /** Reads these paragraphs, under `name`. Stops what was being read. */
  read(name: string, paragraphs: readonly string[]): void
  stop(): void
}

/** The name of the text that is being read aloud, or null. */
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
      // One utterance for each paragraph, because browsers break off long ones.
      for (const utterance of utterances) {
        utterance.addEventListener('error', onEnd)
        speechSynthesis.speak(utterance)
      }
      if (utterances.length > 0) set(name)
    },
  }
}

/** The voices of characters, which Apple lists before the voices that it reads with itself. */
const CHARACTERS = /^(?:Eddy|Flo|Grandma|Grandpa|Reed|Rocko|Sandy|Shelley)\b/

/** The voice for the language. Without one the browser uses its default voice. */
function utteranceOf(text: string): SpeechSynthesisUtterance {
  const utterance = new SpeechSynthesisUtterance(text)
  utterance.lang = languageOf(text) ?? 'en'
  const voices = speechSynthesis.getVoices().filter(({ lang }) => lang.split(/[-_]/)[0] === utterance.lang)
  const voice = voices.find(({ name }) => !CHARACTERS.test(name)) ?? voices[0]
  if (voice) utterance.voice = voice
  return utterance
}
