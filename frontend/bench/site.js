import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { extname, join, sep } from 'node:path'
import { gzipSync } from 'node:zlib'
import { scriptedRelay } from './relay.js'

/** @type {Record<string, string>} */
const TYPES = {
  '.css': 'text/css; charset=utf-8',
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.json': 'application/json',
  '.png': 'image/png',
  '.svg': 'image/svg+xml',
  '.webmanifest': 'application/manifest+json',
}
const IS_COMPRESSED = new Set(['.png'])

/** @typedef {{ body: Buffer, gzip: Buffer | null, headers: Record<string, string> }} StaticFile */
/** @typedef {{ url: string, gzipBytes: (url: string) => number, close: () => void }} Site */

/**
 * Serves the built page as a decent static host does, with a scripted relay at the same address.
 *
 * @param {string} folder
 * @param {number} answerSeconds
 * @returns {Promise<Site>}
 */
export async function serve(folder, answerSeconds) {
  const files = filesIn(folder)
  const relay = scriptedRelay(answerSeconds)
  const server = createServer(async (request, response) => {
    if (!(await relay(request, response))) sendFile(files, request, response)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address())

  return {
    url: `http://127.0.0.1:${port}/`,
    gzipBytes(url) {
      const file = files.get(new URL(url).pathname)
      return (file?.gzip ?? file?.body)?.length ?? 0
    },
    close() {
      server.closeAllConnections()
      server.close()
    },
  }
}

/**
 * @param {string} folder
 * @returns {Map<string, StaticFile>}
 */
function filesIn(folder) {
  /** @type {Map<string, StaticFile>} */
  const files = new Map()
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue
    const name = join(entry.parentPath, entry.name)
    const path = name.slice(folder.length).split(sep).join('/')
    const body = readFileSync(name)
    const extension = extname(name)
    const gzip = IS_COMPRESSED.has(extension) ? null : gzipSync(body)
    /** @type {Record<string, string>} */
    const headers = {
      'Content-Type': TYPES[extension] ?? 'application/octet-stream',
      // Vite puts a hash of the content into the names under assets/.
      'Cache-Control': path.startsWith('/assets/') ? 'public, max-age=31536000, immutable' : 'no-cache',
      ETag: `"${createHash('sha256').update(body).digest('hex').slice(0, 16)}"`,
      'X-Content-Type-Options': 'nosniff',
    }
    if (gzip) headers['Vary'] = 'Accept-Encoding'
    files.set(path, { body, gzip, headers })
  }
  const start = files.get('/index.html')
  if (!start) throw new Error('The page is not built: run "npm run build" in frontend.')
  files.set('/', start)
  return files
}

/**
 * @param {Map<string, StaticFile>} files
 * @param {import('node:http').IncomingMessage} request
 * @param {import('node:http').ServerResponse} response
 */
function sendFile(files, request, response) {
  const file = files.get(new URL(request.url ?? '/', 'http://page').pathname)
  if (!file) {
    response.writeHead(404, { 'Content-Type': 'text/plain' }).end('Not found\n')
    return
  }
  if (request.headers['if-none-match'] === file.headers['ETag']) {
    response.writeHead(304, file.headers).end()
    return
  }
  const isGzip = file.gzip !== null && /\bgzip\b/.test(request.headers['accept-encoding'] ?? '')
  const body = isGzip ? /** @type {Buffer} */ (file.gzip) : file.body
  const headers = { ...file.headers, 'Content-Length': body.length }
  response.writeHead(200, isGzip ? { ...headers, 'Content-Encoding': 'gzip' } : headers)
  response.end(request.method === 'HEAD' ? undefined : body)
}
