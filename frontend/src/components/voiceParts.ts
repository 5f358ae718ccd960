import { lazyPart } from './lazyPart.ts'

export const hasVoices = 'speechSynthesis' in globalThis

/** Whether the browser may be able to recognise speech by itself; older ones always send it away. */
export const mayListen = 'available' in ((globalThis as { SpeechRecognition?: object }).SpeechRecognition ?? {})

export const Dictate = lazyPart(() => import('./Dictate.tsx'), 'Dictate')
