import { createStore, type Store } from '../store.ts'

/** Whether the browser has a network. A relay on the reader's own machine needs none. */
export function createConnection(url: string): Store<boolean> {
  const { get, set, subscribe } = createStore(isOnline(url))
  for (const event of ['online', 'offline']) addEventListener(event, () => set(isOnline(url)))
  return { get, subscribe }
}

const loopback = /^(localhost|.*\.localhost|127(\.\d+){3}|\[::1\])$/

const isOnline = (url: string) => navigator.onLine || loopback.test(new URL(url, location.href).hostname)
