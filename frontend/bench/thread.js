import { setTimeout as sleep } from 'node:timers/promises'
import { LAST_WORDS, lastWordsOfOld } from './answer.js'
import { answered, type, withPage } from './browser.js'
import { CATEGORIES, tasksOfPage } from './tasks.js'

// By then the page has fetched ahead what it wants to, and keeps still.
const SETTLE_MS = 3000

/**
 * @typedef {object} Busy In seconds.
 * @property {number} seconds How long it was watched.
 * @property {number} task The main thread's time in tasks. What follows is part of it.
 * @property {number} script
 * @property {number} layout
 * @property {number} style
 * @property {number} cpu The thread's time on a processor: less than `task` where others compete for it.
 */

/**
 * @typedef {object} ThreadSample
 * @property {number} oldTurns
 * @property {number} netSeconds What the answer costs beyond an idle page.
 * @property {number} longestTaskMs
 * @property {number} tasksOver50Ms
 * @property {number} tasksOver100Ms
 * @property {Busy} answer From Enter to the end of the answer.
 * @property {Busy} idle
 */

/**
 * What a long answer costs the page's main thread, after `oldTurns` short questions and answers.
 *
 * @param {string} url
 * @param {number} answerSeconds
 * @param {number} oldTurns
 * @param {string} [question]
 * @returns {Promise<ThreadSample>}
 */
export function measureThread(url, answerSeconds, oldTurns, question = 'Why is the sky blue?') {
  return withPage(url, async (page) => {
    for (let turn = 1; turn <= oldTurns; turn++) {
      await type(page, `old: ${turn}`)
      await page.keyboard.press('Enter')
      await answered(page, lastWordsOfOld(turn))
    }
    await type(page, question)
    await sleep(SETTLE_MS)

    const clock = await clockOf(page)
    await page.tracing.start({ categories: CATEGORIES })
    const beforeIdle = await clock()
    await sleep(answerSeconds * 1000)
    const start = await clock()
    await page.keyboard.press('Enter')
    // Asking the page whether it has the end takes its thread's time: not before it can be there.
    await sleep(answerSeconds * 1000)
    await answered(page, LAST_WORDS)
    const end = await clock()
    const tasks = tasksOfPage(await page.tracing.stop(), start['Timestamp'], end['Timestamp'])

    const answer = busyBetween(start, end)
    const idle = busyBetween(beforeIdle, start)
    return {
      oldTurns,
      netSeconds: answer.task - (idle.task / idle.seconds) * answer.seconds,
      longestTaskMs: Math.max(...tasks),
      tasksOver50Ms: tasks.filter((milliseconds) => milliseconds > 50).length,
      tasksOver100Ms: tasks.filter((milliseconds) => milliseconds > 100).length,
      answer,
      idle,
    }
  })
}

/** @param {import('puppeteer-core').Page} page */
async function clockOf(page) {
  const devtools = await page.createCDPSession()
  await devtools.send('Performance.enable')
  return async () => {
    const { metrics } = await devtools.send('Performance.getMetrics')
    return Object.fromEntries(metrics.map(({ name, value }) => [name, value]))
  }
}

/**
 * @param {Record<string, number>} before
 * @param {Record<string, number>} after
 * @returns {Busy}
 */
function busyBetween(before, after) {
  const spent = (/** @type {string} */ name) => after[name] - before[name]
  return {
    seconds: spent('Timestamp'),
    task: spent('TaskDuration'),
    script: spent('ScriptDuration'),
    layout: spent('LayoutDuration'),
    style: spent('RecalcStyleDuration'),
    cpu: spent('ThreadTime'),
  }
}
