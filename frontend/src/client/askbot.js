/**
 * Ask an Askbot relay, and read the answer as it is written, across dropped connections.
 *
 * This file stands alone: no dependencies, no build step. Copy it into your own page, with
 * `askbot.d.ts` beside it if the page is written in TypeScript. Askbot's page uses it as it is.
 *
 *     import { ask } from './askbot.js'
 *
 *     const answer = await ask({
 *       url: 'https://relay.example',
 *       question: 'Why is the sky blue?',
 *       onText: (text) => { paragraph.textContent = text },
 *     })
 *
 * The interface comes first: `ask`, `resume`, `stop`, `progress`, `personas` and `newKey`, and then their types. The
 * implementation follows in three parts:
 *
 * 1. Reading. The bytes of a reply become text as they arrive.
 * 2. Resuming. The relay keeps the answer under the question's key. After a broken connection the client
 *    requests the rest, from the byte where it broke. At the end it compares the answer with the relay's
 *    receipt, because some proxies make a cut look like an end.
 * 3. Requests and errors. Which requests are tried again, and the `AskbotError` when that does not help.
 */

/**
 * Ask, and resolve once the answer is whole or was stopped. Without a `persona` the relay's default one answers.
 *
 * Rejects with an `AskbotError` when there is no answer, or only a part of one. The relay refuses a question
 * with a status and the body `{"error": {"code": "...", "message": "...", "request_id": "..."}}`; the error has
 * all of these. After the head of a reply a failure has no status: the relay can only cut the connection. Then
 * the error has the message of the receipt.
 *
 * @param {Asked & Options & { persona?: string | undefined }} request
 * @returns {Promise<Answer>}
 */
export async function ask({ persona, ...options }) {
  const messages = 'messages' in options ? options.messages : [{ role: 'user', content: options.question }]
  const reading = new Reading(options)
  const headers = { 'Content-Type': 'application/json', Accept: 'text/plain', 'Idempotency-Key': reading.key }
  const question = { method: 'POST', headers, body: JSON.stringify({ messages, persona }) }
  return readToItsEnd(reading, () => send(reading, question))
}

/**
 * Resume the answer to `key`, after a reload for example. `text` is the part that the page has, and `etag` came
 * with it from `onText` or an error. Without the `etag` the rest may belong to another writing.
 *
 * @param {Options & { key: string, text?: string | undefined, etag?: string | null | undefined }} request
 * @returns {Promise<Answer>}
 */
export async function resume({ text = '', etag = null, ...options }) {
  const reading = new Reading(options, text, etag)
  reading.isAsked = true
  return readToItsEnd(reading, () => (text === '' ? missing(reading) : rest(reading)))
}

/**
 * Stop the answer to `key`, and its cost. The text so far stays readable.
 *
 * Rejects with an `AskbotError` when the relay could not be reached, or refuses.
 *
 * @param {Pick<Options, 'url' | 'token' | 'backOffMs'> & { key: string }} request
 */
export async function stop({ key, ...options }) {
  // `keepalive` lets the request outlive the page.
  const init = { method: 'DELETE', keepalive: true }
  // After a 404 try again: the question may still be on its way to the relay.
  const response = await request(options, `/aiCompletion/${key}`, init, TRIES_TO_ASK, (status) => [0, 404, 429].includes(status) || status >= 500)
  if (!response.ok && response.status !== 404) throw refused(response, await jsonIn(response))
}

/**
 * The relay's record of the answer to `key`. While the answer is running it tells what the model does.
 *
 * Rejects with an `AskbotError` when the relay could not be reached, or does not know the answer.
 *
 * @param {Pick<Options, 'url' | 'token' | 'signal'> & { key: string }} request
 * @returns {Promise<Receipt>}
 */
export async function progress({ key, ...options }) {
  return (await fetchReceipt({ options, key }, 1)).receipt
}

/**
 * The relay's personas, in the given language if they have it.
 *
 * Rejects with an `AskbotError` when the relay cannot be reached, or refuses.
 *
 * @param {Pick<Options, 'url' | 'token' | 'signal'> & { language?: string | undefined }} [request]
 * @returns {Promise<{ default: string, personas: Persona[] }>}
 */
export async function personas({ language, ...options } = {}) {
  const headers = { Accept: 'application/json', ...(language && { 'Accept-Language': language }) }
  const response = await request(options, '/personas', { headers })
  const found = await jsonIn(response)
  if (!response.ok || !Array.isArray(found?.personas)) throw refused(response, found)
  return found
}

/** A key for a question: a random UUID (RFC 9562). Works on a page over plain HTTP too. */
export function newKey() {
  if (crypto.randomUUID) return crypto.randomUUID()
  const bytes = crypto.getRandomValues(new Uint8Array(16))
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20)}`
}

/**
 * One message of a conversation. A user's message may have pictures, if the relay accepts them: it is a list of
 * parts then, with each picture as a `data:` URL.
 * @typedef {{ role: 'user' | 'assistant', content: string | readonly Part[] }} Message
 */

/**
 * @typedef {{ type: 'text', text: string } | { type: 'image_url', image_url: { url: string } }} Part
 */

/**
 * Either one question, or a conversation, oldest first, that ends in the user's message.
 * @typedef {{ question: string } | { messages: readonly Message[] }} Asked
 */

/**
 * @typedef {object} Options
 * @property {string | undefined} [url] The relay's address. The default is the page's own origin.
 * @property {string | undefined} [token] The access code, if the relay needs one. It is sent as a bearer token (RFC 6750).
 * @property {string | undefined} [key] A UUID that you make, for `resume` and `stop`. Keep it secret.
 * @property {AbortSignal | undefined} [signal] Ends the reading. The relay goes on for a while; `stop` ends the answer.
 * @property {((text: string, etag: string | null) => void) | undefined} [onText] Called whenever the text changes, with the
 *   whole answer so far: show it in place of the last one. The text grows. If the answer had to be written again, it
 *   starts over with ''. `etag` identifies the writing: store both to `resume` after a reload.
 * @property {number | undefined} [backOffMs] The first pause before a broken connection is tried again; later ones are longer.
 */

/**
 * The relay's record of an answer.
 * @typedef {object} Receipt
 * @property {'running' | 'finished' | 'stopped' | 'failed'} state
 * @property {'waiting' | 'thinking' | 'answering' | null} phase What the model does; null after the end.
 * @property {number} bytes
 * @property {string | null} finish_reason
 * @property {{ prompt_tokens: number, completion_tokens: number, total_tokens: number, reasoning_tokens?: number } | null} usage
 * @property {{ code: string, message: string } | null} error
 * @property {number | null} first_token_ms
 * @property {number | null} thinking_ms From the first thought to the first text.
 * @property {number | null} duration_ms
 * @property {string | null} model
 * @property {string} [thinking] The thoughts so far, while the model thinks, if the relay shows them.
 */

/**
 * @typedef {object} Answer
 * @property {'finished' | 'stopped'} state
 * @property {string} text
 * @property {string | null} id The completion's id, if the relay has made one.
 * @property {string | null} requestId The id to quote in a question to the operator.
 * @property {Receipt | null} receipt Null if the relay has none, or if the reading was aborted.
 */

/**
 * The public part of a persona, without its system message.
 * @typedef {{ id: string, name: string, description: string, greeting: string, suggestions: string[], accepts_images: boolean }} Persona
 */

// ---- 1. Reading ----

/** One answer, as far as it has arrived. */
class Reading {
  /** Whether the relay has the question. */
  isAsked = false
  /** Whether it may have the question although it did not reply. */
  mayBeAsked = false
  /** The status of the last reply with text; 0 before the first. */
  status = 0

  /**
   * @param {Options} options
   * @param {string} [text]
   * @param {string | null} [etag]
   */
  constructor(options, text = '', etag = null) {
    this.options = options
    this.key = options.key ?? newKey()
    /** @type {Answer} */
    this.answer = { state: 'finished', text, id: null, requestId: null, receipt: null }
    this.etag = etag
    /** The number of received bytes. Includes half a character at the end, which the decoder holds. */
    this.received = new TextEncoder().encode(text).length
    // Keeps a byte order mark, so that the length of the text matches the number of bytes.
    this.decoder = new TextDecoder('utf-8', { ignoreBOM: true })
  }

  /**
   * Reads a reply.
   * @param {Response | AskbotError} response The reply, or the reason why there is none.
   * @returns {Promise<unknown>} Null at its end, otherwise the reason why it broke.
   */
  async take(response) {
    if (response instanceof AskbotError) return response
    // Not every 200 is an answer: a static host sends its start page for an unknown path.
    const isText = response.ok && /^text\/plain\b/i.test(response.headers.get('Content-Type') ?? '')
    if (!isText) {
      const error = refused(response, await jsonIn(response))
      if (!TELLS_NOTHING.has(error.code)) throw error
      this.isAsked ||= this.mayBeAsked
      if (this.isAsked) return error
      throw error
    }
    this.isAsked = true
    this.status = response.status
    this.answer.id = response.headers.get('Completion-Id') ?? this.answer.id
    this.answer.requestId = response.headers.get('X-Request-Id') ?? this.answer.requestId
    const reader = /** @type {ReadableStream<Uint8Array>} */ (response.body).getReader()
    try {
      const etag = etagOf(response)
      const isAnother = this.isAnother(etag)
      const isPart = response.status === 206
      if (this.received > 0 && (isAnother || !isPart)) this.forget()
      // The end of one writing does not fit the beginning of another (RFC 9110, 15.3.7.3).
      if (isAnother && isPart) return refused(response, null)
      this.etag = etag ?? this.etag
      for (;;) {
        const part = await reader.read().catch((cause) => ({ value: undefined, cause }))
        if (part.value === undefined) return 'cause' in part ? part.cause : null
        this.received += part.value.length
        const text = this.decoder.decode(part.value, { stream: true })
        if (text !== '') this.show(this.answer.text + text)
      }
    } finally {
      // Ends the reply if `onText` throws, for example.
      reader.cancel().catch(() => {})
    }
  }

  /**
   * Whether `etag` names another writing than the one that is being read.
   * @param {string | null} etag
   */
  isAnother(etag) {
    return etag !== null && this.etag !== null && etag !== this.etag
  }

  /** Drops the text so far: the next reply has the whole answer. */
  forget() {
    this.received = 0
    this.decoder.decode()
    this.etag = null
    this.show('')
  }

  /** @param {string} text */
  show(text) {
    this.answer.text = text
    this.options.onText?.(text, this.etag)
  }
}

/**
 * The reply's tag. A compressing proxy makes it weak, but `fetch` decompresses, so the bytes still match.
 * @param {Response} response
 */
function etagOf({ headers }) {
  return headers.get('ETag')?.replace(/^W\//, '') ?? null
}

/** Errors after which only the receipt can tell whether text is missing. */
const TELLS_NOTHING = new Set(['unexpected_response', 'relay_unreachable', 'range_not_satisfiable'])

// ---- 2. Resuming ----

// A question that cannot be sent fails soon. A running answer is worth more tries.
const TRIES_TO_ASK = 3
const TRIES_TO_RESUME = 8

/** After this time without a reply the relay probably has the question. */
const SENT_MS = 1000
/** After this time a question is sent once more at most. */
const LONGEST_SENDING_MS = 60_000

/**
 * Sends the question. With its key it can be sent again: the relay asks the model only once.
 * @param {Reading} reading
 * @param {RequestInit} question
 */
async function send(reading, question) {
  const { options } = reading
  const giveUpAt = performance.now() + LONGEST_SENDING_MS
  for (let attempt = 1; ; attempt++) {
    const start = performance.now()
    const reply = await request(options, '/aiCompletion', question).catch((/** @type {AskbotError} */ error) => error)
    const end = performance.now()
    reading.mayBeAsked ||= end - start >= SENT_MS
    if (!(reply instanceof AskbotError)) return reply
    const tries = reading.mayBeAsked ? TRIES_TO_RESUME : TRIES_TO_ASK
    const isLate = attempt > 1 && end >= giveUpAt
    if (attempt >= tries || isLate || options.signal?.aborted) {
      reading.isAsked = reading.mayBeAsked
      throw reply
    }
    await pause(options, attempt, null)
  }
}

/**
 * @param {Reading} reading
 * @param {() => Promise<Response | AskbotError | null>} begin
 */
async function readToItsEnd(reading, begin) {
  const { options, answer } = reading
  /** @type {unknown} */
  let broken = null
  try {
    let response = await begin()
    let furthest = 0
    for (let fruitless = 0; response !== null; fruitless++) {
      broken = await reading.take(response)
      if (reading.received > furthest) fruitless = 0
      furthest = Math.max(furthest, reading.received)
      if (fruitless === TRIES_TO_RESUME) throw cut(reading, 'The answer keeps breaking off.', broken)
      if (fruitless > 0) await pause(options, fruitless, null)
      response = await rest(reading, broken)
    }
  } catch (error) {
    // An error of `onText` is passed on unchanged.
    if (!(error instanceof AskbotError)) throw error
    if (!options.signal?.aborted) throw lost(reading, error)
    // The caller aborted, which is an outcome and not an error.
    answer.state = 'stopped'
    return answer
  }
  const { receipt } = answer
  if (receipt?.state === 'failed') {
    const { code, message } = receipt.error ?? { code: 'cut', message: 'The answer broke off before it was complete.' }
    // An answer that failed without text counts as refused.
    throw cut(reading, message, broken, answer.text === '' ? code : 'cut')
  }
  if (receipt?.state === 'stopped') answer.state = 'stopped'
  return answer
}

/**
 * The response with the missing text, or null if none is missing.
 * @param {Reading} reading
 * @param {unknown} [broken] The reason why the last reply broke; null if it did not.
 */
async function rest(reading, broken = null) {
  const { options, answer } = reading
  const found = await fetchReceipt(reading, broken === null ? TRIES_TO_ASK : TRIES_TO_RESUME).catch((error) => {
    // Without a receipt a clean end counts as the end, unless it is inside a character.
    const seemsWhole = broken === null && answer.id !== null && reading.decoder.decode() === ''
    if (!seemsWhole || options.signal?.aborted) throw error
    return null
  })
  if (found === null) return null
  const { receipt, etag } = found
  answer.id ??= reading.key
  if (reading.isAnother(etag) || receipt.state === 'running' || receipt.bytes > reading.received) return missing(reading)
  answer.receipt = receipt
  return null
}

/**
 * @param {Pick<Reading, 'options' | 'key'>} reading
 * @param {number} tries
 * @returns {Promise<{ receipt: Receipt, etag: string | null }>}
 */
async function fetchReceipt({ options, key }, tries) {
  const response = await request(options, `/aiCompletion/${key}`, { headers: { Accept: 'application/json' } }, tries, (status) => status === 0 || isBusy(status))
  const receipt = await jsonIn(response)
  if (!response.ok || typeof receipt?.bytes !== 'number') throw refused(response, receipt)
  return { receipt, etag: etagOf(response) }
}

/**
 * Requests the text after the received bytes. If the relay has another writing by now, it replies with all
 * of that (RFC 9110, 13.1.5).
 * @param {Reading} reading
 */
function missing({ options, key, received, etag }) {
  const range = received > 0 && { Range: `bytes=${received}-`, ...(etag !== null && { 'If-Range': etag }) }
  const init = { headers: { Accept: 'text/plain', ...range } }
  // A failed request counts as a broken reply, so that the receipt is read again.
  return request(options, `/aiCompletion/${key}`, init, TRIES_TO_RESUME, isBusy).catch((/** @type {AskbotError} */ error) => error)
}

// ---- 3. Requests and errors ----

const LONGEST_PAUSE_MS = 10_000

/** @param {number} status */
const isBusy = (status) => status === 429 || status === 503

/**
 * The reply, with any status. Rejects with an `AskbotError` if there is none.
 * @param {Pick<Options, 'url' | 'token' | 'signal' | 'backOffMs'>} options
 * @param {string} path
 * @param {RequestInit} init
 * @param {number} [tries]
 * @param {(status: number) => boolean} [passes] Whether to try again; the status of no reply is 0.
 */
async function request(options, path, init, tries = 1, passes = () => false) {
  const { url = '', token, signal = null } = options
  const headers = { ...init.headers, ...(token && { Authorization: `Bearer ${token}` }) }
  for (let attempt = 1; ; attempt++) {
    // Chrome's cache lets one request for an address wait for the head of another.
    const reply = await fetch(url.replace(/\/+$/, '') + path, { ...init, cache: 'no-store', headers, signal }).catch(
      (cause) => new AskbotError('unreachable', 'The relay cannot be reached.', { cause }),
    )
    const isReply = !(reply instanceof AskbotError)
    if (attempt === tries || signal?.aborted || !passes(isReply ? reply.status : 0)) {
      if (isReply) return reply
      throw reply
    }
    if (isReply) discard(reply)
    await pause(options, attempt, isReply ? secondsToWait(reply) : null)
  }
}

/**
 * Waits longer after each try, with a random part. Ends early when the network comes back.
 * @param {Pick<Options, 'signal' | 'backOffMs'>} options
 * @param {number} attempt
 * @param {number | null} askedForSeconds
 */
async function pause({ signal, backOffMs = 250 }, attempt, askedForSeconds) {
  if (signal?.aborted) return
  const most = Math.min(LONGEST_PAUSE_MS, backOffMs * 2 ** (attempt - 1))
  const asked = Math.min(LONGEST_PAUSE_MS, (askedForSeconds ?? 0) * 1000)
  const over = new AbortController()
  await new Promise((resolve) => {
    const timer = setTimeout(resolve, Math.max(asked, most / 2 + (Math.random() * most) / 2))
    over.signal.addEventListener('abort', () => clearTimeout(timer))
    signal?.addEventListener('abort', resolve, { signal: over.signal })
    if (askedForSeconds === null) globalThis.addEventListener?.('online', resolve, { signal: over.signal })
  })
  over.abort()
}

/**
 * The reason why there is no answer, or only a part of one.
 *
 * `code` is the relay's (`upstream_rate_limited`, `upstream_timeout`, ...) or one of the client's three:
 *
 * - `unreachable`: no reply at all (no network, no relay, or a relay that does not allow this page)
 * - `unexpected_response`: a reply that is not the relay's, such as a host's error page
 * - `cut`: the answer broke off; `text` is the part that has arrived
 *
 * If `canResume` is true, the relay may still have the rest. `resume` with the same `text` and `etag` gets it
 * without asking the model again.
 */
export class AskbotError extends Error {
  /**
   * @param {string} code
   * @param {string} message
   * @param {{ status?: number | null, requestId?: string | null, retryAfterSeconds?: number | null, text?: string, etag?: string | null, canResume?: boolean, cause?: unknown }} [details]
   */
  constructor(code, message, { status = null, requestId = null, retryAfterSeconds = null, text = '', etag = null, canResume = false, cause } = {}) {
    super(message, { cause })
    this.name = 'AskbotError'
    this.code = code
    this.status = status
    this.requestId = requestId
    this.retryAfterSeconds = retryAfterSeconds
    this.text = text
    this.etag = etag
    this.canResume = canResume
  }
}

/** Errors of one request, which say nothing about the answer. */
const PASSING = new Set([
  'cut', 'unreachable', 'unexpected_response', 'relay_unreachable', 'unauthorized', 'origin_not_allowed', 'rate_limited',
  'too_many_streams', 'internal_error', 'not_configured', 'overloaded', 'shutting_down', 'store_unreachable',
])

/**
 * The error for the caller, with the text so far.
 * @param {Reading} reading
 * @param {AskbotError} error
 */
function lost(reading, error) {
  const { isAsked, status, etag, answer } = reading
  if (isAsked && PASSING.has(error.code)) {
    const details = { ...error, text: answer.text, etag, canResume: true, cause: error.cause }
    return new AskbotError(error.code, error.message, details)
  }
  const isNothingHere = status === 0 && answer.text === ''
  return isNothingHere ? error : cut(reading, 'The rest of the answer cannot be had.', error)
}

/**
 * @param {Reading} reading
 * @param {string} message
 * @param {unknown} cause
 */
function cut({ status, etag, answer: { text, requestId } }, message, cause, code = 'cut') {
  return new AskbotError(code, message, { status, requestId, text, etag, cause })
}

/**
 * The error for a reply without the requested content.
 * @param {Response} response
 * @param {any} found The JSON in it.
 */
function refused(response, found) {
  const { status, headers } = response
  const { code, message, request_id } = found?.error ?? {}
  const requestId = typeof request_id === 'string' ? request_id : headers.get('X-Request-Id')
  const details = { status, requestId, retryAfterSeconds: secondsToWait(response) }
  if (typeof code === 'string' && typeof message === 'string') return new AskbotError(code, message, details)
  return new AskbotError('unexpected_response', `Something other than the relay replied, with status ${status}.`, details)
}

/**
 * The JSON of a reply; null if it has none, because then the relay did not write it.
 * @param {Response} response
 */
async function jsonIn(response) {
  if (/^application\/json\b/i.test(response.headers.get('Content-Type') ?? '')) return response.json().catch(() => null)
  discard(response)
  return null
}

/**
 * Cancels a body that nobody reads. It does not matter if that fails.
 * @param {Response} response
 */
function discard({ body }) {
  body?.cancel().catch(() => {})
}

/**
 * `Retry-After` is a number of seconds or a date.
 * @param {Response} response
 */
function secondsToWait({ headers }) {
  const given = headers.get('Retry-After')
  if (given === null) return null
  const seconds = /^\d+$/.test(given) ? Number(given) : (Date.parse(given) - Date.now()) / 1000
  return Number.isNaN(seconds) ? null : Math.max(0, Math.ceil(seconds))
}
