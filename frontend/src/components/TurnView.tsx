import { memo } from 'react'
import type { Chat, Phase, Turn } from '../chat/chat.ts'
import { useStore } from '../useStore.ts'
import { languageOf } from '../words/languageOf.ts'
import { useWords } from '../words/words.ts'
import { AnswerText } from './AnswerText.tsx'
import { OutcomeNote } from './OutcomeNote.tsx'
import styles from './TurnView.module.css'

const idle: Phase = { name: 'idle' }

/** One question with its answer: a settled turn, or without one the turn that is being written. */
export const TurnView = memo(function TurnView({ chat, turn, isLast }: { chat: Chat; turn: Turn | null; isLast: boolean }) {
  const words = useWords()
  const phase = useStore(chat, (state) => (turn ? idle : state.phase))
  const question = turn?.question ?? (phase.name === 'idle' ? '' : phase.question)
  const answer = turn?.answer ?? (phase.name === 'answering' ? phase.answer : '')

  return (
    <article className={styles.turn}>
      <h2 className="visually-hidden">{words.youAsked}</h2>
      <p className={styles.question} lang={languageOf(question)}>
        {question}
      </p>
      <h3 className="visually-hidden">{words.answered}</h3>
      {phase.name === 'waiting' && (
        <p className={styles.waiting}>
          <span className={styles.caret} />
          {words.waiting}
        </p>
      )}
      {answer !== '' && (
        <div lang={languageOf(answer)}>
          <AnswerText text={answer} isLive={turn === null} />
        </div>
      )}
      {turn && <OutcomeNote turn={turn} onRetry={isLast ? chat.retry : null} />}
    </article>
  )
})
