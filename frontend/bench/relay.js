import { setTimeout as sleep } from 'node:timers/promises'
import { answerWithFormulas, longAnswer, oldAnswer } from './answer.js'

/** The question for the answer with formulas. */
export const FOR_FORMULAS = 'Show the formulas.'

const CHUNKS = 1000

const PERSONAS = {
  default: 'askbot',
  personas: [{ id: 'askbot', name: 'Askbot', description: 'A bot.', greeting: 'Hello!', suggestions: ['Why is the sky blue?'] }],
}

/**
 * Plays the relay: a question "old: 12" gets the old answer 12 at once. "Show the formulas." gets the long
 * one with formulas, any other the long one without, both spread evenly over `seconds`.
 *
 * @param {number} seconds
 * @returns {(request: import('node:http').IncomingMessage, response: import('node:http').ServerResponse) => Promise<boolean>}
 *     Whether the request was one for the relay.
 */
export function scriptedRelay(seconds) {
  /** @type {Map<string, number>} */
  const bytesByKey = new Map()

  return async (request, response) => {
    const path = request.url ?? ''
    if (path === '/personas') sendJson(response, 200, PERSONAS)
    else if (path === '/aiCompletion' && request.method === 'POST') await answer(request, response)
    else if (path.startsWith('/aiCompletion/') && request.method === 'GET') sendReceipt(path, response)
    else return false
    return true
  }

  /**
   * @param {import('node:http').IncomingMessage} request
   * @param {import('node:http').ServerResponse} response
   */
  async function answer(request, response) {
    const key = String(request.headers['idempotency-key'])
    const question = await questionIn(request)
    const old = /^old: (\d+)/.exec(question)
    const text = old ? oldAnswer(Number(old[1])) : question === FOR_FORMULAS ? answerWithFormulas() : longAnswer()
    response.writeHead(200, {
      'Content-Type': 'text/plain; charset=utf-8',
      'Cache-Control': 'no-store',
      'Completion-Id': key,
      'X-Request-Id': key,
    })
    if (old) response.write(text)
    else await writeEvenly(response, text, seconds)
    bytesByKey.set(key, Buffer.byteLength(text))
    response.end()
  }

  /**
   * @param {string} path
   * @param {import('node:http').ServerResponse} response
   */
  function sendReceipt(path, response) {
    const id = path.slice('/aiCompletion/'.length)
    const bytes = bytesByKey.get(id)
    if (bytes === undefined) {
      sendJson(response, 404, { error: { code: 'not_found', message: 'There is no such answer.', request_id: id } })
      return
    }
    sendJson(response, 200, {
      id,
      state: 'finished',
      bytes,
      finish_reason: 'stop',
      usage: { prompt_tokens: 7, completion_tokens: 4281, total_tokens: 4288 },
      error: null,
      first_token_ms: 5,
      duration_ms: seconds * 1000,
      model: 'scripted',
    })
  }
}

/** @param {import('node:http').IncomingMessage} request */
async function questionIn(request) {
  /** @type {Buffer[]} */
  const chunks = []
  for await (const chunk of request) chunks.push(chunk)
  const { messages } = JSON.parse(Buffer.concat(chunks).toString())
  return String(messages.at(-1).content)
}

/**
 * @param {import('node:http').ServerResponse} response
 * @param {string} text
 * @param {number} seconds
 */
async function writeEvenly(response, text, seconds) {
  const characters = Array.from(text)
  const start = performance.now()
  for (let index = 0; index < CHUNKS; index++) {
    // Each has its own time, counted from the start: being late once does not delay all others.
    const early = start + (index / CHUNKS) * seconds * 1000 - performance.now()
    if (early > 0) await sleep(early)
    const from = Math.round((index / CHUNKS) * characters.length)
    const to = Math.round(((index + 1) / CHUNKS) * characters.length)
    response.write(characters.slice(from, to).join(''))
  }
}

/**
 * @param {import('node:http').ServerResponse} response
 * @param {number} status
 * @param {unknown} value
 */
function sendJson(response, status, value) {
  response.writeHead(status, { 'Content-Type': 'application/json', 'Cache-Control': 'no-store' })
  response.end(JSON.stringify(value))
}
