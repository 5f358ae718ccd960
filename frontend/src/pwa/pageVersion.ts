import { createStore, type Store } from '../store.ts'

/** `ready`: a newer version is here, and waits for the reader; `changing`: they want it, and the browser is at it. */
export type VersionState = { name: 'current' } | { name: 'ready' } | { name: 'changing' }

export interface PageVersion extends Store<VersionState> {
  watch(registration: ServiceWorkerRegistration): void
  /** Changes to the version that is ready. Other tabs keep their code, and the answers they are writing. */
  update(): void
}

export function createPageVersion(reload: () => void): PageVersion {
  const state = createStore<VersionState>({ name: 'current' })
  let watched: ServiceWorkerRegistration | null = null

  return {
    get: state.get,
    subscribe: state.subscribe,
    watch(registration) {
      watched = registration
      const look = () => {
        // A first worker waits for a moment too, and replaces nothing.
        if (registration.active && registration.waiting) state.set({ name: 'ready' })
      }
      const follow = () => registration.installing?.addEventListener('statechange', look)
      registration.addEventListener('updatefound', follow)
      follow()
      look()
    },
    update() {
      const worker = watched?.waiting
      // Where another tab has changed over already, a reload is all that is left to do.
      if (!worker) return reload()
      // It may take half a minute when the old worker has just been busy.
      state.set({ name: 'changing' })
      worker.addEventListener('statechange', () => {
        if (worker.state === 'activated') reload()
      })
      // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a worker, unlike a window, takes none
      worker.postMessage({ type: 'SKIP_WAITING' })
    },
  }
}
