import { usePage } from '../page/page.ts'
import { useStore } from '../useStore.ts'

/** The part of the limit from which on the length is shown. */
const NEAR = 0.9

export interface QuestionLength {
  /** The number of characters left, below 0 if there are too many; null far from the limit. */
  left: number | null
  isTooLong: boolean
}

/** Checks a question's length against the relay's limit, if it is known. */
export function useQuestionLength(question: string): QuestionLength {
  const limit = useStore(usePage().relay, ({ known }) => known?.limits.questionChars ?? null)
  const text = question.trim()
  // `length` counts UTF-16 units, which are never fewer than the characters.
  if (limit === null || text.length < NEAR * limit) return { left: null, isTooLong: false }
  const left = limit - Array.from(text).length
  return { left: left > (1 - NEAR) * limit ? null : left, isTooLong: left < 0 }
}
