/** A value with subscribers, as components and tests see the page's state. */
export interface Store<State> {
  get(): State
  subscribe(listener: () => void): () => void
}

export interface WritableStore<State> extends Store<State> {
  set(state: State): void
}

export function createStore<State>(initial: State): WritableStore<State> {
  let state = initial
  const listeners = new Set<() => void>()
  return {
    get: () => state,
    set(next) {
      state = next
      for (const listener of listeners) listener()
    },
    subscribe(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
  }
}
