import { setTimeout as sleep } from 'node:timers/promises'
import puppeteer from 'puppeteer-core'

const LOOK_EVERY_MS = 50
const LIMIT_MS = 60_000

export function launch() {
  return puppeteer.launch({
    executablePath: process.env['CHROMIUM'] ?? '/usr/bin/chromium',
    headless: true,
    defaultViewport: { width: 1280, height: 800 },
    // It loads nothing but this project's page, and in a container it has no sandbox to run in.
    args: ['--no-sandbox'],
  })
}

/**
 * Does `work` with the page open in a browser that knows nothing of the one before.
 *
 * @template Result
 * @param {string} url
 * @param {(page: import('puppeteer-core').Page) => Promise<Result>} work
 */
export async function withPage(url, work) {
  const browser = await launch()
  try {
    const page = await browser.newPage()
    await page.goto(url, { waitUntil: 'load' })
    await until('the page can be typed into', () => page.evaluate(() => document.querySelector('main') !== null && document.querySelector('textarea') !== null))
    return await work(page)
  } finally {
    await browser.close()
  }
}

/**
 * Types the question; Enter sends it.
 *
 * @param {import('puppeteer-core').Page} page
 * @param {string} question
 */
export async function type(page, question) {
  await page.evaluate(() => document.querySelector('textarea')?.focus())
  await page.keyboard.sendCharacter(question)
}

/**
 * Until the answer is there to its last words, and the page is ready for the next question.
 *
 * @param {import('puppeteer-core').Page} page
 * @param {string} lastWords
 */
export function answered(page, lastWords) {
  return until(`it reads "${lastWords}"`, () =>
    page.evaluate((words) => {
      const isIdle = document.querySelector('button[type=submit]') !== null
      return isIdle && (document.querySelector('main')?.textContent.includes(words) ?? false)
    }, lastWords),
  )
}

/**
 * Asks from here: what puppeteer has for it builds functions from text in the page, which a
 * strict security policy forbids.
 *
 * @param {string} what
 * @param {() => Promise<boolean>} isSo
 */
async function until(what, isSo) {
  const limit = performance.now() + LIMIT_MS
  while (!(await isSo())) {
    if (performance.now() > limit) throw new Error(`Waited for ${LIMIT_MS / 1000} s in vain until ${what}.`)
    await sleep(LOOK_EVERY_MS)
  }
}
