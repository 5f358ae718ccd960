import { once } from 'node:events'
import { createServer } from 'node:net'
import { describe, expect, test } from 'vitest'
import { answerWith, bodyOf, gate, scriptedRelay } from '../../tests/scriptedRelay.ts'
import { ask, AskbotError } from './askbot.js'

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
    expect(answer).toEqual({ state: 'finished', text: 'Light scatters.', id: 'completion-1', requestId: 'request-1' })
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
    const stop = new AbortController()
    const answer = await ask({ url, question, signal: stop.signal, onText: () => stop.abort() })
    expect(answer).toEqual({ state: 'stopped', text: 'Light ', id: 'completion-1', requestId: 'request-1' })
    await closed.opened
  })

  test('before the first text closes the connection, too', async () => {
    const arrived = gate()
    const closed = gate()
    const url = await scriptedRelay((_request, reply) => {
      reply.on('close', closed.open)
      arrived.open()
    })
    const stop = new AbortController()
    const asked = ask({ url, question, signal: stop.signal })
    await arrived.opened
    stop.abort()
    expect(await asked).toEqual({ state: 'stopped', text: '', id: null, requestId: null })
    await closed.opened
  })

  test('before the question was even sent sends nothing', async () => {
    const url = await scriptedRelay(() => expect.fail('nothing was to be sent'))
    expect(await ask({ url, question, signal: AbortSignal.abort() })).toMatchObject({ state: 'stopped' })
  })

  test('after the end changes nothing', async () => {
    const url = await scriptedRelay((_request, reply) => {
      answerWith(reply)
      reply.end('Because.')
    })
    const stop = new AbortController()
    const answer = await ask({ url, question, signal: stop.signal })
    stop.abort()
    expect(answer.state).toBe('finished')
  })
})

describe('no answer', () => {
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
    ['a date to come', (): string => new Date(Date.now() + 60_000).toUTCString(), [59, 60]],
    ['a date gone by', (): string => 'Wed, 21 Oct 2015 07:28:00 GMT', [0]],
    ['nonsense', (): string => 'soon', [null]],
  ] as const)('Retry-After may be %s', async ([, retryAfter, expected]) => {
    const url = await scriptedRelay((_request, reply) => {
      reply.writeHead(503, { 'Retry-After': retryAfter() })
      reply.end()
    })
    const { retryAfterSeconds } = await errorOf(ask({ url, question }))
    expect(expected).toContain(retryAfterSeconds)
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
    const error = await errorOf(ask({ url: `http://127.0.0.1:${port}`, question }))
    expect(error).toMatchObject({ code: 'unreachable', status: null, requestId: null, text: '' })
    expect(error.cause).toBeInstanceOf(TypeError)
  })

  test('a connection that closes without a reply is unreachable', async () => {
    const url = await scriptedRelay((request) => request.socket.destroy())
    expect(await errorOf(ask({ url, question }))).toMatchObject({ code: 'unreachable' })
  })
})
