import { useDeferredValue, useEffect, useMemo, useRef, useState, type KeyboardEvent } from 'react'
import { type Conversation, isNews, search, titleOf } from '../chat/conversation.ts'
import { hrefOf } from '../page/address.ts'
import { usePage } from '../page/page.ts'
import { useStore } from '../useStore.ts'
import { languageOf } from '../words/languageOf.ts'
import { useWords } from '../words/words.ts'
import { Icon } from './Icon.tsx'
import { focusNext } from './focus.ts'
import { IconButton } from './IconButton.tsx'
import { isComposing } from './isComposing.ts'
import styles from './Sidebar.module.css'
import { SEARCH_FIELD } from './useShortcuts.ts'

/** All conversations, and what belongs to none of them. */
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

  function open({ id }: Conversation) {
    page.panel.set(null)
    page.address.go(id)
    focusNext()
  }

  /** The arrows go from the field down into the list, and back. */
  function onArrow(event: KeyboardEvent) {
    const step = event.key === 'ArrowDown' ? 1 : event.key === 'ArrowUp' ? -1 : 0
    const stops: HTMLElement[] = [field.current!, ...list.current!.querySelectorAll('a')]
    const next = stops[stops.indexOf(event.currentTarget as HTMLElement) + step]
    if (step === 0 || next === undefined) return
    event.preventDefault()
    next.focus()
  }

  function onSearchKey(event: KeyboardEvent) {
    if (isComposing(event.nativeEvent)) return
    onArrow(event)
    if (event.key !== 'Enter') return
    // What is listed may still be that of the letter before.
    const [first] = search(conversations, query)
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
          aria-label={words.search}
          placeholder={words.search}
          value={query}
          onChange={(event) => setQuery(event.target.value)}
          onKeyDown={onSearchKey}
        />
      </div>
      <nav ref={list} className={styles.list} aria-label={words.conversations}>
        <ul>
          {found.map((conversation) => (
            <Entry key={conversation.id} conversation={conversation} onOpen={open} onArrow={onArrow} />
          ))}
        </ul>
        {conversations.length === 0 && <p className={styles.hint}>{words.noConversations}</p>}
        {conversations.length > 0 && found.length === 0 && <p className={styles.hint}>{words.nothingFound}</p>}
      </nav>
      <div className={styles.foot}>
        <button type="button" onClick={() => page.panel.set('settings')}>
          <Icon name="sliders" />
          {words.settings}
        </button>
        <button type="button" className={styles.help} onClick={() => page.panel.set('help')}>
          <Icon name="keys" />
          {words.help}
        </button>
      </div>
    </div>
  )
}

interface Listed {
  conversation: Conversation
  onOpen: (conversation: Conversation) => void
  onArrow: (event: KeyboardEvent) => void
}

function Entry({ conversation, onOpen, onArrow }: Listed) {
  const words = useWords()
  const page = usePage()
  const { id, running } = conversation
  const isShown = useStore(page.address, (place) => place.id === id)
  const title = titleOf(conversation) || words.untitled

  return (
    <li className={styles.entry}>
      <a
        href={hrefOf(id)}
        aria-current={isShown ? 'page' : undefined}
        lang={languageOf(title)}
        onClick={(event) => {
          if (event.ctrlKey || event.metaKey || event.shiftKey || event.button !== 0) return
          event.preventDefault()
          onOpen(conversation)
        }}
        onKeyDown={onArrow}
      >
        {(running ?? isNews(conversation)) && (
          <span className={running ? styles.running : styles.news}>
            <span className="visually-hidden">{running ? words.beingAnswered : words.newAnswer}</span>
          </span>
        )}
        <span className={styles.name} dir="auto">{title}</span>
      </a>
      <IconButton
        icon="bin"
        label={words.removeNamed(title)}
        onClick={() => {
          page.remove(id)
          focusNext()
        }}
      />
    </li>
  )
}
