import { memo, type KeyboardEvent, type Ref, useId } from 'react'
import { type Conversation, isNews, titleOf } from '../chat/conversation.ts'
import { groupsOf, hitsIn, snippetOf } from '../chat/listing.ts'
import { hrefOf } from '../page/address.ts'
import { usePage } from '../page/page.ts'
import { useStore } from '../useStore.ts'
import { languageOf } from '../words/languageOf.ts'
import { useWords } from '../words/words.ts'
import styles from './ConversationList.module.css'
import { ConversationMenu } from './ConversationMenu.tsx'

interface Reached {
  /** The text of the search, or "". */
  query: string
  onOpen: (conversation: Conversation) => void
  onArrow: (event: KeyboardEvent) => void
  onRemoved: () => void
}

/** Conversations by day, as they were found. There may be hundreds, and a running answer changes one each second. */
export const ConversationList = memo(function ConversationList({ ref, found, ...reached }: { ref: Ref<HTMLElement>; found: readonly Conversation[] } & Reached) {
  const words = useWords()
  const isEmpty = useStore(usePage().history, ({ conversations }) => conversations.length === 0)
  const groups = groupsOf(found)

  return (
    // Takes the focus when the focused entry is deleted.
    <nav ref={ref} tabIndex={-1} className={styles.list} aria-label={words.conversations}>
      {groups.map(({ name, conversations }) => (
        <section key={name}>
          <h2 className={styles.day}>{words.groups[name]}</h2>
          <ul>
            {conversations.map((conversation) => (
              // What a time is called changes with the day.
              <Entry key={conversation.id} conversation={conversation} when={words.when(conversation.changedAt)} {...reached} />
            ))}
          </ul>
        </section>
      ))}
      {groups.length === 0 && <p className={styles.hint}>{isEmpty ? words.noConversations : words.nothingFound}</p>}
    </nav>
  )
})

const Entry = memo(function Entry({ conversation, when, query, onOpen, onArrow, onRemoved }: { conversation: Conversation; when: string } & Reached) {
  const words = useWords()
  const page = usePage()
  const { id, running, changedAt } = conversation
  const isShown = useStore(page.address, (place) => place.id === id)
  const title = titleOf(conversation) || words.untitled
  const snippet = snippetOf(conversation, query)
  const timeId = useId()

  return (
    <li className={styles.entry}>
      <a
        href={hrefOf(id)}
        aria-current={isShown ? 'page' : undefined}
        aria-describedby={timeId}
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
        <span className={styles.name} dir="auto">
          <Hits text={title} query={query} />
        </span>
      </a>
      <time id={timeId} className={styles.time} dateTime={new Date(changedAt).toISOString()}>
        {when}
      </time>
      {snippet !== null && (
        <p className={styles.snippet} lang={languageOf(snippet)} dir="auto">
          <Hits text={snippet} query={query} />
        </p>
      )}
      <ConversationMenu conversation={conversation} label={words.optionsFor(title)} onRemoved={onRemoved} />
    </li>
  )
})

function Hits({ text, query }: { text: string; query: string }) {
  // The same word may be hit twice: the place is the identity.
  // oxlint-disable-next-line react/no-array-index-key
  return hitsIn(text, query).map((part, place) => (part.isHit ? <mark key={place}>{part.text}</mark> : <span key={place}>{part.text}</span>))
}
