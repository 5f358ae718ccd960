import { useRef, useState } from 'react'
import type { Chat } from '../chat/chat.ts'
import { useStore } from '../useStore.ts'
import { useWords } from '../words/words.ts'
import { focusConversation } from './focus.ts'
import { Greeting } from './Greeting.tsx'
import { Icon } from './Icon.tsx'
import styles from './Transcript.module.css'
import { TurnView } from './TurnView.tsx'
import { useScrollFollow } from './useScrollFollow.ts'

export function Transcript({ chat }: { chat: Chat }) {
  const words = useWords()
  const turns = useStore(chat, (state) => state.turns)
  const live = useStore(chat, ({ phase }) => (phase.name === 'idle' ? null : phase.turn))
  const scroller = useRef<HTMLElement>(null)
  const [openedAt] = useState(Date.now)
  const list = useRef<HTMLOListElement>(null)
  const { isAtEnd, toEnd } = useScrollFollow(scroller, list, live)
  const [lastAsked, setLastAsked] = useState(live)

  if (live !== null && live !== lastAsked) setLastAsked(live)

  const ids = turns.map(({ id }) => id)
  if (live !== null) ids.push(live)

  return (
    <div className={styles.transcript}>
      {/* A region that scrolls has to take the focus, or the keyboard cannot scroll it. */}
      {/* oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex */}
      <main ref={scroller} className={styles.scroller} tabIndex={0} aria-label={words.conversation}>
        {ids.length === 0 && <Greeting chat={chat} />}
        <ol ref={list} className={styles.turns}>
          {ids.map((id, index) => (
            // The live turn and the settled one share an element, so that a selection of the reader
            // survives the end of the answer. Versions of a turn share it too, so that the focus stays.
            // oxlint-disable-next-line react/no-array-index-key
            <li key={index} data-asked={id === lastAsked || undefined}>
              <TurnView
                chat={chat}
                turn={turns[index] ?? null}
                isLast={index === ids.length - 1}
                isNews={(turns[index]?.endedAt ?? 0) > openedAt}
              />
            </li>
          ))}
        </ol>
      </main>
      {!isAtEnd && ids.length > 0 && (
        <button
          type="button"
          className={styles.latest}
          onClick={() => {
            toEnd()
            focusConversation()
          }}
        >
          <Icon name="down" />
          {words.latest}
        </button>
      )}
    </div>
  )
}
