import { setTimeout as sleep } from 'node:timers/promises'
import lighthouse from 'lighthouse'
import { launch } from './browser.js'

const AFTER_LOAD_MS = 3000

/**
 * How much of each kind, in bytes as gzip, the empty page requests by itself. What a service
 * worker fetches for later is not among it: the browser reports that elsewhere.
 *
 * @param {import('./site.js').Site} site
 */
export async function measureWeight(site) {
  const browser = await launch()
  try {
    const page = await browser.newPage()
    /** @type {Set<string>} */
    const requested = new Set()
    page.on('request', (request) => requested.add(request.url()))
    await page.goto(site.url, { waitUntil: 'load' })
    await sleep(AFTER_LOAD_MS)
    const gzipBytes = (/** @type {string} */ extension) =>
      [...requested].filter((url) => new URL(url).pathname.endsWith(extension)).reduce((sum, url) => sum + site.gzipBytes(url), 0)
    return { scriptBytes: gzipBytes('.js'), styleBytes: gzipBytes('.css') }
  } finally {
    await browser.close()
  }
}

/** @typedef {{ performance: number, accessibility: number, bestPractices: number, seo: number, failed: string[] }} Scores */

/**
 * Lighthouse's scores of a first visit, from 0 to 100: on the phone and the network that it simulates.
 *
 * @param {string} url
 * @returns {Promise<Scores>}
 */
export async function audit(url) {
  const browser = await launch()
  try {
    const port = Number(new URL(browser.wsEndpoint()).port)
    const result = await lighthouse(url, { port, output: 'json', logLevel: 'error' })
    if (!result || result.lhr.runtimeError) throw new Error(result?.lhr.runtimeError?.message ?? 'Lighthouse measured nothing.')
    const { categories, audits } = result.lhr
    const score = (/** @type {string} */ name) => Math.round((categories[name].score ?? 0) * 100)
    const counting = Object.values(categories).flatMap(({ auditRefs }) => auditRefs.filter(({ weight }) => weight > 0))
    return {
      performance: score('performance'),
      accessibility: score('accessibility'),
      bestPractices: score('best-practices'),
      seo: score('seo'),
      failed: counting.map(({ id }) => id).filter((id) => (audits[id].score ?? 1) < 0.9),
    }
  } finally {
    await browser.close()
  }
}
