import { trusted } from '../trustedTypes.ts'
import { createPageVersion } from './pageVersion.ts'

const WORKER = `${import.meta.env.BASE_URL}sw.js`
const policy = trusted('askbot-worker', { createScriptURL: (address: string) => (address === WORKER ? address : '') })

const HOUR_MS = 60 * 60 * 1000

export const pageVersion = createPageVersion(() => location.reload())

/** Stores the page for use without a network, if the browser can. */
export function registerWorker(): void {
  if (!import.meta.env.PROD || !('serviceWorker' in navigator)) return
  // Waits, because the worker's downloads would compete with the page's own.
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

/** Checks for a new version. A browser checks only when a page is opened, and this one may stay open for days. */
function checkForUpdates(registration: ServiceWorkerRegistration): void {
  const check = () => {
    // Fails without a network. The next check follows soon.
    registration.update().catch(() => {})
  }
  setInterval(check, HOUR_MS)
  document.addEventListener('visibilitychange', () => {
    if (document.visibilityState === 'visible') check()
  })
}
