import { once } from 'node:events'
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import { createServer } from 'node:net'
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import { answerWith, bodyOf, gate, scriptedRelay } from '../../tests/scriptedRelay.ts'
import { ask, AskbotError, personas, progress, resume, stop, type Receipt } from './askbot.js'

const question = 'Why is the sky blue?'

/** What `ask` rejects with; a test that gets an answer instead fails. */
async function errorOf(asked: Promise<unknown>): Promise<AskbotError> {
  const error = await asked.then(
    () => expect.fail('an error was expected'),
    (reason: unknown) => reason,
  )
  expect(error).toBeInstanceOf(AskbotError)
  return error as AskbotError
}

describe('what is sent', () => {
  test('one question goes as a conversation of one message', async () => {
    let sent: unknown
    const url = await scriptedRelay(async (request, reply) => {
      sent = [request.method, request.url, request.headers['content-type'], request.headers.accept, await bodyOf(request)]
      answerWith(reply)
      reply.end('Because.')
    })
    await ask({ url, question })
    const body = { messages: [{ role: 'user', content: question }] }
    expect(sent).toEqual(['POST', '/aiCompletion', 'application/json', 'text/plain', body])
  })

  test('a conversation and a persona go as they are', async () => {
    let sent: unknown
    const url = await scriptedRelay(async (request, reply) => {
      sent = await bodyOf(request)
      answerWith(reply)
      reply.end('Because.')
    })
    const messages = [
      { role: 'user', content: '1' },
      { role: 'assistant', content: '2' },
      { role: 'user', content: '3' },
    ] as const
    await ask({ url: `${url}/`, messages, persona: 'teacher' })
    expect(sent).toEqual({ messages, persona: 'teacher' })
  })
})

describe('the access code', () => {
  test('goes with everything that is sent', async () => {
    const seen: string[] = []
    const note: RequestListener = (request, reply) => {
      seen.push(`${request.method} ${request.headers.authorization}`)
      if (request.method === 'DELETE') return reply.writeHead(204).end()
      if (request.method === 'POST') {
        answerWith(reply)
        return reply.end('a')
      }
      return reply.writeHead(401, { 'Content-Type': 'application/json' }).end(unauthorized)
    }
    const unauthorized = JSON.stringify({ error: { code: 'unauthorized', message: 'Who are you?', request_id: 'r' } })
    const url = await scriptedRelay(note, note)
    const token = 'open sesame'
    await ask({ url, question, token })
    await stop({ url, key: 'k', token })
    expect(await errorOf(personas({ url, token }))).toMatchObject({ code: 'unauthorized', status: 401 })
    expect(new Set(seen)).toEqual(new Set(['POST', 'GET', 'DELETE'].map((method) => `${method} Bearer ${token}`)))
  })
})

describe('the personas', () => {
  test('come in the language that is asked for', async () => {
    const there = { default: 'a', personas: [{ id: 'a', name: 'A', description: '', greeting: '', suggestions: [] }] }
    const url = await scriptedRelay(
      () => expect.fail('nothing was to be asked'),
      (request, reply) => {
        expect([request.url, request.headers['accept-language']]).toEqual(['/personas', 'ko'])
        reply.writeHead(200, { 'Content-Type': 'application/json' }).end(JSON.stringify(there))
      },
    )
    expect(await personas({ url, language: 'ko' })).toEqual(there)
  })

  test('a host that has something else there is no relay', async () => {
    const url = await scriptedRelay(
      () => expect.fail('nothing was to be asked'),
      (_request, reply) => reply.writeHead(200, { 'Content-Type': 'text/html' }).end('<!doctype html>'),
    )
    expect(await errorOf(personas({ url }))).toMatchObject({ code: 'unexpected_response' })
  })

  test('without a relay that is the error', async () => {
    expect(await errorOf(personas({ url: 'http://127.0.0.1:9' }))).toMatchObject({ code: 'unreachable' })
  })
})

describe('reading', () => {
  test('text is delivered while the answer is still being written', async () => {
    const seen = gate()
    const url = await scriptedRelay(async (_request, reply) => {
      answerWith(reply)
      reply.write('Light ')
      await seen.opened
      reply.end('scatters.')
    })
    const texts: string[] = []
    const answer = await ask({
      url,
      question,
      onText: (text) => {
        texts.push(text)
        seen.open()
      },
    })
    expect(texts).toEqual(['Light ', 'Light scatters.'])
    expect(answer).toEqual({ state: 'finished', text: 'Light scatters.', id: 'completion-1', requestId: 'request-1', receipt: null })
  })

  test.for([
    [1, '빛은흩어져요👩🚀'],
    [2, '빛은흩어져요👩🚀'],
    [3, '👩🚀🌈'],
  ] as const)('characters that are split after byte %i arrive whole', async ([split, whole]) => {
    let seen = gate()
    const url = await scriptedRelay(async (_request, reply) => {
      answerWith(reply)
      const bytes = Buffer.from(whole)
      const starts = [...bytes.keys()].filter((at) => (bytes[at]! & 0xc0) !== 0x80)
      let sent = 0
      // Each write ends one character and begins the next one.
      for (const start of [...starts.slice(1), bytes.length]) {
        reply.write(bytes.subarray(sent, start + split))
        sent = start + split
        await seen.opened
        seen = gate()
      }
      reply.end()
    })
    const texts: string[] = []
    await ask({
      url,
      question,
      onText: (text) => {
        texts.push(text)
        seen.open()
      },
    })
    const characters = [...whole]
    expect(texts).toEqual(characters.map((_, index) => characters.slice(0, index + 1).join('')))
  })

  test('an empty answer is an answer', async () => {
    const url = await scriptedRelay((_request, reply) => {
      answerWith(reply)
      reply.end()
    })
    expect(await ask({ url, question })).toMatchObject({ state: 'finished', text: '' })
  })

  test('an error thrown by onText is the caller’s own, and ends the reading', async () => {
    const closed = gate()
    const url = await scriptedRelay((_request, reply) => {
      reply.on('close', closed.open)
      answerWith(reply)
      reply.write('Light ')
    })
    const error = new RangeError('no room')
    const asked = ask({
      url,
      question,
      onText: () => {
        throw error
      },
    })
    await expect(asked).rejects.toBe(error)
    await closed.opened
  })
})

describe('an answer that is cut', () => {
  test('is an error that keeps the partial text and the request id', async () => {
    const seen = gate()
    const url = await scriptedRelay(async (_request, reply) => {
      answerWith(reply)
      reply.write('Light scat')
      await seen.opened
      reply.destroy()
    })
    const error = await errorOf(ask({ url, question, onText: seen.open }))
    expect(error).toMatchObject({ code: 'cut', text: 'Light scat', requestId: 'request-1', status: 200 })
  })

  test('does not keep half a character', async () => {
    const seen = gate()
    const url = await scriptedRelay(async (_request, reply) => {
      answerWith(reply)
      reply.write(Buffer.from('빛은').subarray(0, 5))
      await seen.opened
      reply.destroy()
    })
    expect(await errorOf(ask({ url, question, onText: seen.open }))).toMatchObject({ code: 'cut', text: '빛' })
  })

  test('is noticed inside a character even if the connection ended as if all were well', async () => {
    const url = await scriptedRelay((_request, reply) => {
      answerWith(reply)
      reply.end(Buffer.from('빛은').subarray(0, 5))
    })
    expect(await errorOf(ask({ url, question }))).toMatchObject({ code: 'cut', text: '빛' })
  })
})

describe('stopping', () => {
  test('closes the connection, and is an outcome with the text so far', async () => {
    const closed = gate()
    const url = await scriptedRelay((_request, reply) => {
      reply.on('close', closed.open)
      answerWith(reply)
      reply.write('Light ')
    })
    const leaving = new AbortController()
    const answer = await ask({ url, question, signal: leaving.signal, onText: () => leaving.abort() })
    expect(answer).toEqual({ state: 'stopped', text: 'Light ', id: 'completion-1', requestId: 'request-1', receipt: null })
    await closed.opened
  })

  test('before the first text closes the connection, too', async () => {
    const arrived = gate()
    const closed = gate()
    const url = await scriptedRelay((_request, reply) => {
      reply.on('close', closed.open)
      arrived.open()
    })
    const leaving = new AbortController()
    const asked = ask({ url, question, signal: leaving.signal })
    await arrived.opened
    leaving.abort()
    expect(await asked).toEqual({ state: 'stopped', text: '', id: null, requestId: null, receipt: null })
    await closed.opened
  })

  test('before the question was even sent sends nothing', async () => {
    const url = await scriptedRelay(() => expect.fail('nothing was to be sent'))
    expect(await ask({ url, question, signal: AbortSignal.abort() })).toMatchObject({ state: 'stopped' })
  })

  test('while the receipt is asked for is an outcome, too', async () => {
    const leaving = new AbortController()
    const url = await scriptedRelay(
      (_request, reply) => {
        answerWith(reply)
        reply.end('Light ')
      },
      () => leaving.abort(),
    )
    expect(await ask({ url, question, signal: leaving.signal })).toMatchObject({ state: 'stopped', text: 'Light ', receipt: null })
  })

  test('when nothing has come of trying again does not wait for the next try', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout'] })
    onTestFinished(() => void vi.useRealTimers())
    const leaving = new AbortController()
    const url = await scriptedRelay(
      (_request, reply) => {
        answerWith(reply)
        breakOff(reply, Buffer.from('Light '))
      },
      (request, reply) => {
        if (request.headers.accept === 'application/json') return sendReceipt(reply, { text: 'Light ', receipt: { state: 'running' } })
        // The whole once more, of which nothing comes.
        answerWith(reply)
        return reply.flushHeaders()
      },
    )
    const onText = (text: string) => void (text === '' && leaving.abort())
    expect(await ask({ url, question, signal: leaving.signal, onText })).toMatchObject({ state: 'stopped', text: '' })
  })

  test('after the end changes nothing', async () => {
    const url = await scriptedRelay((_request, reply) => {
      answerWith(reply)
      reply.end('Because.')
    })
    const leaving = new AbortController()
    const answer = await ask({ url, question, signal: leaving.signal })
    leaving.abort()
    expect(answer.state).toBe('finished')
  })
})

describe('no answer', () => {
  // A question that was long on its way is treated in another way, and a machine may be slow.
  beforeEach(() => void vi.spyOn(performance, 'now').mockReturnValue(0))
  afterEach(() => void vi.restoreAllMocks())

  test('the relay’s error keeps its code, its message, its request id and the time to wait', async () => {
    const error = { code: 'rate_limited', message: 'Too many questions.', request_id: 'request-2' }
    const url = await scriptedRelay((_request, reply) => {
      reply.writeHead(429, { 'Content-Type': 'application/json', 'Retry-After': '7' })
      reply.end(JSON.stringify({ error }))
    })
    expect(await errorOf(ask({ url, question }))).toMatchObject({
      code: 'rate_limited',
      message: 'Too many questions.',
      status: 429,
      requestId: 'request-2',
      retryAfterSeconds: 7,
    })
  })

  test.for([
    ['a date to come', 'Wed, 21 Oct 2015 07:29:00 GMT', 60],
    ['a date gone by', 'Wed, 21 Oct 2015 07:27:00 GMT', 0],
    ['nonsense', 'soon', null],
  ] as const)('Retry-After may be %s', async ([, retryAfter, retryAfterSeconds]) => {
    vi.useFakeTimers({ toFake: ['Date'], now: Date.parse('Wed, 21 Oct 2015 07:28:00 GMT') })
    onTestFinished(() => void vi.useRealTimers())
    const url = await scriptedRelay((_request, reply) => {
      reply.writeHead(503, { 'Retry-After': retryAfter })
      reply.end()
    })
    expect(await errorOf(ask({ url, question }))).toMatchObject({ retryAfterSeconds })
  })

  test.for([
    ['a host’s 504 page', 504, 'text/html', '<!doctype html><h1>Application timed out</h1>'],
    ['an empty 502', 502, 'text/plain', ''],
    ['JSON that is not an error', 500, 'application/json', '{"detail": "oops"}'],
    ['JSON that is not even an object', 500, 'application/json', 'null'],
    ['JSON cut in the middle', 500, 'application/json', '{"error": {"code'],
    ['an error of another shape', 401, 'application/json', '{"error": "no"}'],
    ['a start page instead of an answer', 200, 'text/html', '<!doctype html><div id="root"></div>'],
  ] as const)('%s is an unexpected response', async ([, status, type, body]) => {
    const url = await scriptedRelay((_request, reply) => {
      reply.writeHead(status, { 'Content-Type': type, 'X-Request-Id': 'request-3' })
      reply.end(body)
    })
    const error = await errorOf(ask({ url, question }))
    expect(error).toMatchObject({ code: 'unexpected_response', status, requestId: 'request-3' })
    expect(error.message).toContain(String(status))
  })

  test('a reply that is neither an answer nor ever ends is not waited for', async () => {
    const closed = gate()
    const url = await scriptedRelay((_request, reply) => {
      reply.on('close', closed.open)
      reply.writeHead(200, { 'Content-Type': 'text/event-stream' })
      reply.write(': still here\n\n')
    })
    expect(await errorOf(ask({ url, question }))).toMatchObject({ code: 'unexpected_response', status: 200 })
    await closed.opened
  })

  test('a relay that is not there is unreachable', async () => {
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as { port: number }
    await new Promise((closed) => server.close(closed))
    const error = await errorOf(ask({ url: `http://127.0.0.1:${port}`, question, backOffMs: 1 }))
    expect(error).toMatchObject({ code: 'unreachable', status: null, requestId: null, text: '' })
    expect(error.cause).toBeInstanceOf(TypeError)
  })

  test('a connection that closes without a reply is unreachable', async () => {
    const keys: unknown[] = []
    const url = await scriptedRelay((request) => {
      keys.push(request.headers['idempotency-key'])
      request.socket.destroy()
    })
    expect(await errorOf(ask({ url, question, backOffMs: 1 }))).toMatchObject({ code: 'unreachable' })
    expect(keys.length).toBeGreaterThan(1)
    expect(new Set(keys).size).toBe(1)
  })

  test('a question that was long on its way may have arrived: it is sent again for longer, and its answer can be resumed', async () => {
    let seconds = 0
    vi.mocked(performance.now).mockImplementation(() => 1000 * seconds++)
    let sent = 0
    const url = await scriptedRelay((request) => {
      sent++
      request.socket.destroy()
    })
    expect(await errorOf(ask({ url, question, key, backOffMs: 1 }))).toMatchObject({ code: 'unreachable', canResume: true, text: '' })
    expect(sent).toBeGreaterThan(3)
  })

  test('and so may one that failed at once at first', async () => {
    let milliseconds = 0
    vi.mocked(performance.now).mockImplementation(() => milliseconds)
    let sent = 0
    const url = await scriptedRelay((request) => {
      sent++
      if (sent === 2) milliseconds += 1000
      request.socket.destroy()
    })
    expect(await errorOf(ask({ url, question, key, backOffMs: 1 }))).toMatchObject({ code: 'unreachable', canResume: true })
    expect(sent).toBeGreaterThan(3)
  })

  test('a question that was very long on its way is sent once more', async () => {
    let milliseconds = 0
    vi.mocked(performance.now).mockImplementation(() => milliseconds)
    let sent = 0
    const url = await scriptedRelay((request) => {
      sent++
      milliseconds += 90_000
      request.socket.destroy()
    })
    expect(await errorOf(ask({ url, question, key, backOffMs: 1 }))).toMatchObject({ code: 'unreachable', canResume: true })
    expect(sent).toBe(2)
  })
})

/** What a relay has of an answer, and at which bytes it breaks the connections that are read from, one after the other. */
interface Writing {
  text: string
  etag?: string
  cuts?: number[]
  receipt?: Partial<Receipt>
}

/** A relay that keeps one answer. Once a writing's cuts are used up, the next one is there in its place. */
function keeping(...writings: Writing[]) {
  const seen: string[] = []
  const left = writings.map(({ cuts = [], receipt = {}, ...writing }, place) => ({
    ...writing,
    cuts: [...cuts],
    receipt: place < writings.length - 1 ? { state: 'running' as const } : receipt,
  }))

  function text({ headers }: IncomingMessage, reply: ServerResponse) {
    const { text: whole, etag, cuts, receipt } = left[0]!
    const bytes = Buffer.from(whole)
    const offset = /^bytes=(\d+)-$/.exec(headers.range ?? '')?.[1]
    const isPart = offset !== undefined && (headers['if-range'] === undefined || headers['if-range'] === etag)
    const start = isPart ? Number(offset) : 0
    const cut = cuts.shift() ?? (receipt.state === 'failed' ? bytes.length : undefined)
    if (cut === undefined && isPart && start >= bytes.length) return refuse(reply, 416, 'range_not_satisfiable')
    reply.writeHead(isPart ? 206 : 200, { 'Content-Type': 'text/plain; charset=utf-8', 'Completion-Id': key, ...(etag && { ETag: etag }) })
    if (cut === undefined) return reply.end(bytes.subarray(start))
    if (cuts.length === 0 && left.length > 1) left.shift()
    return breakOff(reply, bytes.subarray(start, Math.max(start, cut)))
  }

  return {
    seen,
    url: scriptedRelay(
      (request, reply) => {
        seen.push(`POST ${request.headers['idempotency-key']}`)
        text(request, reply)
      },
      (request, reply) => {
        const { accept, range, 'if-range': ifRange } = request.headers
        seen.push([request.method, request.url?.slice('/aiCompletion/'.length), range, ifRange].join(' ').trimEnd())
        if (request.method === 'DELETE') reply.writeHead(204).end()
        else if (accept === 'application/json') sendReceipt(reply, left[0]!)
        else text(request, reply)
      },
    ),
  }
}

function sendReceipt(reply: ServerResponse, { text, etag, receipt }: Writing) {
  reply.writeHead(200, { 'Content-Type': 'application/json', ...(etag && { ETag: etag }) })
  reply.end(JSON.stringify({ state: 'finished', bytes: Buffer.byteLength(text), error: null, ...receipt }))
}

function refuse(reply: ServerResponse, status: number, code: string) {
  reply.writeHead(status, { 'Content-Type': 'application/json' })
  reply.end(JSON.stringify({ error: { code, message: 'No.', request_id: 'request-4' } }))
}

/** What is written arrives, and then the connection breaks. */
function breakOff(reply: ServerResponse, bytes: Uint8Array) {
  reply.flushHeaders()
  reply.write(bytes)
  reply.socket?.destroySoon()
}

/** Any, in order. */
const someBytes = (text: string, count: number) =>
  Array.from({ length: count }, () => Math.floor(Math.random() * (Buffer.byteLength(text) + 1))).toSorted((a, b) => a - b)

const key = '4f9d1c1e-6f0a-4a53-9f3b-0d7d4f1f2a10'
const whole = '빛은 공기에서 👩🏽‍🚀 흩어져요, ça va?'

describe('taking up again', () => {
  test('an answer cut at any byte, again and again, is read to its end', async () => {
    const length = Buffer.byteLength(whole)
    for (let round = 0; round < 40; round++) {
      const cuts = someBytes(whole, 5)
      const relay = keeping({ text: whole, cuts })
      const texts: string[] = []
      const answer = await ask({ url: await relay.url, question, key, backOffMs: 1, onText: (text) => texts.push(text) })
      expect(answer, `cut at ${cuts}`).toMatchObject({ state: 'finished', text: whole, id: key })
      expect(answer.receipt?.bytes).toBe(length)
      expect(texts.every((text) => whole.startsWith(text))).toBe(true)
      expect(relay.seen.filter((request) => request.startsWith('POST'))).toEqual([`POST ${key}`])
    }
  })

  test('a cut that a proxy made look like an end is found by the receipt', async () => {
    const bytes = Buffer.from(whole)
    const url = await scriptedRelay(
      (_request, reply) => {
        answerWith(reply)
        reply.end(bytes.subarray(0, 10))
      },
      (request, reply) => {
        if (request.headers.accept === 'application/json') {
          reply.writeHead(200, { 'Content-Type': 'application/json' })
          reply.end(JSON.stringify({ state: 'finished', bytes: bytes.length, error: null }))
        } else {
          reply.writeHead(206, { 'Content-Type': 'text/plain' })
          reply.end(bytes.subarray(Number(/\d+/.exec(request.headers.range ?? '')?.[0])))
        }
      },
    )
    expect(await ask({ url, question, backOffMs: 1 })).toMatchObject({ state: 'finished', text: whole })
  })

  test('a relay that gives the whole again in place of the rest is understood', async () => {
    const length = Buffer.byteLength(whole)
    const url = await scriptedRelay(
      (_request, reply) => {
        answerWith(reply)
        reply.write(Buffer.from(whole).subarray(0, 10), () => reply.destroy())
      },
      (request, reply) => {
        if (request.headers.accept === 'application/json') {
          reply.writeHead(200, { 'Content-Type': 'application/json' })
          reply.end(JSON.stringify({ state: 'finished', bytes: length, error: null }))
        } else {
          answerWith(reply)
          reply.end(whole)
        }
      },
    )
    expect(await ask({ url, question, backOffMs: 1 })).toMatchObject({ state: 'finished', text: whole })
  })

  test('an answer that failed at the relay is cut, with the relay’s words', async () => {
    const failure = { code: 'upstream_error', message: 'The model could not be asked.' }
    const relay = keeping({ text: '빛은', receipt: { state: 'failed', error: failure } })
    const error = await errorOf(ask({ url: await relay.url, question, key, backOffMs: 1 }))
    expect(error).toMatchObject({ code: 'cut', text: '빛은', message: failure.message })
  })

  test.for([
    ['a cut', (reply: ServerResponse) => breakOff(reply.writeHead(206, { 'Content-Type': 'text/plain' }), Buffer.of())],
    ['no reply', (reply: ServerResponse) => reply.destroy()],
    ['a proxy’s page', (reply: ServerResponse) => reply.writeHead(502, { 'Content-Type': 'text/html' }).end('<h1>Bad Gateway</h1>')],
  ] as const)('an answer that fails just when the rest is asked for is cut, with the relay’s words: %s', async ([, tell]) => {
    const failure = { code: 'upstream_error', message: 'The model could not be asked.' }
    const receipts: Partial<Receipt>[] = [{ state: 'running' }, { state: 'failed', error: failure }]
    const url = await scriptedRelay(
      (_request, reply) => {
        answerWith(reply)
        breakOff(reply, Buffer.from('Light '))
      },
      (request, reply) => {
        if (request.headers.accept !== 'application/json') return tell(reply)
        return sendReceipt(reply, { text: 'Light ', receipt: receipts.shift()! })
      },
    )
    const error = await errorOf(ask({ url, question, backOffMs: 1 }))
    expect(error).toMatchObject({ code: 'cut', text: 'Light ', message: failure.message, canResume: false })
  })

  test('an answer that fails without a word, too late for a status, gives the relay’s own code', async () => {
    const failure = { code: 'upstream_timeout', message: 'The model took too long.' }
    const relay = keeping({ text: '', receipt: { state: 'failed', error: failure } })
    const error = await errorOf(ask({ url: await relay.url, question, key, backOffMs: 1 }))
    expect(error).toMatchObject({ ...failure, text: '', canResume: false })
  })

  test('an answer that ends just when the rest is asked for is whole', async () => {
    const states: Receipt['state'][] = ['running', 'finished']
    const url = await scriptedRelay(
      (_request, reply) => {
        answerWith(reply)
        breakOff(reply, Buffer.from(whole))
      },
      (request, reply) => {
        if (request.headers.accept !== 'application/json') return refuse(reply, 416, 'range_not_satisfiable')
        return sendReceipt(reply, { text: whole, receipt: { state: states.shift()! } })
      },
    )
    expect(await ask({ url, question, backOffMs: 1 })).toMatchObject({ state: 'finished', text: whole, receipt: { state: 'finished' } })
  })

  test('an answer stopped elsewhere is stopped here', async () => {
    const relay = keeping({ text: '빛은', receipt: { state: 'stopped' } })
    const answer = await ask({ url: await relay.url, question, key, backOffMs: 1 })
    expect(answer).toMatchObject({ state: 'stopped', text: '빛은' })
  })

  test('a relay that is away for a moment, or busy, is asked again', async () => {
    let visits = 0
    let isBusy = true
    const url = await scriptedRelay(
      (_request, reply) => {
        answerWith(reply)
        reply.write('Light ', () => reply.destroy())
      },
      (request, reply) => {
        visits++
        if (visits === 1) return request.socket.destroy()
        if (visits === 2) return reply.writeHead(503, { 'Retry-After': '0' }).end()
        if (request.headers.accept === 'application/json') {
          reply.writeHead(200, { 'Content-Type': 'application/json' })
          return reply.end(JSON.stringify({ state: 'finished', bytes: 15, error: null }))
        }
        if (isBusy) {
          isBusy = false
          return refuse(reply, 429, 'too_many_streams')
        }
        reply.writeHead(206, { 'Content-Type': 'text/plain' })
        return reply.end('scatters.')
      },
    )
    expect(await ask({ url, question, backOffMs: 1 })).toMatchObject({ text: 'Light scatters.' })
  })

  test('a connection that breaks again without bringing anything waits for the network, or a while', async () => {
    const listen = vi.fn<(event: string, comesBack: () => void) => void>((_event, comesBack) => comesBack())
    vi.stubGlobal('addEventListener', listen)
    onTestFinished(() => void vi.unstubAllGlobals())
    const relay = keeping({ text: whole, cuts: [6, 6] })
    const answer = await ask({ url: await relay.url, question, key, backOffMs: 60_000 })
    expect(answer).toMatchObject({ state: 'finished', text: whole })
    expect(listen).toHaveBeenCalledWith('online', expect.any(Function), expect.anything())
  })

  test('connections that break without bringing anything are given up', async () => {
    const relay = keeping({ text: 'Light scatters.', cuts: Array.from({ length: 50 }, () => 6), receipt: { state: 'running' } })
    const error = await errorOf(ask({ url: await relay.url, question, key, backOffMs: 1 }))
    expect(error).toMatchObject({ code: 'cut', text: 'Light ' })
  })

  test('after a reload the rest is read, by its byte', async () => {
    const relay = keeping({ text: whole })
    const answer = await resume({ url: await relay.url, key, text: '빛은', backOffMs: 1 })
    expect(answer).toMatchObject({ state: 'finished', text: whole, id: key })
    expect(relay.seen).toContain(`GET ${key} bytes=6-`)
  })

  test('what an error leaves is enough to go on from', async () => {
    const relay = keeping({ text: whole, etag: '"1"', cuts: Array.from({ length: 9 }, () => 6) })
    const url = await relay.url
    const { text, etag, canResume } = await errorOf(ask({ url, question, key, backOffMs: 1 }))
    expect({ text, etag, canResume }).toEqual({ text: '빛은', etag: '"1"', canResume: true })
    expect(await resume({ url, key, text, etag })).toMatchObject({ state: 'finished', text: whole })
    expect(relay.seen.slice(-3)).toEqual([`GET ${key}`, `GET ${key} bytes=6- "1"`, `GET ${key}`])
  })

  test('a byte order mark at the start of an answer is counted after a reload, too', async () => {
    const marked = `\uFEFF${whole}`
    const relay = keeping({ text: marked, cuts: Array.from({ length: 9 }, () => 9) })
    const url = await relay.url
    const { text } = await errorOf(ask({ url, question, key, backOffMs: 1 }))
    expect(await resume({ url, key, text })).toMatchObject({ text: marked })
  })

  test('an answer that the relay has forgotten is cut', async () => {
    const url = await scriptedRelay(() => expect.fail('nothing was to be asked'))
    expect(await errorOf(resume({ url, key, text: 'Light ' }))).toMatchObject({ code: 'cut', text: 'Light ' })
  })

  test('an answer of which nothing had arrived is read from its start, or says why there is none', async () => {
    const relay = keeping({ text: whole })
    expect(await resume({ url: await relay.url, key, backOffMs: 1 })).toMatchObject({ state: 'finished', text: whole })
    const url = await scriptedRelay(() => expect.fail('nothing was to be asked'))
    expect(await errorOf(resume({ url, key }))).toMatchObject({ code: 'not_found', status: 404 })
  })

  test.for([
    { first: 'a 404, because it overtakes its question', begin: (reply: ServerResponse) => reply.writeHead(404).end() },
    { first: 'a 503', begin: (reply: ServerResponse) => reply.writeHead(503).end() },
    { first: 'no reply', begin: (reply: ServerResponse) => reply.destroy() },
  ])('a stop that meets $first is said again', async ({ begin }) => {
    let visits = 0
    const url = await scriptedRelay(
      () => expect.fail('nothing was to be asked'),
      (_request, reply) => (++visits === 1 ? begin(reply) : reply.writeHead(204).end()),
    )
    await stop({ url, key, backOffMs: 1 })
    expect(visits).toBe(2)
  })

  test('no request uses the cache, in which Chrome lets one for a receipt wait for the head of an answer', async () => {
    const caching: unknown[] = []
    const url = await scriptedRelay(
      () => expect.fail('nothing was to be asked'),
      (request, reply) => {
        caching.push(request.headers['cache-control'])
        reply.writeHead(request.method === 'DELETE' ? 204 : 404).end()
      },
    )
    await stop({ url, key, backOffMs: 1 })
    await errorOf(progress({ url, key }))
    await errorOf(resume({ url, key, text: 'Light ', backOffMs: 1 }))
    expect(new Set(caching)).toEqual(new Set(['no-cache']))
  })

  test('progress is the receipt, or the reason why there is none', async () => {
    const relay = keeping({ text: whole })
    expect(await progress({ url: await relay.url, key })).toMatchObject({ state: 'finished', bytes: Buffer.byteLength(whole) })
    const url = await scriptedRelay(() => expect.fail('nothing was to be asked'))
    expect(await errorOf(progress({ url, key }))).toMatchObject({ code: 'not_found', status: 404 })
  })

  test('stop deletes the answer', async () => {
    const relay = keeping({ text: whole })
    await stop({ url: await relay.url, key })
    expect(relay.seen).toEqual([`DELETE ${key}`])
  })
})

describe('an answer that the relay had to have written again', () => {
  const first = { text: 'Light scatters in the air.', etag: '"1"' }
  const second = { text: '빛은 흩어져요, 그래서 하늘은 파래요.', etag: '"2"' }

  test('is not joined to what had arrived, wherever the first one broke', async () => {
    for (let round = 0; round < 40; round++) {
      const writings = [
        { ...first, text: whole, cuts: someBytes(whole, 3) },
        { ...second, cuts: someBytes(second.text, 2) },
      ]
      const relay = keeping(...writings)
      const shown: string[] = []
      const answer = await ask({ url: await relay.url, question, key, backOffMs: 1, onText: (text) => shown.push(text) })
      const told = JSON.stringify([writings, relay.seen])
      expect(answer, told).toMatchObject({ state: 'finished', text: second.text, receipt: { bytes: Buffer.byteLength(second.text) } })
      expect(shown.filter((text) => !whole.startsWith(text) && !second.text.startsWith(text)), told).toEqual([])
    }
  })

  test('is told by a text that begins anew, with the tag of each writing', async () => {
    const relay = keeping({ ...first, cuts: [5] }, second)
    const shown: [string, string | null][] = []
    const answer = await ask({ url: await relay.url, question, key, backOffMs: 1, onText: (...given) => shown.push(given) })
    expect(shown.slice(0, 2)).toEqual([['Light', '"1"'], ['', null]])
    expect(shown.at(-1)).toEqual([second.text, '"2"'])
    expect(answer).toMatchObject({ state: 'finished', text: second.text })
    expect(relay.seen).toEqual([`POST ${key}`, `GET ${key}`, `GET ${key} bytes=5- "1"`, `GET ${key}`])
  })

  test('is read even if it is just as long', async () => {
    const other = { ...second, text: first.text.toUpperCase() }
    const relay = keeping({ ...first, cuts: [first.text.length] }, other)
    expect(await ask({ url: await relay.url, question, key, backOffMs: 1 })).toMatchObject({ state: 'finished', text: other.text })
  })

  test('is read from its start where a proxy dropped the condition', async () => {
    const url = await scriptedRelay(
      (_request, reply) => {
        answerWith(reply, { ETag: first.etag })
        breakOff(reply, Buffer.from('Light'))
      },
      (request, reply) => {
        if (request.headers.accept === 'application/json') return sendReceipt(reply, second)
        const isPart = request.headers.range === 'bytes=5-'
        reply.writeHead(isPart ? 206 : 200, { 'Content-Type': 'text/plain', ETag: second.etag })
        return reply.end(Buffer.from(second.text).subarray(isPart ? 5 : 0))
      },
    )
    const shown: string[] = []
    const answer = await ask({ url, question, backOffMs: 1, onText: (text) => shown.push(text) })
    expect(answer).toMatchObject({ state: 'finished', text: second.text })
    expect(shown.slice(0, 2)).toEqual(['Light', ''])
    expect(shown.slice(2).filter((text) => !second.text.startsWith(text))).toEqual([])
  })

  test('is told apart also where a proxy that compresses made the tag a weak one', async () => {
    let ranges: unknown
    const url = await scriptedRelay(
      (_request, reply) => {
        answerWith(reply, { ETag: 'W/"1"' })
        breakOff(reply, Buffer.from('Light '))
      },
      (request, reply) => {
        if (request.headers.accept === 'application/json') return sendReceipt(reply, { text: 'Light scatters.', etag: '"1"' })
        ranges = [request.headers.range, request.headers['if-range']]
        return reply.writeHead(206, { 'Content-Type': 'text/plain', ETag: '"1"' }).end('scatters.')
      },
    )
    expect(await ask({ url, question, backOffMs: 1 })).toMatchObject({ text: 'Light scatters.' })
    expect(ranges).toEqual(['bytes=6-', '"1"'])
  })

  test('takes the place of what a page had kept before it was reloaded', async () => {
    const relay = keeping(second)
    const shown: string[] = []
    const url = await relay.url
    const answer = await resume({ url, key, text: 'Light', etag: first.etag, backOffMs: 1, onText: (text) => shown.push(text) })
    expect(answer).toMatchObject({ state: 'finished', text: second.text })
    expect([shown[0], shown.at(-1)]).toEqual(['', second.text])
    expect(relay.seen).toContain(`GET ${key} bytes=5- "1"`)
  })

  test('does not, while it cannot be had', async () => {
    const url = await scriptedRelay(
      () => expect.fail('nothing was to be asked'),
      (request, reply) => {
        if (request.headers.accept === 'application/json') return sendReceipt(reply, second)
        return refuse(reply, 500, 'internal_error')
      },
    )
    const shown: string[] = []
    const error = await errorOf(resume({ url, key, text: 'Light', etag: first.etag, backOffMs: 1, onText: (text) => shown.push(text) }))
    expect(error).toMatchObject({ code: 'internal_error', text: 'Light', etag: first.etag, canResume: true })
    expect(shown).toEqual([])
  })
})
