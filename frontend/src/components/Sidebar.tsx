import { useCallback, useDeferredValue, useEffect, useMemo, useRef, useState, type KeyboardEvent } from 'react'
import type { Conversation } from '../chat/conversation.ts'
import { groupsOf, search } from '../chat/listing.ts'
import { usePage } from '../page/page.ts'
import { useStore } from '../useStore.ts'
import { useWords } from '../words/words.ts'
import { ConversationList } from './ConversationList.tsx'
import { focusNext } from './focus.ts'
import { Icon } from './Icon.tsx'
import { isComposing } from './isComposing.ts'
import styles from './Sidebar.module.css'
import { UndoNotice } from './UndoNotice.tsx'
import { SEARCH_FIELD } from './useShortcuts.ts'

/** A much longer one is too much for a regular expression. */
const LONGEST_QUERY = 1000

/** All conversations, and the page's general actions. */
export function Sidebar({ isInDialog = false, isSearched = false }: { isInDialog?: boolean; isSearched?: boolean }) {
  const words = useWords()
  const page = usePage()
  const conversations = useStore(page.history, (history) => history.conversations)
  const [query, setQuery] = useState('')
  const wanted = useDeferredValue(query)
  const found = useMemo(() => search(conversations, wanted), [conversations, wanted])

  const field = useRef<HTMLInputElement>(null)
  const list = useRef<HTMLElement>(null)

  useEffect(() => {
    if (isSearched) field.current?.focus()
  }, [isSearched])

  function begin() {
    page.panel.set(null)
    page.address.go(null)
  }

  const open = useCallback(
    ({ id }: Conversation) => {
      page.panel.set(null)
      page.address.go(id)
      focusNext()
    },
    [page],
  )

  const onRemoved = useCallback(() => {
    // Elements behind a dialog cannot have the focus.
    if (isInDialog) list.current!.focus()
    else focusNext()
  }, [isInDialog])

  /** The arrows go from the field down into the list, and back. */
  const onArrow = useCallback((event: KeyboardEvent) => {
    const step = event.key === 'ArrowDown' ? 1 : event.key === 'ArrowUp' ? -1 : 0
    const stops: HTMLElement[] = [field.current!, ...list.current!.querySelectorAll('a')]
    const next = stops[stops.indexOf(event.currentTarget as HTMLElement) + step]
    if (step === 0 || next === undefined) return
    event.preventDefault()
    next.focus()
  }, [])

  function onSearchKey(event: KeyboardEvent) {
    if (isComposing(event.nativeEvent)) return
    onArrow(event)
    if (event.key !== 'Enter') return
    // The list may still show the results for the previous letter.
    const first = groupsOf(search(conversations, query))[0]?.conversations[0]
    if (first) open(first)
  }

  return (
    <div className={styles.sidebar}>
      {!isInDialog && (
        <div className={styles.brand}>
          <img src={`${import.meta.env.BASE_URL}icon.svg`} alt="" width="28" height="28" />
          <span>Askbot</span>
        </div>
      )}
      <button type="button" className={styles.begin} onClick={begin}>
        <Icon name="plus" />
        {words.newConversation}
      </button>
      <div className={styles.search}>
        <Icon name="search" />
        <input
          ref={field}
          id={SEARCH_FIELD}
          type="search"
          maxLength={LONGEST_QUERY}
          aria-label={words.search}
          placeholder={words.search}
          value={query}
          onChange={(event) => setQuery(event.target.value)}
          onKeyDown={onSearchKey}
        />
      </div>
      <ConversationList ref={list} found={found} query={wanted} onOpen={open} onArrow={onArrow} onRemoved={onRemoved} />
      {isInDialog && <UndoNotice />}
      <div className={styles.foot}>
        <button type="button" onClick={() => page.panel.set({ name: 'settings' })}>
          <Icon name="sliders" />
          {words.settings}
        </button>
        <button type="button" className={styles.help} onClick={() => page.panel.set({ name: 'help' })}>
          <Icon name="keys" />
          {words.help}
        </button>
      </div>
    </div>
  )
}
