import type { ReactNode } from 'react'
import { titleOf } from '../chat/conversation.ts'
import { usePage } from '../page/page.ts'
import { pageVersion } from '../pwa/pwa.ts'
import { useStore } from '../useStore.ts'
import { useWords, wordsOfFailure } from '../words/words.ts'
import { AccessForm } from './AccessForm.tsx'
import { Button } from './Button.tsx'
import { focusNext } from './focus.ts'
import { IconButton } from './IconButton.tsx'
import styles from './Notices.module.css'

/** What the page has to say about itself, above the field so that it is not overlooked. */
export function Notices() {
  const words = useWords()
  const page = usePage()
  const isOnline = useStore(page.isOnline, (online) => online)
  const isKept = useStore(page.history, (history) => history.isKept)

  return (
    <div className={styles.notices} aria-live="polite">
      {!isOnline && <Notice text={words.offline} />}
      {isOnline && <RelayNotice />}
      {!isKept && <Notice text={words.notKept} />}
      <UndoNotice />
      <VersionNotice />
    </div>
  )
}

function Notice({ text, children }: { text: string; children?: ReactNode }) {
  return (
    <div className={styles.notice}>
      <p>{text}</p>
      {children}
    </div>
  )
}

function RelayNotice() {
  const words = useWords()
  const { relay, relayUrl } = usePage()
  const state = useStore(relay, (now) => now)
  // A relay without personas is one all the same.
  if (state.name !== 'failed' || state.code === 'not_found') return null
  if (state.code === 'unauthorized') {
    return (
      <Notice text={words.failures.unauthorized}>
        <AccessForm key={relay.token()} onEnter={() => {}} />
      </Notice>
    )
  }
  const isMissing = ['unreachable', 'relay_unreachable', 'unexpected_response'].includes(state.code)
  const address = new URL(relayUrl, location.href).origin
  return (
    <Notice text={isMissing ? `${words.relayMissing(address)} ${words.relayMissingHint}` : wordsOfFailure(words, state)}>
      <Button onClick={() => void relay.meet()}>{words.tryAgain}</Button>
    </Notice>
  )
}

function UndoNotice() {
  const words = useWords()
  const page = usePage()
  const undoable = useStore(page.undoable, (state) => state)
  if (undoable === null) return null

  function dismiss() {
    page.undoable.set(null)
    focusNext()
  }

  return (
    <Notice text={undoable.what === 'deleted' ? words.deleted(titleOf(undoable.before)) : words.replaced}>
      <Button
        onClick={() => {
          void page.undo()
          focusNext()
        }}
      >{words.undo}</Button>
      <IconButton icon="cross" label={words.dismiss} onClick={dismiss} />
    </Notice>
  )
}

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
