import type { Chat } from '../chat/chat.ts'
import type { Turn } from '../chat/conversation.ts'
import { versionOf } from '../chat/versions.ts'
import { useStore } from '../useStore.ts'
import { useWords } from '../words/words.ts'
import { IconButton } from './IconButton.tsx'
import styles from './VersionSwitch.module.css'

/** Switches between the versions of a turn. */
export function VersionSwitch({ chat, turn }: { chat: Chat; turn: Turn }) {
  const words = useWords()
  const isIdle = useStore(chat, ({ phase }) => phase.name === 'idle')
  const { number, of } = versionOf(turn)
  if (of === 1) return null

  // At either end, and during an answer, the button does nothing but keeps the focus.
  const to = (next: number) => {
    const isThere = isIdle && next >= 1 && next <= of
    return isThere ? { onClick: () => chat.show(turn.id, next) } : { 'aria-disabled': true }
  }

  return (
    <span className={styles.versions}>
      <IconButton icon="back" label={words.earlierVersion} {...to(number - 1)} />
      <span aria-hidden="true">
        {number}/{of}
      </span>
      <output className="visually-hidden">{words.version(number, of)}</output>
      <IconButton icon="forth" label={words.laterVersion} {...to(number + 1)} />
    </span>
  )
}
