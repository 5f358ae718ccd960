import { createContext, useContext } from 'react'
import { browserChannel, browserStorage } from '../chat/browserStorage.ts'
import { type Chat, createChats } from '../chat/chat.ts'
import { type Conversation, type Failure, isNews } from '../chat/conversation.ts'
import { paced } from '../chat/drawingPace.ts'
import { createHistory, type History } from '../chat/history.ts'
import { ask, personas, progress, resume, stop } from '../client/askbot.js'
import { createStore, type Store, type WritableStore } from '../store.ts'
import { type Address, createAddress } from './address.ts'
import { createWording, languageOf, type Wording } from './chosenLanguage.ts'
import { drafts, NEW_DRAFT } from './drafts.ts'
import { createConnection } from './online.ts'
import { createRelay, FIRST_PAUSE_MS, isAway, LONGEST_PAUSE_MS, type Relay } from './relayContact.ts'
import { createSettings, type SettingsStore } from './settings.ts'

/** `search` is the list of conversations, entered by its search field. */
export type Panel = { name: 'conversations' | 'search' | 'settings' | 'help' } | { name: 'rename' | 'export'; id: string }

/** The page's state and actions, without its look. */
export interface Page {
  /** The relay's address; empty for the page's own origin. */
  relayUrl: string
  history: History
  address: Address
  relay: Relay
  settings: SettingsStore
  words: Wording
  isOnline: Store<boolean>
  /** The dialog that is open. */
  panel: WritableStore<Panel | null>
  /** The turn whose question is being edited. */
  editing: WritableStore<string | null>
  /** The last deletion, which can be undone. */
  deleted: WritableStore<Conversation | null>
  chat(id: string): Chat
  /** The reader's choice for new conversations, if the relay has it; null for the relay's default. */
  chosenPersona(): string | null
  ask(chat: Chat, question: string, pictures?: readonly string[]): Promise<boolean>
  remove(id: string): void
  /** Shows the deleted conversation at once. The undo ends when it is stored. */
  undo(): Promise<void>
}

export function createPage(relayUrl: string): Page {
  const settings = createSettings()
  const relay = createRelay(relayUrl, personas, languageOf(settings))
  const history = createHistory(browserStorage, browserChannel)
  const address = createAddress()
  const deleted = createStore<Conversation | null>(null)
  const isOnline = createConnection(relayUrl)
  const mostMessages = () => relay.get().known?.limits.messages ?? null
  const chats = createChats(history, {
    ask,
    resume,
    stop,
    progress,
    url: relayUrl,
    token: relay.token,
    persona: chosenPersona,
    mostMessages,
    mostPictures,
    pace: paced,
    onMiss,
  })

  function mostPictures(persona: string | null): number {
    const { known } = relay.get()
    const accepts = known?.personas.find(({ id }) => id === (persona ?? known.defaultPersona))?.accepts_images ?? false
    return accepts ? (known?.limits.pictures?.max ?? 0) : 0
  }

  function chosenPersona() {
    const { known } = relay.get()
    const chosen = settings.get().persona
    return known === null || known.personas.some(({ id }) => id === chosen) ? chosen : null
  }

  let wasAway = false
  let pauseMs = FIRST_PAUSE_MS

  /** Asks whether the relay is back, with a longer pause after each failure. Then answers are resumed. */
  function onMiss({ code }: Failure) {
    if (!isAway(code)) return
    wasAway = true
    setTimeout(() => void relay.meet(), pauseMs)
    pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS)
  }

  /** Resumes hidden conversations too, because no other tab may be reading them. */
  function resumeAll() {
    for (const { id, running } of history.get().conversations) if (running) chats.open(id).resume()
  }

  relay.subscribe(() => {
    const { contact } = relay.get()
    if (contact.name === 'failed') wasAway = true
    if (contact.name !== 'reached' || !wasAway) return
    wasAway = false
    resumeAll()
  })

  /** Marks the shown conversation as seen. */
  function see() {
    const shown = history.find(address.get().id)
    if (shown === undefined || !isNews(shown) || document.visibilityState === 'hidden') return
    // By the clock of the answer's end if that is ahead: it may have been set back since, or be another machine's.
    void history.change(shown.id, (latest) => ({ ...latest, seenAt: Math.max(Date.now(), latest.turns.at(-1)?.endedAt ?? 0) }))
  }

  // In a microtask, so that the current change is stored first.
  history.subscribe(() => queueMicrotask(see))
  address.subscribe(see)
  // Only the last action can be undone.
  address.subscribe(() => deleted.set(null))

  /** Called after the tab was asleep, or the network or the relay was away. */
  function catchUp() {
    const { id } = address.get()
    history.refresh(id)
    see()
    if (chats.open(id).get().phase.name === 'lost') chats.open(id).resume()
    if (relay.get().contact.name === 'failed') void relay.meet()
  }

  addEventListener('online', catchUp)
  addEventListener('pageshow', ({ persisted }) => persisted && catchUp())
  document.addEventListener('visibilitychange', () => document.visibilityState === 'visible' && catchUp())

  async function begin() {
    await history.loaded
    if (history.get().isKept) drafts.prune(history.get().conversations)
    resumeAll()
  }

  void begin()

  return {
    relayUrl,
    history,
    address,
    relay,
    settings,
    words: createWording(settings),
    isOnline,
    panel: createStore<Panel | null>(null),
    editing: createStore<string | null>(null),
    deleted,
    chat: chats.open,
    chosenPersona,
    async ask(chat, question, pictures) {
      const wasAsked = await chat.ask(question, pictures)
      if (!wasAsked) return false
      deleted.set(null)
      pauseMs = FIRST_PAUSE_MS
      if (address.get().id === chat.id && address.get().isNew) {
        address.settle()
        drafts.save(NEW_DRAFT, '')
      }
      return true
    },
    remove(id) {
      const before = history.find(id)
      if (before === undefined) return
      chats.open(id).stop()
      void history.remove(id)
      if (address.get().id === id) address.leave()
      deleted.set(before)
    },
    async undo() {
      const before = deleted.get()
      if (before === null) return
      const keeping = history.put(before)
      address.go(before.id)
      // A change of the address also ends the undo.
      deleted.set(before)
      await keeping
      if (deleted.get() === before) deleted.set(null)
    },
  }
}

export const PageContext = createContext<Page | null>(null)

export function usePage(): Page {
  const page = useContext(PageContext)
  if (page === null) throw new Error('There is no page around this component.')
  return page
}
