import type { Chat } from '../chat/chat.ts'
import { languageOf } from '../words/languageOf.ts'
import { useWords } from '../words/words.ts'
import { useSilence } from './useSilence.ts'
import { useThinking } from './useThinking.ts'
import styles from './WritingMark.module.css'

/** A mark below a running answer, so that a stalled one does not look complete. */
export function WritingMark({ chat, answer }: { chat: Chat; answer: string }) {
  const words = useWords()
  const silentSeconds = useSilence(answer)
  const thinking = useThinking(chat, answer)
  if (thinking !== null) return <ThinkingMark {...thinking} />
  const isWaiting = answer === ''
  const isSilent = silentSeconds > 0
  const text = isWaiting ? words.waiting : isSilent ? words.stillWriting : words.beingWritten

  return (
    <p className={styles.mark}>
      <span className={styles.caret} />
      <span className={isWaiting || isSilent ? undefined : 'visually-hidden'}>{text}</span>
      {isSilent && <span className={styles.seconds}>{words.seconds(silentSeconds)}</span>}
    </p>
  )
}

function ThinkingMark({ seconds, text }: { seconds: number; text: string }) {
  const words = useWords()
  const mark = (
    <>
      <span className={styles.caret} />
      <span>{words.thinking}</span>
      <span className={styles.seconds}>{words.seconds(seconds)}</span>
    </>
  )
  if (text === '') return <p className={styles.mark}>{mark}</p>
  return (
    <details className={styles.thoughts}>
      <summary className={styles.mark}>{mark}</summary>
      <p lang={languageOf(text)} dir="auto">
        {text}
      </p>
    </details>
  )
}
