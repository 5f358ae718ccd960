/**
 * Ask an Askbot relay, and read the answer as it is written.
 *
 * This file stands alone: no dependencies, no build step, types in its comments.
 * Copy it into your own page. Askbot's page uses it as it is.
 *
 *     import { ask } from './askbot.js'
 *
 *     const answer = await ask({
 *       url: 'https://relay.example',
 *       question: 'Why is the sky blue?',
 *       onText: (text) => { paragraph.textContent = text },
 *     })
 */

/**
 * One message of a conversation.
 * @typedef {{ role: 'user' | 'assistant', content: string }} Message
 */

/**
 * Either one question, or a conversation, oldest first, that ends in the user's message.
 * @typedef {{ question: string } | { messages: readonly Message[] }} Asked
 */

/**
 * @typedef {object} Options
 * @property {string} [url] Where the relay is. Without it: where the page came from.
 * @property {string | undefined} [persona] Who answers. Without it: the relay's default persona.
 * @property {AbortSignal | undefined} [signal] Stops the answer; what was written until then is kept.
 * @property {((text: string) => void) | undefined} [onText] Called whenever text arrives, with the whole answer so far.
 */

/**
 * @typedef {object} Answer
 * @property {'finished' | 'stopped'} state
 * @property {string} text
 * @property {string | null} id The completion's id, if the relay got as far as making one.
 * @property {string | null} requestId What to quote when asking the operator about this answer.
 */

/**
 * Why there is no answer, or not a whole one.
 *
 * `code` is the relay's own (`rate_limited`, `upstream_timeout`, ...) or one of three that only
 * a client can see:
 *
 * - `unreachable`: no reply at all (no network, no relay, or a relay that does not allow this page)
 * - `unexpected_response`: something that is not the relay replied, such as a host's error page
 * - `cut`: the answer broke off; `text` holds what had arrived
 */
export class AskbotError extends Error {
  /**
   * @param {string} code
   * @param {string} message
   * @param {{ status?: number | null, requestId?: string | null, retryAfterSeconds?: number | null, text?: string, cause?: unknown }} [details]
   */
  constructor(code, message, { status = null, requestId = null, retryAfterSeconds = null, text = '', cause } = {}) {
    super(message, { cause })
    this.name = 'AskbotError'
    this.code = code
    this.status = status
    this.requestId = requestId
    this.retryAfterSeconds = retryAfterSeconds
    this.text = text
  }
}

/**
 * Ask, and resolve once the answer is whole or was stopped.
 *
 * Rejects with an `AskbotError` when there is no answer, or only a part of one.
 *
 * @param {Asked & Options} request
 * @returns {Promise<Answer>}
 */
export async function ask({ url = '', persona, signal, onText, ...asked }) {
  const messages = 'messages' in asked ? asked.messages : [{ role: 'user', content: asked.question }]
  /** @type {Answer} */
  const answer = { state: 'finished', text: '', id: null, requestId: null }

  try {
    const response = await post(`${url.replace(/\/+$/, '')}/aiCompletion`, { messages, persona }, signal)
    answer.id = response.headers.get('Completion-Id')
    answer.requestId = response.headers.get('X-Request-Id')
    await read(response, answer, onText)
  } catch (error) {
    // Stopping is what the reader chose: an outcome, however the connection took it.
    if (!(signal?.aborted && error instanceof AskbotError)) throw error
    answer.state = 'stopped'
  }
  return answer
}

/**
 * @param {string} url
 * @param {object} body
 * @param {AbortSignal | undefined} signal
 */
async function post(url, body, signal) {
  const request = {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', Accept: 'text/plain' },
    body: JSON.stringify(body),
    signal: signal ?? null,
  }
  const response = await fetch(url, request).catch((cause) => {
    throw new AskbotError('unreachable', 'The relay cannot be reached.', { cause })
  })
  if (!response.ok) throw refused(response, await errorIn(response))

  // A static host that does not know the path sends its start page, with 200: not an answer.
  const type = response.headers.get('Content-Type') ?? ''
  if (!/^text\/plain\b/i.test(type)) {
    await response.body?.cancel()
    throw refused(response, {})
  }
  return response
}

/**
 * @param {Response} response
 * @param {Answer} answer
 * @param {Options['onText']} onText
 */
async function read(response, answer, onText) {
  const reader = /** @type {ReadableStream<Uint8Array>} */ (response.body).getReader()
  const decoder = new TextDecoder()
  /** @param {unknown} [cause] */
  const cut = (cause) =>
    new AskbotError('cut', 'The answer broke off before it was complete.', {
      status: response.status,
      requestId: answer.requestId,
      text: answer.text,
      cause,
    })

  try {
    for (;;) {
      const { done, value } = await reader.read().catch((cause) => {
        throw cut(cause)
      })
      const text = decoder.decode(value, { stream: !done })
      if (done) {
        // Half a character was left over: some proxies make a cut look like an end.
        if (text !== '') throw cut()
        return
      }
      if (text !== '') {
        answer.text += text
        onText?.(answer.text)
      }
    }
  } catch (error) {
    // Also when `onText` throws, so that nobody goes on writing what nobody reads.
    reader.cancel().catch(() => {})
    throw error
  }
}

/**
 * The relay's error object, or an empty one when somebody else wrote the reply.
 *
 * @param {Response} response
 * @returns {Promise<{ code?: unknown, message?: unknown, request_id?: unknown }>}
 */
async function errorIn(response) {
  try {
    return JSON.parse(await response.text()).error ?? {}
  } catch {
    return {}
  }
}

/**
 * @param {Response} response
 * @param {{ code?: unknown, message?: unknown, request_id?: unknown }} error
 */
function refused(response, { code, message, request_id }) {
  const { status, headers } = response
  const details = {
    status,
    requestId: typeof request_id === 'string' ? request_id : headers.get('X-Request-Id'),
    retryAfterSeconds: secondsUntil(headers.get('Retry-After')),
  }
  if (typeof code === 'string' && typeof message === 'string') return new AskbotError(code, message, details)
  return new AskbotError('unexpected_response', `Something other than the relay replied, with status ${status}.`, details)
}

/**
 * `Retry-After` is a number of seconds or a date.
 *
 * @param {string | null} retryAfter
 */
function secondsUntil(retryAfter) {
  if (retryAfter === null) return null
  const seconds = /^\d+$/.test(retryAfter) ? Number(retryAfter) : (Date.parse(retryAfter) - Date.now()) / 1000
  return Number.isNaN(seconds) ? null : Math.max(0, Math.ceil(seconds))
}
