import { useSyncExternalStore } from 'react'
import type { Store } from './store.ts'

/** Renders again only when the selected part changes. Select the smallest part you need. */
export function useStore<State, Part>(store: Store<State>, select: (state: State) => Part): Part {
  return useSyncExternalStore(store.subscribe, () => select(store.get()))
}
