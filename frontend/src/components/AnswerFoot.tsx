import type { Chat } from '../chat/chat.ts'
import { isUnfinished, type Turn } from '../chat/conversation.ts'
import { usePage } from '../page/page.ts'
import { useStore } from '../useStore.ts'
import { useWords, type Words } from '../words/words.ts'
import styles from './AnswerFoot.module.css'
import { CopyButton } from './CopyButton.tsx'
import { focusNext } from './focus.ts'
import { IconButton } from './IconButton.tsx'
import { Menu } from './Menu.tsx'
import { ReadAloud } from './ReadAloud.tsx'
import { VersionSwitch } from './VersionSwitch.tsx'
import { hasVoices } from './voiceParts.ts'

/** The actions on an answer, and the facts about it. */
export function AnswerFoot({ chat, turn, isLast }: { chat: Chat; turn: Turn; isLast: boolean }) {
  const words = useWords()
  const isIdle = useStore(chat, ({ phase }) => phase.name === 'idle')

  return (
    <div className={styles.foot}>
      <VersionSwitch chat={chat} turn={turn} />
      <CopyButton text={turn.answer} label={words.copyAnswer} />
      {hasVoices && <ReadAloud turn={turn.id} />}
      {isLast && isIdle && !isUnfinished(turn) && <Again chat={chat} turn={turn} />}
      <p className={styles.receipt} title={[words.receipt, turn.receipt?.model].filter(Boolean).join(': ')}>
        {receiptOf(turn, words).join(' · ')}
      </p>
    </div>
  )
}

/** Asks for another answer to the question, from the same or another persona. */
function Again({ chat, turn }: { chat: Chat; turn: Turn }) {
  const words = useWords()
  const known = useStore(usePage().relay, (relay) => relay.known)
  const hasPictures = turn.pictures.length > 0
  const others = (known?.personas ?? []).filter(
    ({ id, accepts_images }) => id !== (turn.persona ?? known?.defaultPersona) && (accepts_images || !hasPictures),
  )

  function ask(persona?: string) {
    void chat.askInstead(turn.id, turn.question, { persona })
    focusNext()
  }

  return (
    <>
      <IconButton icon="again" label={words.retry} onClick={() => ask()} />
      {others.length > 0 && (
        <Menu
          icon="people"
          label={words.askSomebodyElse}
          items={others.map(({ id, name }) => ({ icon: 'again', name, onChoose: () => ask(id) }))}
        />
      )}
    </>
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
