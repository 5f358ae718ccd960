import { execFile } from 'node:child_process'
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished, test } from 'vitest'

const client = new URL('.', import.meta.url)
const frontend = fileURLToPath(new URL('../..', client))

/** What the compiler says; nothing when all is well. */
async function tsc(...options: string[]): Promise<string> {
  const compiler = join(frontend, 'node_modules/typescript/bin/tsc')
  return new Promise((resolve, reject) => {
    execFile(process.execPath, [compiler, ...options], { cwd: frontend }, (error, stdout, stderr) => {
      if (error !== null && stdout === '') reject(new Error(stderr, { cause: error }))
      else resolve(stdout)
    })
  })
}

async function emptyFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'askbot-types-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  return folder
}

/** The options of create-vite's TypeScript templates, but for `skipLibCheck`: the types are checked, too. */
const createVite = {
  target: 'es2023',
  useDefineForClassFields: true,
  lib: ['ES2023', 'DOM', 'DOM.Iterable'],
  module: 'ESNext',
  types: [],
  skipLibCheck: false,
  moduleResolution: 'bundler',
  allowImportingTsExtensions: true,
  verbatimModuleSyntax: true,
  moduleDetection: 'force',
  noEmit: true,
  strict: true,
  noUnusedLocals: true,
  noUnusedParameters: true,
  erasableSyntaxOnly: true,
  noFallthroughCasesInSwitch: true,
  noUncheckedSideEffectImports: true,
}

const page = `
import { ask, AskbotError, newKey, personas, resume, stop, type Answer, type Message, type Options } from './askbot.js'

const picture = { type: 'image_url', image_url: { url: 'data:image/png;base64,AAAA' } } as const
const messages: Message[] = [
  { role: 'user', content: [{ type: 'text', text: 'What is this?' }, picture] },
  { role: 'assistant', content: 'The sky.' },
  { role: 'user', content: 'Why is the sky blue?' },
]
const options: Options & { key: string } = { url: 'https://relay.example', key: newKey() }
let kept: { text: string, etag: string | null } = { text: '', etag: null }

export async function answer(): Promise<Answer> {
  try {
    const { personas: [first] } = await personas({ url: 'https://relay.example', language: 'ko' })
    return await ask({ ...options, messages, persona: first?.id, onText: (text, etag) => { kept = { text, etag } } })
  } catch (error) {
    if (!(error instanceof AskbotError) || !error.canResume) throw error
    return resume({ ...options, ...kept })
  }
}

export const leave = () => stop(options)
`

/** A strict page that imports the client, with those of its files beside it. */
async function checkPage(source: string, files: string[]): Promise<string> {
  const folder = await emptyFolder()
  await writeFile(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions: createVite, files: ['page.ts'] }))
  await writeFile(join(folder, 'page.ts'), source)
  for (const file of files) await cp(new URL(file, client), join(folder, file))
  return tsc('-p', folder)
}

test('the types beside the client are those that its comments say (npm run types)', async () => {
  const folder = await emptyFolder()
  expect(await tsc('-p', 'tsconfig.client.json', '--noEmit', 'false', '--outDir', folder)).toBe('')
  const [beside, generated] = await Promise.all([new URL('askbot.d.ts', client), join(folder, 'askbot.d.ts')].map((file) => readFile(file, 'utf8')))
  expect(beside).toBe(generated)
})

test('a page in strict TypeScript can use the client with its types', async () => {
  expect(await checkPage(page, ['askbot.js', 'askbot.d.ts'])).toBe('')
})

test('a page in strict TypeScript is told what it does wrong', async () => {
  const wrong = `import { ask } from './askbot.js'\nvoid ask({ question: 5 })\n`
  expect(await checkPage(wrong, ['askbot.js', 'askbot.d.ts'])).toContain('page.ts(2,12): error TS2322')
})

test('a page in strict TypeScript needs the types', async () => {
  expect(await checkPage(page, ['askbot.js'])).toContain('error TS7016')
})
