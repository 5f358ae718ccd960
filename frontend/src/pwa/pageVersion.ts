import { createStore, type Store } from '../store.ts'

/** `ready`: a newer version waits for the reader. `changing`: the browser is switching to it. */
export type VersionState = { name: 'current' } | { name: 'ready' } | { name: 'changing' }

export interface PageVersion extends Store<VersionState> {
  watch(registration: ServiceWorkerRegistration): void
  /** Switches to the ready version. Other tabs keep their code and their running answers. */
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
        // The first worker also waits for a moment, but replaces no version.
        if (registration.active && registration.waiting) state.set({ name: 'ready' })
      }
      const follow = () => registration.installing?.addEventListener('statechange', look)
      registration.addEventListener('updatefound', follow)
      follow()
      look()
    },
    update() {
      const worker = watched?.waiting
      // If another tab has already switched, only a reload is left.
      if (!worker) return reload()
      // This may take half a minute if the old worker was busy.
      state.set({ name: 'changing' })
      worker.addEventListener('statechange', () => {
        if (worker.state === 'activated') reload()
      })
      // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a worker, unlike a window, takes none
      worker.postMessage({ type: 'SKIP_WAITING' })
    },
  }
}
