import { newKey } from '../client/askbot.js'
import { createStore, type Store } from '../store.ts'
import type { Conversation } from './conversation.ts'

export interface HistoryState {
  /** The last changed conversation comes first. */
  conversations: readonly Conversation[]
  isLoaded: boolean
  /** False if the browser stores nothing. Conversations then end with the page. */
  isKept: boolean
}

export type Change = (conversation: Conversation) => Conversation

/** All conversations: shown from memory, stored in the browser, synchronised between its tabs. */
export interface History extends Store<HistoryState> {
  /** Resolves when the stored conversations are loaded. */
  loaded: Promise<void>
  find(id: string): Conversation | undefined
  /**
   * Changes a conversation in memory at once, and then in the storage. Another tab may have changed the
   * stored one, so `change` runs on both and must be pure. Resolves to the stored result.
   */
  change(id: string, change: Change, options?: { create?: Conversation; isQuiet?: boolean }): Promise<Conversation | undefined>
  /** Stores a conversation unchanged, in place of one with the same id. */
  put(conversation: Conversation): Promise<void>
  remove(id: string): Promise<void>
  /** Reads the storage again, after the tab may have missed messages of others. */
  refresh(id: string): void
}

/** The storage of conversations. If a method rejects, nothing was stored. */
export interface Storage {
  all(): Promise<Conversation[]>
  read(id: string): Promise<Conversation | undefined>
  /** Atomic, also between tabs. Writes nothing if `change` returns its argument. */
  change(id: string, change: (kept: Conversation | undefined) => Conversation | undefined): Promise<Conversation | undefined>
  remove(id: string): Promise<void>
}

/** The messages between tabs about changed conversations. */
export interface Channel {
  post(id: string): void
  listen(listener: (id: string) => void): void
}

export function createHistory(storage: Storage, channel: Channel): History {
  const { get, set, subscribe } = createStore<HistoryState>({ conversations: [], isLoaded: false, isKept: true })
  const underWay = new Map<string, number>()
  /** Conversations that could not be stored. For them the state in memory counts. */
  const unkept = new Set<string>()

  const find = (id: string) => get().conversations.find((conversation) => conversation.id === id)

  function show(id: string, conversation: Conversation | undefined) {
    if (find(id)?.revision === conversation?.revision) return
    const others = get().conversations.filter((other) => other.id !== id)
    set({ ...get(), conversations: conversation ? sorted([...others, conversation]) : others })
  }

  /** Shows the stored result, unless the next change is already under way. */
  async function following(id: string, work: Promise<Conversation | undefined>, isWritten: boolean) {
    underWay.set(id, (underWay.get(id) ?? 0) + 1)
    let kept: Conversation | undefined
    try {
      kept = await work
      // A successful read does not mean that there is room to write.
      if (isWritten) unkept.delete(id)
      if (isWritten && unkept.size === 0 && !get().isKept) set({ ...get(), isKept: true })
    } catch (error) {
      console.warn('This browser did not keep a conversation:', error)
      if (isWritten) unkept.add(id)
      set({ ...get(), isKept: false })
      kept = find(id)
    }
    const left = underWay.get(id)! - 1
    underWay.set(id, left)
    if (left === 0) {
      underWay.delete(id)
      show(id, kept)
    }
    return kept
  }

  function refresh(id: string) {
    if (!unkept.has(id)) void following(id, storage.read(id), false)
  }

  channel.listen(refresh)

  async function load() {
    try {
      const kept = await storage.all()
      const here = get().conversations
      const ids = new Set(here.map(({ id }) => id))
      set({ ...get(), conversations: sorted([...here, ...kept.filter(({ id }) => !ids.has(id))]), isLoaded: true })
    } catch (error) {
      console.warn('This browser does not keep conversations:', error)
      set({ ...get(), isLoaded: true, isKept: false })
    }
  }

  return {
    loaded: load(),
    refresh,
    get,
    subscribe,
    find,
    async change(id, change, { create, isQuiet = false } = {}) {
      const before = find(id) ?? create
      if (before === undefined) return undefined
      const after = changed(before, change)
      show(id, after)
      const kept = await following(
        id,
        storage.change(id, (there) => {
          // Reuses the shown object, so that unchanged parts are not drawn again.
          const isKnown = there === undefined ? create !== undefined : there.revision === before.revision
          if (isKnown || unkept.has(id)) return after
          return there && changed(there, change)
        }),
        true,
      )
      if (!isQuiet) channel.post(id)
      return kept
    },
    async put(conversation) {
      const stamped = { ...conversation, revision: newKey() }
      show(stamped.id, stamped)
      await following(
        stamped.id,
        storage.change(stamped.id, () => stamped),
        true,
      )
      channel.post(stamped.id)
    },
    async remove(id) {
      show(id, undefined)
      await following(
        id,
        storage.remove(id).then(() => undefined),
        true,
      )
      channel.post(id)
    },
  }
}

function changed(conversation: Conversation, change: Change): Conversation {
  const after = change(conversation)
  return after === conversation ? conversation : { ...after, revision: newKey() }
}

const sorted = (conversations: readonly Conversation[]) => conversations.toSorted((a, b) => b.changedAt - a.changedAt)
