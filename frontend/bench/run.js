// Measures the built page in Chromium, and says which of its goals it meets: `node run.js [--quick]`.
import { readFileSync, writeFileSync } from 'node:fs'
import { cpus, loadavg } from 'node:os'
import { fileURLToPath } from 'node:url'
import { launch } from './browser.js'
import { judge } from './goals.js'
import { audit, measureWeight } from './load.js'
import { FOR_FORMULAS } from './relay.js'
import { threadTable, verdictTable } from './report.js'
import { serve } from './site.js'
import { measureThread } from './thread.js'

const OLD_TURNS = 60

// Others on the machine make everything slower: their part can be judged by this.
const loadBefore = loadavg().map((load) => Number(load.toFixed(1)))

const isQuick = process.argv.includes('--quick')
const rounds = isQuick ? 1 : 3
const answerSeconds = isQuick ? 3 : 10

const site = await serve(fileURLToPath(new URL('../dist', import.meta.url)), answerSeconds)
try {
  /** @type {import('./goals.js').Samples} */
  const samples = { empty: [], long: [], formulas: [], weights: [], audits: [] }
  for (let round = 1; round <= rounds; round++) {
    console.error(`Round ${round} of ${rounds} ...`)
    samples.empty.push(await measureThread(site.url, answerSeconds, 0))
    samples.long.push(await measureThread(site.url, answerSeconds, OLD_TURNS))
    samples.formulas.push(await measureThread(site.url, answerSeconds, 0, FOR_FORMULAS))
    samples.weights.push(await measureWeight(site))
    samples.audits.push(await audit(site.url))
  }

  const verdicts = judge(samples)
  console.log(`${verdictTable(verdicts)}\n\n${threadTable(samples)}`)
  const failed = new Set(samples.audits.flatMap((scores) => scores.failed))
  if (failed.size > 0) console.log(`\nBelow 90 in Lighthouse: ${[...failed].join(', ')}.`)
  // Shorter answers cost less, so what they cost is no result.
  if (!isQuick) {
    const result = { date: new Date().toISOString().slice(0, 10), machine: machine(), versions: await versions(), verdicts, samples }
    writeFileSync(new URL('results.json', import.meta.url), `${JSON.stringify(result, null, 1)}\n`)
  }
  process.exitCode = verdicts.every(({ isMet }) => isMet) ? 0 : 1
} finally {
  site.close()
}

function machine() {
  const processors = cpus()
  return { processor: processors[0].model, cores: processors.length, load: loadBefore }
}

async function versions() {
  const browser = await launch()
  const chromium = await browser.version()
  await browser.close()
  const { version } = JSON.parse(readFileSync(new URL('node_modules/lighthouse/package.json', import.meta.url), 'utf8'))
  return { chromium, lighthouse: version, node: process.versions.node }
}
