/** The browser's speech recognition, as far as it is used here. */
interface Recognition extends EventTarget {
  lang: string
  continuous: boolean
  processLocally: boolean
  start(): void
  abort(): void
}

interface Heard extends Event {
  resultIndex: number
  results: ArrayLike<ArrayLike<{ transcript: string }> & { isFinal: boolean }>
}

interface Wanted {
  langs: string[]
  processLocally: true
}

interface RecognitionKind {
  new (): Recognition
  available(wanted: Wanted): Promise<'available' | 'downloadable' | 'downloading' | 'unavailable'>
  install(wanted: Wanted): Promise<boolean>
}

const { SpeechRecognition: Kind } = globalThis as unknown as { SpeechRecognition: RecognitionKind }

/**
 * Many browsers send what they hear to their maker's servers, and do not say so. This page asks for
 * recognition on the device, everywhere: a browser without it then hears nothing.
 */
const wanted = (language: string): Wanted => ({ langs: [language], processLocally: true })

/** Whether speech in the language can be recognised on this device, perhaps after a download. */
export async function canDictate(language: string): Promise<boolean> {
  return (await Kind.available(wanted(language))) !== 'unavailable'
}

export interface Dictation {
  stop(): void
}

/**
 * Listens until it is stopped, and hands over each phrase. `onEnd` is called once, with whether it failed:
 * the reader or the browser may have refused the microphone, or the download.
 */
export function dictate(language: string, onPhrase: (text: string) => void, onEnd: (hasFailed: boolean) => void): Dictation {
  const recognition = new Kind()
  let hasFailed = false
  let isOver = false

  function end() {
    if (!isOver) onEnd(hasFailed)
    isOver = true
  }

  recognition.lang = language
  recognition.continuous = true
  recognition.processLocally = true
  recognition.addEventListener('result', (event) => {
    const { resultIndex, results } = event as Heard
    for (const result of Array.from(results).slice(resultIndex)) {
      if (result.isFinal && !isOver) onPhrase(result[0]!.transcript.trim())
    }
  })
  recognition.addEventListener('error', (event) => {
    hasFailed = (event as Event & { error: string }).error !== 'no-speech'
  })
  recognition.addEventListener('end', end)

  async function start() {
    const isReady = (await Kind.available(wanted(language))) === 'available' || (await Kind.install(wanted(language)))
    if (isOver) return
    hasFailed = !isReady
    if (isReady) recognition.start()
    else end()
  }

  start().catch((error: unknown) => {
    console.warn('The browser does not listen:', error)
    hasFailed = true
    end()
  })

  return {
    stop() {
      end()
      recognition.abort()
    },
  }
}
