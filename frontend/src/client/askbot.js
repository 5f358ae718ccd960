/**
 * Ask an Askbot relay, and read the answer as it is written, across dropped connections.
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
 *
 * Every question has a key. While the relay keeps the answer under it, a connection that breaks
 * is taken up again at the byte where it broke, and at the end the relay's receipt tells whether
 * all of the answer is here: some proxies make a cut look like an end.
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
 * @property {string | undefined} [token] The access code, where the relay asks for one. It goes as a bearer token (RFC 6750).
 * @property {string | undefined} [key] A UUID of your own making, to `resume` or `stop` by. Tell it to nobody.
 * @property {AbortSignal | undefined} [signal] Ends the reading. The relay goes on for a while; `stop` ends the answer.
 * @property {((text: string) => void) | undefined} [onText] Called whenever text arrives, with the whole answer so far.
 * @property {number} [backOffMs] The first pause before a broken connection is tried again; later ones are longer.
 */

/**
 * What became of an answer, as the relay counts it.
 * @typedef {object} Receipt
 * @property {'running' | 'finished' | 'stopped' | 'failed'} state
 * @property {number} bytes
 * @property {string | null} finish_reason
 * @property {{ prompt_tokens: number, completion_tokens: number, total_tokens: number } | null} usage
 * @property {{ code: string, message: string } | null} error
 * @property {number | null} first_token_ms
 * @property {number | null} duration_ms
 * @property {string | null} model
 */

/**
 * @typedef {object} Answer
 * @property {'finished' | 'stopped'} state
 * @property {string} text
 * @property {string | null} id The completion's id, if the relay got as far as making one.
 * @property {string | null} requestId What to quote when asking the operator about this answer.
 * @property {Receipt | null} receipt Null where the relay keeps none, and for an answer that was left.
 */

/**
 * Why there is no answer, or not a whole one.
 *
 * `code` is the relay's own (`upstream_rate_limited`, `upstream_timeout`, ...) or one of three that
 * only a client can see:
 *
 * - `unreachable`: no reply at all (no network, no relay, or a relay that does not allow this page)
 * - `unexpected_response`: something that is not the relay replied, such as a host's error page
 * - `cut`: the answer broke off; `text` holds what had arrived
 *
 * `canResume` tells that the relay may still have the rest, and `resume` get it later, at no cost.
 */
export class AskbotError extends Error {
  /**
   * @param {string} code
   * @param {string} message
   * @param {{ status?: number | null, requestId?: string | null, retryAfterSeconds?: number | null, text?: string, canResume?: boolean, cause?: unknown }} [details]
   */
  constructor(code, message, { status = null, requestId = null, retryAfterSeconds = null, text = '', canResume = false, cause } = {}) {
    super(message, { cause })
    this.name = 'AskbotError'
    this.code = code
    this.status = status
    this.requestId = requestId
    this.retryAfterSeconds = retryAfterSeconds
    this.text = text
    this.canResume = canResume
  }
}

// A question that does not get through is soon told; an answer that runs is worth waiting for.
const TRIES_TO_ASK = 3
const TRIES_TO_RESUME = 8
const LONGEST_PAUSE_MS = 10_000

/** What says nothing of an answer, only of one try to get at it. */
const PASSING = new Set([
  'unreachable',
  'unexpected_response',
  'relay_unreachable',
  'unauthorized',
  'origin_not_allowed',
  'rate_limited',
  'too_many_streams',
  'internal_error',
  'not_configured',
  'overloaded',
  'shutting_down',
  'store_unreachable',
])

/**
 * Ask, and resolve once the answer is whole or was stopped.
 *
 * Rejects with an `AskbotError` when there is no answer, or only a part of one.
 *
 * Without a `persona` the relay's default one answers.
 *
 * @param {Asked & Options & { persona?: string | undefined }} request
 * @returns {Promise<Answer>}
 */
export async function ask({ persona, ...options }) {
  const messages = 'messages' in options ? options.messages : [{ role: 'user', content: options.question }]
  const reading = new Reading(options)
  return reading.toItsEnd(async () => {
    const response = await reading.request(TRIES_TO_ASK, '', {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', Accept: 'text/plain', 'Idempotency-Key': reading.key },
      body: JSON.stringify({ messages, persona }),
    })
    if (!response.ok) throw refused(response, await errorIn(response))
    return response
  })
}

/**
 * What a page may know of a persona: never the system message.
 * @typedef {{ id: string, name: string, description: string, greeting: string, suggestions: string[] }} Persona
 */

/**
 * The personas that the relay offers, in the given language where they speak it.
 *
 * Rejects with an `AskbotError` when the relay cannot be reached, or refuses.
 *
 * @param {{ url?: string, token?: string | undefined, language?: string, signal?: AbortSignal }} [request]
 * @returns {Promise<{ default: string, personas: Persona[] }>}
 */
export async function personas({ url = '', token, language, signal } = {}) {
  const headers = { Accept: 'application/json', ...(language && { 'Accept-Language': language }), ...authorization(token) }
  const response = await fetch(`${baseOf(url)}/personas`, { headers, signal: signal ?? null }).catch((cause) => {
    throw new AskbotError('unreachable', 'The relay cannot be reached.', { cause })
  })
  const found = response.ok && isJson(response) ? await response.json().catch(() => null) : null
  if (!Array.isArray(found?.personas)) throw refused(response, await errorIn(response))
  return found
}

/**
 * Read on where a page left off, after a reload say: `text` is what it has of the answer to `key`.
 *
 * @param {Options & { key: string, text?: string }} request
 * @returns {Promise<Answer>}
 */
export async function resume({ text = '', ...options }) {
  const reading = new Reading(options, text, true)
  return reading.toItsEnd(() => (text === '' ? reading.missing() : reading.rest()))
}

/**
 * Stop the answer to `key`, and with it what it costs. What was written stays.
 *
 * Rejects with an `AskbotError` when the relay could not be told.
 *
 * @param {{ url?: string, token?: string | undefined, key: string, backOffMs?: number }} request
 */
export async function stop({ url = '', token, key, backOffMs = 250 }) {
  for (let attempt = 1; ; attempt++) {
    /** @type {unknown} */
    let cause = null
    // A page that is being left may still say so.
    const response = await fetch(addressOf(url, key), { method: 'DELETE', keepalive: true, headers: authorization(token) }).catch((error) => {
      cause = error
      return null
    })
    if (response?.ok) return
    // The question may still be on its way there.
    const mayHelp = response === null || response.status === 404 || response.status === 429 || response.status >= 500
    if (!mayHelp || attempt === TRIES_TO_ASK) {
      if (response === null) throw new AskbotError('unreachable', 'The relay cannot be reached.', { cause })
      if (response.status === 404) return
      throw refused(response, await errorIn(response))
    }
    await new Promise((resolve) => setTimeout(resolve, backOffMs * 2 ** (attempt - 1)))
  }
}

/** One answer on its way here: what has arrived, and how to get the rest. */
class Reading {
  #signal
  #onText
  #backOffMs
  #url
  #token
  #decoder = new TextDecoder()
  #received = 0
  #status = 0
  /** Whether the relay has the question. */
  #isBegun = false
  /** @type {Answer} */
  #answer

  /**
   * @param {Options} options
   * @param {string} text
   */
  constructor({ url = '', token, key = newKey(), signal, onText, backOffMs = 250 }, text = '', isBegun = false) {
    this.key = key
    this.#isBegun = isBegun
    this.#url = url
    this.#token = token
    this.#signal = signal
    this.#onText = onText
    this.#backOffMs = backOffMs
    this.#received = new TextEncoder().encode(text).length
    this.#answer = { state: 'finished', text, id: null, requestId: null, receipt: null }
  }

  /** @param {() => Promise<Response | null>} begin */
  async toItsEnd(begin) {
    try {
      let response = await begin()
      let furthest = 0
      for (let fruitless = 0; response !== null; fruitless++) {
        const broken = await this.#read(response)
        if (this.#received > furthest) fruitless = 0
        furthest = Math.max(furthest, this.#received)
        if (fruitless === TRIES_TO_RESUME) throw this.#cut('The answer keeps breaking off.', broken, true)
        response = await this.rest(broken)
      }
    } catch (error) {
      // Leaving is what the reader chose: an outcome, however the connection took it.
      if (!(this.#signal?.aborted && error instanceof AskbotError)) throw error
      this.#answer.state = 'stopped'
    }
    return this.#answer
  }

  /**
   * The response with what is still missing, or null when nothing is.
   *
   * @param {unknown} [broken] Why the reading ended, unless it came to an end.
   */
  async rest(broken = null) {
    const receipt = await this.#fetchReceipt(broken)
    if (receipt instanceof AskbotError) {
      // Half a character that is left over shows a cut even so.
      const seemsWhole = broken === null && this.#answer.id !== null && this.#decoder.decode() === ''
      if (seemsWhole) return null
      throw PASSING.has(receipt.code) ? this.#interrupted(receipt) : this.#cut('The answer broke off before it was complete.', broken)
    }
    this.#answer.id ??= this.key
    if (receipt.bytes > this.#received || receipt.state === 'running') {
      return this.missing()
    }
    this.#answer.receipt = receipt
    if (receipt.state === 'failed') throw this.#cut(receipt.error?.message ?? 'The answer broke off before it was complete.', broken)
    if (receipt.state === 'stopped') this.#answer.state = 'stopped'
    return null
  }

  /** All that has not arrived yet, as far as it is written and on. */
  async missing() {
    const headers = { Accept: 'text/plain', ...(this.#received > 0 && { Range: `bytes=${this.#received}-` }) }
    return this.#expectText(await this.request(TRIES_TO_RESUME, this.key, { headers }))
  }

  /**
   * @param {number} tries How often to try while there is no reply, or, for what is asked already, one that says to come again later.
   * @param {string} key
   * @param {RequestInit} init
   */
  async request(tries, key, init) {
    for (let attempt = 1; ; attempt++) {
      /** @type {unknown} */
      let cause = null
      const headers = { ...init.headers, ...authorization(this.#token) }
      const response = await fetch(addressOf(this.#url, key), { ...init, headers, signal: this.#signal ?? null }).catch((error) => {
        cause = error
        return null
      })
      const isBusy = key !== '' && response !== null && (response.status === 429 || response.status === 503)
      if (response !== null && (!isBusy || attempt === tries)) return response
      if (response === null && (attempt === tries || this.#signal?.aborted)) {
        throw new AskbotError('unreachable', 'The relay cannot be reached.', { text: this.#answer.text, canResume: key !== '', cause })
      }
      await response?.body?.cancel()
      await this.#pause(attempt, secondsUntil(response?.headers.get('Retry-After') ?? null))
    }
  }

  /**
   * @param {Response} response
   * @returns {Promise<unknown>} Null at its end, otherwise why it broke.
   */
  async #read(response) {
    await this.#expectText(response)
    this.#isBegun = true
    this.#status = response.status
    this.#answer.id = response.headers.get('Completion-Id') ?? this.#answer.id
    this.#answer.requestId = response.headers.get('X-Request-Id') ?? this.#answer.requestId
    if (response.status === 200 && this.#received > 0) {
      // Not the rest, but the whole once more.
      this.#received = 0
      this.#answer.text = ''
      this.#decoder = new TextDecoder()
    }
    const reader = /** @type {ReadableStream<Uint8Array>} */ (response.body).getReader()
    try {
      for (;;) {
        /** @type {unknown} */
        let broken = null
        const { done, value } = await reader.read().catch((cause) => {
          broken = cause
          return { done: true, value: undefined }
        })
        if (done || value === undefined) return broken
        this.#received += value.length
        const text = this.#decoder.decode(value, { stream: true })
        if (text !== '') {
          this.#answer.text += text
          this.#onText?.(this.#answer.text)
        }
      }
    } catch (error) {
      // When `onText` throws, so that nobody goes on writing what nobody reads.
      reader.cancel().catch(() => {})
      throw error
    }
  }

  /**
   * @param {unknown} broken
   * @returns {Promise<Receipt | AskbotError>} The error, where an answer that seems whole does without a receipt.
   */
  async #fetchReceipt(broken) {
    const headers = { Accept: 'application/json' }
    const response = await this.request(broken === null ? TRIES_TO_ASK : TRIES_TO_RESUME, this.key, { headers }).catch((error) => {
      if (broken === null && this.#answer.id !== null && !this.#signal?.aborted) return /** @type {AskbotError} */ (error)
      throw error
    })
    if (response instanceof AskbotError) return response
    const receipt = response.ok && isJson(response) ? await response.json().catch(() => null) : null
    return receipt ?? refused(response, await errorIn(response))
  }

  /** @param {Response} response */
  async #expectText(response) {
    const type = response.headers.get('Content-Type') ?? ''
    // A static host that does not know the path sends its start page, with 200: not an answer.
    if (response.ok && /^text\/plain\b/i.test(type)) return response
    const error = refused(response, await errorIn(response))
    if (this.#isBegun && PASSING.has(error.code)) throw this.#interrupted(error)
    throw this.#answer.text === '' ? error : this.#cut('The rest of the answer cannot be had.', error)
  }

  /**
   * @param {string} message
   * @param {unknown} cause
   */
  #cut(message, cause, canResume = false) {
    const { text, requestId } = this.#answer
    return new AskbotError('cut', message, { status: this.#status, requestId, text, canResume, cause })
  }

  /** @param {AskbotError} error */
  #interrupted({ code, message, status, requestId, retryAfterSeconds }) {
    return new AskbotError(code, message, { status, requestId, retryAfterSeconds, text: this.#answer.text, canResume: true })
  }

  /**
   * Longer each time, and never the same for two readers; a network that comes back ends it.
   *
   * @param {number} attempt
   * @param {number | null} askedForSeconds
   */
  async #pause(attempt, askedForSeconds) {
    const most = Math.min(LONGEST_PAUSE_MS, this.#backOffMs * 2 ** (attempt - 1))
    const milliseconds = Math.max(Math.random() * most, Math.min(LONGEST_PAUSE_MS, (askedForSeconds ?? 0) * 1000))
    const over = new AbortController()
    await new Promise((resolve) => {
      const timer = setTimeout(resolve, milliseconds)
      over.signal.addEventListener('abort', () => clearTimeout(timer))
      this.#signal?.addEventListener('abort', resolve, { signal: over.signal })
      if (askedForSeconds === null) globalThis.addEventListener?.('online', resolve, { signal: over.signal })
    })
    over.abort()
  }
}

/**
 * @param {string} url
 * @param {string} key
 */
function addressOf(url, key) {
  return `${baseOf(url)}/aiCompletion${key && `/${key}`}`
}

/** @param {string} url */
function baseOf(url) {
  return url.replace(/\/+$/, '')
}

/**
 * @param {string | undefined} token
 * @returns {Record<string, string>}
 */
function authorization(token) {
  return token ? { Authorization: `Bearer ${token}` } : {}
}

/** A key for a question: a random UUID (RFC 9562), also where the page came over plain HTTP. */
export function newKey() {
  if (crypto.randomUUID) return crypto.randomUUID()
  const bytes = crypto.getRandomValues(new Uint8Array(16))
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20)}`
}

/** @param {Response} response */
function isJson(response) {
  return /^application\/json\b/i.test(response.headers.get('Content-Type') ?? '')
}

/**
 * The relay's error object, or an empty one when somebody else wrote the reply.
 *
 * @param {Response} response
 * @returns {Promise<{ code?: unknown, message?: unknown, request_id?: unknown }>}
 */
async function errorIn(response) {
  if (!isJson(response)) {
    // It may never end.
    await response.body?.cancel()
    return {}
  }
  try {
    return (await response.json()).error ?? {}
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
