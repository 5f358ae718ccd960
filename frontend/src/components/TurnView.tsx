import { memo } from 'react'
import type { Chat, Phase } from '../chat/chat.ts'
import type { Turn } from '../chat/conversation.ts'
import { useStore } from '../useStore.ts'
import { languageOf } from '../words/languageOf.ts'
import { useWords } from '../words/words.ts'
import { AnswerFoot } from './AnswerFoot.tsx'
import { AnswerText } from './AnswerText.tsx'
import { LostNote, OutcomeNote } from './OutcomeNote.tsx'
import { Question } from './Question.tsx'
import styles from './TurnView.module.css'
import { usePersona } from './usePersona.ts'
import { VersionSwitch } from './VersionSwitch.tsx'
import { WritingMark } from './WritingMark.tsx'

const idle: Phase = { name: 'idle' }
const none: readonly string[] = []

interface Shown {
  chat: Chat
  /** A settled turn, or null for the running one. */
  turn: Turn | null
  isLast: boolean
  /** Whether it ended while the reader was watching. */
  isNews: boolean
}

/** One question with its answer. */
export const TurnView = memo(function TurnView({ chat, turn, isLast, isNews }: Shown) {
  const words = useWords()
  const phase = useStore(chat, (state) => (turn ? idle : state.phase))
  const name = usePersona(turn?.persona ?? (phase.name === 'idle' ? null : phase.persona))?.name ?? 'Askbot'
  const question = turn?.question ?? (phase.name === 'idle' ? '' : phase.question)
  const pictures = turn?.pictures ?? (phase.name === 'idle' ? none : phase.pictures)
  const answer = turn?.answer ?? (phase.name === 'answering' || phase.name === 'lost' ? phase.answer : '')

  return (
    <article className={styles.turn}>
      <h2 className="visually-hidden">{words.youAsked}</h2>
      <Question chat={chat} turn={turn} question={question} pictures={pictures} />
      <h3 className="visually-hidden">{words.answered(name)}</h3>
      {answer !== '' && (
        // A browser that translates puts its own elements in place of texts, which then no longer grow.
        <div lang={languageOf(answer)} translate={turn === null ? 'no' : undefined} data-answer>
          <AnswerText text={answer} isLive={turn === null} />
        </div>
      )}
      {(phase.name === 'waiting' || phase.name === 'answering') && <WritingMark chat={chat} answer={answer} />}
      {turn && <OutcomeNote chat={chat} turn={turn} isLast={isLast} isNews={isNews} />}
      {phase.name === 'lost' && <LostNote chat={chat} failure={phase.failure} />}
      {turn && answer !== '' && <AnswerFoot chat={chat} turn={turn} isLast={isLast} />}
      {turn && answer === '' && <VersionSwitch chat={chat} turn={turn} />}
    </article>
  )
})
