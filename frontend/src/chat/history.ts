import { newKey } from '../client/askbot.js'
import { createStore, type Store } from '../store.ts'
import type { Conversation } from './conversation.ts'

export interface HistoryState {
  /** The one that was changed last comes first. */
  conversations: readonly Conversation[]
  isLoaded: boolean
  /** False when the browser keeps nothing: conversations then end with the page. */
  isKept: boolean
}

export type Change = (conversation: Conversation) => Conversation

/** All conversations: shown from memory, kept in the browser, in step with its other tabs. */
export interface History extends Store<HistoryState> {
  /** Once it is known what was kept before. */
  loaded: Promise<void>
  find(id: string): Conversation | undefined
  /**
   * Changes a conversation here at once, and then where it is kept. There `change` meets what another
   * tab may have made of it meanwhile, so it must be pure; what comes of it is the result.
   */
  change(id: string, change: Change, options?: { create?: Conversation; isQuiet?: boolean }): Promise<Conversation | undefined>
  /** Puts a conversation there as it is, in place of one with its id. */
  put(conversation: Conversation): Promise<void>
  remove(id: string): Promise<void>
  /** Looks again, when a tab was away and may have missed what another one said. */
  refresh(id: string): void
}

/** Where conversations are kept. Every method may reject, and then nothing was kept. */
export interface Storage {
  all(): Promise<Conversation[]>
  read(id: string): Promise<Conversation | undefined>
  /** Atomic, also between tabs. Nothing is written when `change` gives back what it got. */
  change(id: string, change: (kept: Conversation | undefined) => Conversation | undefined): Promise<Conversation | undefined>
  remove(id: string): Promise<void>
}

/** How tabs tell one another which conversation has changed. */
export interface Channel {
  post(id: string): void
  listen(listener: (id: string) => void): void
}

export function createHistory(storage: Storage, channel: Channel): History {
  const { get, set, subscribe } = createStore<HistoryState>({ conversations: [], isLoaded: false, isKept: true })
  const underWay = new Map<string, number>()
  /** What could not be written: there, what this tab has counts, and not what is kept. */
  const unkept = new Set<string>()

  const find = (id: string) => get().conversations.find((conversation) => conversation.id === id)

  function show(id: string, conversation: Conversation | undefined) {
    if (find(id)?.revision === conversation?.revision) return
    const others = get().conversations.filter((other) => other.id !== id)
    set({ ...get(), conversations: conversation ? sorted([...others, conversation]) : others })
  }

  /** Shows what was kept in the end, unless the next change is already on its way there. */
  async function following(id: string, work: Promise<Conversation | undefined>, isWritten: boolean) {
    underWay.set(id, (underWay.get(id) ?? 0) + 1)
    let kept: Conversation | undefined
    try {
      kept = await work
      // Reading may go well where there is no room to write.
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
          // The very object that is shown, so that what did not change is not drawn again.
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
