import { fileURLToPath } from 'node:url'
import { createServer, preview } from 'vite'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { ask } from '../src/client/askbot.js'
import { answerWith, gate, scriptedRelay } from './scriptedRelay.ts'

const root = fileURLToPath(new URL('..', import.meta.url))
const question = 'Why is the sky blue?'

/** The page's server, as `npm run dev` or `npm run preview` starts it, on a free port. */
async function pageServer(kind: 'dev' | 'preview', relayUrl: string): Promise<string> {
  vi.stubEnv('RELAY_URL', relayUrl)
  const options = { root, logLevel: 'silent', server: { port: 0 }, preview: { port: 0 } } as const
  const server = kind === 'dev' ? await (await createServer(options)).listen() : await preview(options)
  onTestFinished(async () => {
    await server.close()
    vi.unstubAllEnvs()
  })
  return server.resolvedUrls!.local[0]!
}

describe.for(['dev', 'preview'] as const)('through the %s server', (kind) => {
  test('text passes while the answer is still being written', async () => {
    const seen = gate()
    const relay = await scriptedRelay(async (_request, reply) => {
      answerWith(reply)
      reply.write('a')
      await seen.opened
      reply.end('b')
    })
    const answer = await ask({ url: await pageServer(kind, relay), question, onText: seen.open })
    expect(answer).toMatchObject({ state: 'finished', text: 'ab', id: 'completion-1' })
  })

  test('stopping closes the request to the relay', async () => {
    const closed = gate()
    const relay = await scriptedRelay((_request, reply) => {
      reply.on('close', closed.open)
      answerWith(reply)
      reply.write('a')
    })
    const stop = new AbortController()
    await ask({ url: await pageServer(kind, relay), question, signal: stop.signal, onText: () => stop.abort() })
    await closed.opened
  })

  test('stopping before the first text closes it, too', async () => {
    const arrived = gate()
    const closed = gate()
    const relay = await scriptedRelay((_request, reply) => {
      reply.on('close', closed.open)
      arrived.open()
    })
    const stop = new AbortController()
    const asked = ask({ url: await pageServer(kind, relay), question, signal: stop.signal })
    await arrived.opened
    stop.abort()
    await closed.opened
    expect(await asked).toMatchObject({ state: 'stopped' })
  })

  test('an answer that is cut is seen to be cut', async () => {
    const seen = gate()
    const relay = await scriptedRelay(async (_request, reply) => {
      answerWith(reply)
      reply.write('a')
      await seen.opened
      reply.destroy()
    })
    const asked = ask({ url: await pageServer(kind, relay), question, onText: seen.open })
    await expect(asked).rejects.toMatchObject({ code: 'cut', text: 'a' })
  })

  test('without a relay the error says where one was looked for', async () => {
    const relay = 'http://127.0.0.1:9'
    await expect(ask({ url: await pageServer(kind, relay), question })).rejects.toMatchObject({
      code: 'relay_unreachable',
      status: 502,
      message: expect.stringContaining(relay) as string,
    })
  })
})
