import type { Chat } from '../chat/chat.ts'
import { isUnfinished, type Turn } from '../chat/conversation.ts'
import { usePage } from '../page/page.ts'
import { useStore } from '../useStore.ts'
import { useWords, type Words } from '../words/words.ts'
import styles from './AnswerFoot.module.css'
import { CopyButton } from './CopyButton.tsx'
import { focusNext } from './focus.ts'
import { IconButton } from './IconButton.tsx'

/** What can be done with an answer, and how it was made. */
export function AnswerFoot({ chat, turn, isLast }: { chat: Chat; turn: Turn; isLast: boolean }) {
  const words = useWords()
  const page = usePage()
  const isIdle = useStore(chat, ({ phase }) => phase.name === 'idle')

  function onAgain() {
    void page.askInstead(chat, turn.id, turn.question)
    focusNext()
  }

  return (
    <div className={styles.foot}>
      <CopyButton text={turn.answer} label={words.copyAnswer} />
      {isLast && isIdle && !isUnfinished(turn) && (
        <IconButton icon="again" label={words.retry} onClick={onAgain} />
      )}
      <p className={styles.receipt} title={[words.receipt, turn.receipt?.model].filter(Boolean).join(': ')}>
        {receiptOf(turn, words).join(' · ')}
      </p>
    </div>
  )
}

function receiptOf({ answer, receipt }: Turn, words: Words): string[] {
  if (receipt === null) return []
  const { firstTextMs, durationMs, promptTokens, answerTokens } = receipt
  const number = (value: number, digits = 0) => new Intl.NumberFormat(words.lang, { maximumFractionDigits: digits }).format(value)
  const parts: string[] = []
  if (firstTextMs !== null) parts.push(words.firstText(number(Math.max(0.1, firstTextMs / 1000), firstTextMs < 10_000 ? 1 : 0)))
  if (firstTextMs !== null && durationMs !== null && durationMs > firstTextMs) {
    const seconds = (durationMs - firstTextMs) / 1000
    const written = answerTokens ?? answer.trim().split(/\s+/).length
    const rate = number(written / seconds, written / seconds < 10 ? 1 : 0)
    parts.push(answerTokens === null ? words.wordsPerSecond(rate) : words.tokensPerSecond(rate))
  }
  if (promptTokens !== null && answerTokens !== null) parts.push(words.tokens(number(promptTokens), number(answerTokens)))
  return parts
}
