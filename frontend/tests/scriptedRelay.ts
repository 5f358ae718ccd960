import { once } from 'node:events'
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { onTestFinished } from 'vitest'

/**
 * A server on a real socket that answers questions as the test says, and whatever is asked
 * about an answer `later`; unless told, it keeps none.
 */
export async function scriptedRelay(script: RequestListener, later: RequestListener = forgotten): Promise<string> {
  const server = createServer((request, reply) => (request.url === '/aiCompletion' ? script : later)(request, reply))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

function forgotten(_request: IncomingMessage, reply: ServerResponse): void {
  reply.writeHead(404, { 'Content-Type': 'application/json' })
  reply.end(JSON.stringify({ error: { code: 'not_found', message: 'Gone.', request_id: 'request-9' } }))
}

export async function bodyOf(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  return JSON.parse(Buffer.concat(chunks).toString())
}

/** Begin an answer as the relay does. */
export function answerWith(reply: ServerResponse, headers: Record<string, string> = {}): void {
  reply.writeHead(200, {
    'Content-Type': 'text/plain; charset=utf-8',
    'Completion-Id': 'completion-1',
    'X-Request-Id': 'request-1',
    ...headers,
  })
}

/** Tests wait for one another's steps, never for time. */
export function gate(): { open: () => void; opened: Promise<void> } {
  let open!: () => void
  const opened = new Promise<void>((resolve) => {
    open = resolve
  })
  return { open, opened }
}
