import type { Failure, Turn } from '../chat/chat.ts'
import { useWords, wordsOfFailure } from '../words/words.ts'
import styles from './OutcomeNote.module.css'

/** What the reader has to know about an answer that did not simply end. */
export function OutcomeNote({ turn, onRetry }: { turn: Turn; onRetry: (() => void) | null }) {
  const words = useWords()
  const { outcome, answer } = turn

  const retry = onRetry && (
    <button type="button" className={styles.retry} onClick={onRetry}>
      {words.retry}
    </button>
  )

  switch (outcome.name) {
    case 'finished':
      return answer === '' && <div className={styles.note}>{words.empty}</div>
    case 'stopped':
      return (
        <div className={styles.note}>
          {words.stopped} {retry}
        </div>
      )
    case 'cut':
    case 'failed':
      return (
        <div role="alert" className={styles.failure}>
          <p>
            <strong>{words[outcome.name]}</strong> <FailureText failure={outcome.failure} />
          </p>
          <FailureDetails failure={outcome.failure} />
          {retry}
        </div>
      )
  }
}

function FailureText({ failure }: { failure: Failure }) {
  const words = useWords()
  const wait = failure.retryAfterSeconds
  return (
    <>
      {wordsOfFailure(words, failure)} {wait !== null && words.retryAfter(wait)}
    </>
  )
}

/** For whoever is asked for help: in their words, and easy to select. */
function FailureDetails({ failure: { code, status, requestId } }: { failure: Failure }) {
  const words = useWords()
  return (
    <p className={styles.details}>
      <code>{code}</code>
      {status !== null && <code>{status}</code>}
      {requestId !== null && (
        <span>
          {words.requestId} <code>{requestId}</code>
        </span>
      )}
    </p>
  )
}
