import { lazy, Suspense, useEffect } from 'react'
import styles from './App.module.css'
import { titleOf } from './chat/conversation.ts'
import { Composer } from './components/Composer.tsx'
import { Dialog } from './components/Dialog.tsx'
import { Header } from './components/Header.tsx'
import { Notices } from './components/Notices.tsx'
import { Sidebar } from './components/Sidebar.tsx'
import { Status } from './components/Status.tsx'
import { Transcript } from './components/Transcript.tsx'
import { useIsWide } from './components/useIsWide.ts'
import { useShortcuts } from './components/useShortcuts.ts'
import { NEW_DRAFT } from './page/drafts.ts'
import { usePage } from './page/page.ts'
import { useStore } from './useStore.ts'
import { useWords, WordsContext } from './words/words.ts'

/** Parts that are rarely opened are loaded when they are. */
const Panels = lazy(async () => {
  try {
    return await import('./components/Panels.tsx')
  } catch {
    return { default: MissingPanel }
  }
})

export function App() {
  const page = usePage()
  const theme = useStore(page.settings, (settings) => settings.theme)
  const textSize = useStore(page.settings, (settings) => settings.textSize)
  const words = useStore(page.words, (spoken) => spoken)
  const { id, isNew } = useStore(page.address, (place) => place)
  const conversation = useStore(page.history, () => page.history.find(id))
  const isLoaded = useStore(page.history, (history) => history.isLoaded)
  const panel = useStore(page.panel, (open) => open)
  const isWide = useIsWide()
  const title = conversation ? titleOf(conversation) : ''
  const chat = page.chat(id)
  useShortcuts(page, chat)

  useEffect(() => {
    document.documentElement.lang = words.lang
    void page.relay.meet(words.lang)
  }, [page, words])

  useEffect(() => {
    document.documentElement.dataset['theme'] = theme
    // The colour of what the browser draws around the page.
    for (const meta of document.querySelectorAll<HTMLMetaElement>('meta[name="theme-color"]')) {
      const own = meta.dataset['theme']
      meta.media = theme === 'system' ? `(prefers-color-scheme: ${own})` : theme === own ? 'all' : 'not all'
    }
  }, [theme])

  useEffect(() => {
    document.documentElement.dataset['textSize'] = textSize
  }, [textSize])

  useEffect(() => {
    document.title = title === '' ? 'Askbot' : `${title} – Askbot`
  }, [title])

  useEffect(() => {
    // The conversation was deleted, here or in another tab, or the address is from another browser.
    if (isLoaded && !isNew && conversation === undefined) page.address.leave()
  }, [page, isLoaded, isNew, conversation])

  const isListed = panel?.name === 'conversations' || panel?.name === 'search'
  const isPointless = isListed && isWide

  useEffect(() => {
    // Closed for good, so that it does not come back by itself.
    if (isPointless) page.panel.set(null)
  }, [page, isPointless])

  return (
    <WordsContext value={words}>
      <div className={styles.page}>
        {isWide && (
          <aside className={styles.aside}>
            <Sidebar />
          </aside>
        )}
        <div className={styles.conversation}>
          <Header title={title} conversation={conversation} isWide={isWide} />
          <Transcript key={`transcript ${id}`} chat={chat} />
          <div className={styles.foot}>
            <Notices chat={chat} />
            <Composer key={`composer ${id}`} chat={chat} draftName={isNew ? NEW_DRAFT : id} />
          </div>
          <Status key={`status ${id}`} chat={chat} />
        </div>
      </div>
      {isListed && !isWide && (
        <Dialog title={words.conversations} placement="side">
          <Sidebar isInDialog isSearched={panel.name === 'search'} />
        </Dialog>
      )}
      {panel !== null && !isListed && (
        <Suspense>
          <Panels panel={panel} />
        </Suspense>
      )}
    </WordsContext>
  )
}

/** Shown if the rest of the page cannot be loaded, without a network or after an update of the server. */
function MissingPanel() {
  const words = useWords()
  return (
    <Dialog title={words.notLoaded}>
      <p>{words.notLoadedHint}</p>
    </Dialog>
  )
}
