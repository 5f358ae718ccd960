import type { ReactNode } from 'react'
import type { Chat } from '../chat/chat.ts'
import { type Failure, isUnfinished, type Turn } from '../chat/conversation.ts'
import { usePage } from '../page/page.ts'
import { useStore } from '../useStore.ts'
import { useWords, wordsOfFailure } from '../words/words.ts'
import { AccessForm } from './AccessForm.tsx'
import { Button } from './Button.tsx'
import { focusNext } from './focus.ts'
import styles from './OutcomeNote.module.css'
import { useCountdown } from './useCountdown.ts'

interface Shown {
  chat: Chat
  turn: Turn
  isLast: boolean
  isNews: boolean
}

/** A note below an answer that did not end normally, with the possible actions. */
export function OutcomeNote({ chat, turn, isLast, isNews }: Shown) {
  const words = useWords()
  const isIdle = useStore(chat, ({ phase }) => phase.name === 'idle')
  const { outcome, answer, receipt } = turn
  const choices = isLast && isIdle ? <Choices chat={chat} turn={turn} /> : null

  if (outcome.name === 'cut' || outcome.name === 'failed') {
    return <FailureNote text={words[outcome.name]} failure={outcome.failure} isNews={isNews} until={waitOf(turn)} choices={choices} />
  }
  if (outcome.name === 'stopped') return <Note text={words.stopped} choices={choices} />
  if (receipt?.finishReason === 'length') return <Note text={words.tooLong} choices={choices} />
  if (receipt?.finishReason === 'content_filter') return <Note text={words.filtered} />
  return answer === '' && <Note text={words.empty} choices={choices} />
}

function Note({ text, choices }: { text: string; choices?: ReactNode }) {
  return (
    <div className={styles.note}>
      <p>{text}</p>
      {choices}
    </div>
  )
}

/** A note for an interrupted answer: the relay has the question, but cannot be reached. */
export function LostNote({ chat, failure }: { chat: Chat; failure: Failure }) {
  const words = useWords()
  const choices =
    failure.code === 'unauthorized' ? <AccessForm onEnter={chat.resume} /> : <Button onClick={chat.resume}>{words.reconnect}</Button>
  return <FailureNote text={words.lost} failure={failure} isNews until={0} choices={choices} />
}

interface Noted {
  text: string
  failure: Failure
  isNews: boolean
  /** When it makes sense to ask again, in milliseconds since the epoch. */
  until: number
  choices: ReactNode
}

function FailureNote({ text, failure, isNews, until, choices }: Noted) {
  const words = useWords()
  const mustWait = useCountdown(until) > 0
  const wait = failure.retryAfterSeconds
  return (
    <div className={styles.failure}>
      <p role={isNews ? 'alert' : undefined}>
        <strong>{text}</strong> <span>{wordsOfFailure(words, failure)}</span>{' '}
        {mustWait && wait !== null && <span>{words.retryAfter(wait)}</span>}
      </p>
      <FailureDetails failure={failure} />
      {choices}
    </div>
  )
}

/** The technical details for the operator, easy to select. */
function FailureDetails({ failure: { code, status, requestId } }: { failure: Failure }) {
  const words = useWords()
  return (
    <details className={styles.details}>
      <summary>{words.details}</summary>
      <p>
        <code>{code}</code>
        {status !== null && status >= 400 && <code>{status}</code>}
        {requestId !== null && (
          <span>
            {words.requestId} <code>{requestId}</code>
          </span>
        )}
      </p>
    </details>
  )
}

const toBeEdited = new Set(['question_too_long', 'request_too_large', 'unsupported_content'])

function Choices({ chat, turn }: Pick<Shown, 'chat' | 'turn'>) {
  const words = useWords()
  const page = usePage()
  const failure = 'failure' in turn.outcome ? turn.outcome.failure : null
  const left = useCountdown(waitOf(turn))
  // If the code was entered meanwhile, the reader only has to ask again.
  const needsCode = useStore(page.relay, ({ contact }) => contact.name === 'failed' && contact.code === 'unauthorized')

  function retry() {
    void chat.askInstead(turn.id, turn.question)
    focusNext()
  }

  function proceed() {
    void chat.proceed(words.proceedInstruction)
    focusNext()
  }

  // The same question would be refused again.
  if (failure !== null && toBeEdited.has(failure.code)) {
    return <Button onClick={() => page.editing.set(turn.id)}>{words.edit}</Button>
  }
  if (failure?.code === 'unauthorized' && needsCode) return <AccessForm onEnter={turn.answer === '' ? retry : proceed} />
  return (
    <div className={styles.choices}>
      {isUnfinished(turn) && <Button onClick={proceed}>{words.proceed}</Button>}
      {/* It keeps the focus while it waits, so it must not be `disabled`. */}
      <Button aria-disabled={left > 0} onClick={left > 0 ? undefined : retry}>
        {left > 0 ? words.retryIn(left) : words.retry}
      </Button>
    </div>
  )
}

function waitOf({ outcome, endedAt }: Turn): number {
  return endedAt + 1000 * (('failure' in outcome && outcome.failure.retryAfterSeconds) || 0)
}
