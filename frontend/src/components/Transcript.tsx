import { useRef } from 'react'
import type { Chat } from '../chat/chat.ts'
import { useStore } from '../useStore.ts'
import { useWords } from '../words/words.ts'
import styles from './Transcript.module.css'
import { TurnView } from './TurnView.tsx'
import { useFollow } from './useFollow.ts'

export function Transcript({ chat }: { chat: Chat }) {
  const words = useWords()
  const turns = useStore(chat, (state) => state.turns)
  const liveId = useStore(chat, ({ phase }) => (phase.name === 'idle' ? null : phase.id))
  const scroller = useRef<HTMLElement>(null)
  const list = useRef<HTMLOListElement>(null)
  useFollow(scroller, list, liveId)

  const ids = turns.map(({ id }) => id)
  if (liveId !== null) ids.push(liveId)

  return (
    // A region that scrolls has to take the focus, or the keyboard cannot scroll it.
    // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex
    <main ref={scroller} className={styles.scroller} tabIndex={0} aria-label={words.conversation}>
      {ids.length === 0 && (
        <div className={styles.greeting}>
          <p>{words.greeting}</p>
          <p>{words.greetingHint}</p>
        </div>
      )}
      <ol ref={list} className={styles.turns}>
        {ids.map((id, index) => (
          // The live turn and the settled one are the same element, so that text which the
          // reader has selected stays selected when the answer ends.
          <li key={id}>
            <TurnView chat={chat} turn={turns[index] ?? null} isLast={index === ids.length - 1} />
          </li>
        ))}
      </ol>
    </main>
  )
}
