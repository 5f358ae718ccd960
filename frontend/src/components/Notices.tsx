import type { Chat, ChatState } from '../chat/chat.ts'
import { usePage } from '../page/page.ts'
import { isAway } from '../page/relayContact.ts'
import { pageVersion } from '../pwa/pwa.ts'
import { useStore } from '../useStore.ts'
import { useWords, wordsOfFailure } from '../words/words.ts'
import { AccessForm } from './AccessForm.tsx'
import { Button } from './Button.tsx'
import { Notice } from './Notice.tsx'
import styles from './Notices.module.css'
import { UndoNotice } from './UndoNotice.tsx'

/** Notices about the page itself, above the field where they are seen. */
export function Notices({ chat }: { chat: Chat }) {
  const words = useWords()
  const page = usePage()
  const isOnline = useStore(page.isOnline, (online) => online)
  const isListOpen = useStore(page.panel, (panel) => panel?.name === 'conversations' || panel?.name === 'search')
  const isKept = useStore(page.history, (history) => history.isKept)

  return (
    <div className={styles.notices} aria-live="polite">
      {!isOnline && <Notice text={words.offline} />}
      {isOnline && <RelayNotice chat={chat} />}
      {!isKept && <Notice text={words.notKept} />}
      {/* An open list has its own copy. */}
      {!isListOpen && <UndoNotice />}
      <VersionNotice />
    </div>
  )
}

function RelayNotice({ chat }: { chat: Chat }) {
  const words = useWords()
  const { relay, relayUrl } = usePage()
  const contact = useStore(relay, (state) => state.contact)
  const toldCode = useStore(chat, codeOfFailure)
  // A relay without personas works too.
  if (contact.name !== 'failed' || contact.code === 'not_found') return null
  // The conversation says it already.
  if (toldCode === contact.code || (isAway(toldCode) && isAway(contact.code))) return null
  if (contact.code === 'unauthorized') {
    return (
      <Notice text={words.failures.unauthorized}>
        <AccessForm key={relay.token()} onEnter={() => {}} />
      </Notice>
    )
  }
  const text = isAway(contact.code) ? words.away : wordsOfFailure(words, contact)
  return (
    <Notice text={import.meta.env.DEV ? `${text} ${hintForDevelopers(relayUrl)}` : text}>
      <Button onClick={() => void relay.meet()}>{words.reconnect}</Button>
    </Notice>
  )
}

/** The failure at the end of a conversation, or "". */
function codeOfFailure({ turns, phase }: ChatState): string {
  if (phase.name === 'lost') return phase.failure.code
  const outcome = turns.at(-1)?.outcome
  return phase.name === 'idle' && outcome && 'failure' in outcome ? outcome.failure.code : ''
}

/** Without an address of its own the relay stands behind the server of the page. */
const hintForDevelopers = (relayUrl: string) =>
  relayUrl === ''
    ? 'Start the relay (make run), or name another in RELAY_URL.'
    : `No relay at ${new URL(relayUrl).origin}: start it (make run), and check VITE_API_URL and CORS_ORIGINS.`

function VersionNotice() {
  const words = useWords()
  const version = useStore(pageVersion, (state) => state)
  if (version.name === 'current') return null
  if (version.name === 'changing') return <Notice text={words.changingVersion} />
  return (
    <Notice text={words.newVersion}>
      <Button onClick={pageVersion.update}>{words.reload}</Button>
    </Notice>
  )
}
