import { useWords } from '../words/words.ts'
import { useSilence } from './useSilence.ts'
import styles from './WritingMark.module.css'

/** A mark below a running answer, so that a stalled one does not look complete. */
export function WritingMark({ answer }: { answer: string }) {
  const words = useWords()
  const silentSeconds = useSilence(answer)
  const isWaiting = answer === ''
  const text = isWaiting ? words.waiting : silentSeconds > 0 && words.stillWriting

  return (
    <p className={styles.mark}>
      <span className={styles.caret} />
      {text === false ? <span className="visually-hidden">{words.beingWritten}</span> : text}
      {silentSeconds > 0 && <span className={styles.seconds}>{words.seconds(silentSeconds)}</span>}
    </p>
  )
}
