import { useWords } from '../words/words.ts'
import styles from './LengthNote.module.css'
import type { QuestionLength } from './useQuestionLength.ts'

/** Counts down to the longest question that can be asked, and beyond. */
export function LengthNote({ id, length: { left, isTooLong } }: { id: string; length: QuestionLength }) {
  const words = useWords()
  if (left === null) return null
  const count = Math.abs(left).toLocaleString(words.lang)
  return (
    <p id={id} className={styles.note} data-too-long={isTooLong || undefined}>
      {isTooLong ? words.charactersTooMany(count) : words.charactersLeft(count)}
    </p>
  )
}
