import { useEffect, useRef, useState } from 'react'
import { canDictate, dictate, type Dictation } from '../speech/dictation.ts'
import { localeFor } from '../words/localeFor.ts'
import { useWords } from '../words/words.ts'
import { IconButton } from './IconButton.tsx'

interface Handlers {
  onPhrase: (text: string) => void
  /** Called at the start and at the end of listening. */
  onState: (hasFailed: boolean) => void
}

/** A button to speak the question. Shown only if the browser recognises speech on the device itself. */
export function Dictate({ isIdle, onPhrase, onState }: { isIdle: boolean } & Handlers) {
  const words = useWords()
  const language = localeFor(words.lang) ?? { en: 'en-US', ko: 'ko-KR' }[words.lang]!
  const [canListen, setCanListen] = useState(false)
  const [isListening, setListening] = useState(false)
  const dictation = useRef<Dictation | null>(null)

  useEffect(() => {
    let isWanted = true
    canDictate(language).then(
      (can) => isWanted && setCanListen(can),
      (error: unknown) => console.warn('The browser does not say whether it can listen:', error),
    )
    return () => {
      isWanted = false
    }
  }, [language])

  // Nobody is listened to who has asked the question, or left it.
  useEffect(() => {
    if (!isIdle) dictation.current?.stop()
  }, [isIdle])
  useEffect(() => () => dictation.current?.stop(), [])

  function onClick() {
    if (isListening) return dictation.current?.stop()
    setListening(true)
    onState(false)
    dictation.current = dictate(language, onPhrase, (hasFailed) => {
      setListening(false)
      onState(hasFailed)
    })
  }

  if (!canListen) return null
  return (
    <>
      <IconButton
        icon={isListening ? 'square' : 'microphone'}
        label={isListening ? words.stopListening : words.speak}
        data-listening={isListening || undefined}
        onClick={onClick}
      />
      <output className="visually-hidden">{isListening && words.listening}</output>
    </>
  )
}
