import { trusted } from '../trustedTypes.ts'
import { createPageVersion } from './pageVersion.ts'

const WORKER = `${import.meta.env.BASE_URL}sw.js`
const policy = trusted('askbot-worker', { createScriptURL: (address: string) => (address === WORKER ? address : '') })

const HOUR_MS = 60 * 60 * 1000

export const pageVersion = createPageVersion(() => location.reload())

/** Keeps the page for when there is no network, where the browser can. */
export function registerWorker(): void {
  if (!import.meta.env.PROD || !('serviceWorker' in navigator)) return
  // What the worker fetches would compete with what the page needs first.
  if (document.readyState === 'complete') void register()
  else addEventListener('load', register, { once: true })
}

async function register(): Promise<void> {
  try {
    const registration = await navigator.serviceWorker.register(policy.createScriptURL(WORKER))
    pageVersion.watch(registration)
    checkForUpdates(registration)
  } catch (error) {
    console.warn('The page works, but not without a network:', error)
  }
}

/** By itself a browser checks only when a page is opened, and this one may stay open for days. */
function checkForUpdates(registration: ServiceWorkerRegistration): void {
  const check = () => {
    // Without a network there is nothing to find, and the next check is never far.
    registration.update().catch(() => {})
  }
  setInterval(check, HOUR_MS)
  document.addEventListener('visibilitychange', () => {
    if (document.visibilityState === 'visible') check()
  })
}
