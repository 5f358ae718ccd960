import { createContext, useContext } from 'react'
import { browserChannel, browserStorage } from '../chat/browserStorage.ts'
import { type Chat, createChats } from '../chat/chat.ts'
import type { Conversation } from '../chat/conversation.ts'
import { createHistory, type History } from '../chat/history.ts'
import { paced } from '../chat/pace.ts'
import { ask, personas, resume, stop } from '../client/askbot.js'
import { createStore, type Store, type WritableStore } from '../store.ts'
import { type Address, createAddress } from './address.ts'
import { createConnection } from './connection.ts'
import { createRelay, type Relay } from './relay.ts'
import { createSettings, type SettingsStore } from './settings.ts'

export type Panel = 'conversations' | 'conversation' | 'settings' | 'help'

/** What was lost by the reader's own hand, and can be had back. */
export interface Undoable {
  what: 'deleted' | 'replaced'
  before: Conversation
}

/** All that the page knows and can do, apart from how it looks. */
export interface Page {
  /** Where the relay is; empty where the page came from. */
  relayUrl: string
  history: History
  address: Address
  relay: Relay
  settings: SettingsStore
  isOnline: Store<boolean>
  /** The dialog that is open. */
  panel: WritableStore<Panel | null>
  /** The turn whose question is being edited. */
  editing: WritableStore<string | null>
  undoable: WritableStore<Undoable | null>
  chat(id: string): Chat
  ask(chat: Chat, question: string): Promise<boolean>
  /** Asks in place of a turn and what came after it; what was there can be had back. */
  askInstead(chat: Chat, turn: string, question: string): Promise<boolean>
  remove(id: string): void
  undo(): void
}

export function createPage(relayUrl: string): Page {
  const settings = createSettings()
  const relay = createRelay(relayUrl, personas)
  const history = createHistory(browserStorage, browserChannel)
  const address = createAddress()
  const undoable = createStore<Undoable | null>(null)
  const chats = createChats(history, { ask, resume, stop, url: relayUrl, token: relay.token, persona, pace: paced })

  function persona() {
    const there = relay.get()
    const chosen = settings.get().persona
    return there.name === 'reached' && there.personas.some(({ id }) => id === chosen) ? chosen : null
  }

  return {
    relayUrl,
    history,
    address,
    relay,
    settings,
    isOnline: createConnection(relayUrl),
    panel: createStore<Panel | null>(null),
    editing: createStore<string | null>(null),
    undoable,
    chat: chats.open,
    async ask(chat, question) {
      const asked = chat.ask(question)
      if (address.get().id === chat.id) address.settle()
      return asked
    },
    async askInstead(chat, turn, question) {
      const before = history.find(chat.id)
      const lost = before?.turns.slice(before.turns.findIndex(({ id }) => id === turn)) ?? []
      const asked = chat.askInstead(turn, question)
      if (before && lost.some(({ answer }) => answer !== '')) undoable.set({ what: 'replaced', before })
      return asked
    },
    remove(id) {
      const before = history.find(id)
      if (before === undefined) return
      chats.open(id).stop()
      void history.remove(id)
      undoable.set({ what: 'deleted', before })
      if (address.get().id === id) address.go(null)
    },
    undo() {
      const undone = undoable.get()
      if (undone === null) return
      undoable.set(null)
      chats.open(undone.before.id).stop()
      void history.put(undone.before)
      address.go(undone.before.id)
    },
  }
}

export const PageContext = createContext<Page | null>(null)

export function usePage(): Page {
  const page = useContext(PageContext)
  if (page === null) throw new Error('There is no page around this component.')
  return page
}
