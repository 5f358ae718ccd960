import { usePage } from '../page/page.ts'
import { useStore } from '../useStore.ts'

/** From which part of the limit on the reader may want to know. */
const NEAR = 0.9

export interface QuestionLength {
  /** How many characters are left, below 0 where there are too many; null where that is no matter. */
  left: number | null
  isTooLong: boolean
}

/** Whether the relay would take a question of this length, as far as it has told. */
export function useQuestionLength(question: string): QuestionLength {
  const limit = useStore(usePage().relay, ({ known }) => known?.limits.questionChars ?? null)
  const text = question.trim()
  // There are never more characters than what `length` counts: an emoji is two of those.
  if (limit === null || text.length < NEAR * limit) return { left: null, isTooLong: false }
  const left = limit - Array.from(text).length
  return { left: left > (1 - NEAR) * limit ? null : left, isTooLong: left < 0 }
}
