import { newKey } from '../client/askbot.js'
import { createStore, type Store } from '../store.ts'

/** The conversation that this tab shows: the one after the `#` of its address, or a new one. */
export interface Place {
  id: string
  isNew: boolean
}

export interface Address extends Store<Place> {
  /** Shows another conversation; the browser's "back" returns from it. Null begins a new one. */
  go(id: string | null): void
  /** Leaves a deleted conversation, so that "back" does not return to it. */
  leave(): void
  /** Gives a new conversation its address. */
  settle(): void
}

export function createAddress(): Address {
  const { get, set, subscribe } = createStore(here())
  addEventListener('popstate', () => set(here()))
  return {
    get,
    subscribe,
    go(id) {
      if (id === null ? get().isNew : id === get().id) return
      history.pushState(null, '', hrefOf(id))
      set(here())
    },
    leave() {
      history.replaceState(null, '', hrefOf(null))
      set(here())
    },
    settle() {
      const { id, isNew } = get()
      if (!isNew) return
      history.pushState(null, '', hrefOf(id))
      set({ id, isNew: false })
    },
  }
}

export const hrefOf = (id: string | null) => (id === null ? location.pathname + location.search : `#${id}`)

function here(): Place {
  const id = location.hash.slice(1)
  return id === '' ? { id: newKey(), isNew: true } : { id, isNew: false }
}
