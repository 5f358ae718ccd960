import { AskbotError, newKey, type Answer, type ask, type Message, type Options, type resume, type stop } from '../client/askbot.js'
import { createStore, type Store } from '../store.ts'
import type { paced } from './pace.ts'

/** What went wrong, as plain data: it can be stored and shown long after the error is gone. */
export type Failure = Pick<AskbotError, 'code' | 'message' | 'status' | 'requestId' | 'retryAfterSeconds'>

export type Outcome =
  | { name: 'finished' }
  | { name: 'stopped' }
  | { name: 'cut'; failure: Failure }
  | { name: 'failed'; failure: Failure }

/** A question and what became of it. It never changes again. */
export interface Turn {
  id: number
  question: string
  answer: string
  outcome: Outcome
}

/** What is going on now; the answer being written lives here until it is settled. */
export type Phase =
  | { name: 'idle' }
  | { name: 'waiting'; id: number; question: string }
  | { name: 'answering'; id: number; question: string; answer: string }

export interface ChatState {
  turns: readonly Turn[]
  phase: Phase
}

export interface Chat extends Store<ChatState> {
  /** Does nothing while another question is being answered. */
  ask(question: string): Promise<void>
  /** Keeps what was written. */
  stop(): void
  /** Asks the last question again, in place of the turn that it became. */
  retry(): Promise<void>
}

/** What outlives a reload: the turns, and the answer that was being written, by its key. */
export interface Saved {
  turns: readonly Turn[]
  running: { id: number; question: string; key: string } | null
}

export interface Client {
  ask: typeof ask
  resume: typeof resume
  stop: typeof stop
  url: string
  /** Decides how often the answer being written is shown. */
  pace: typeof paced
  memory: { load(): Saved | null; save(saved: Saved): void }
}

/** Takes up what its memory holds, an answer that was being written included. */
export function createChat(client: Client): Chat {
  const saved = client.memory.load()
  const { get, set, subscribe } = createStore<ChatState>({ turns: saved?.turns ?? [], phase: { name: 'idle' } })
  let nextId = 1 + Math.max(0, saved?.running?.id ?? 0, ...(saved?.turns ?? []).map((turn) => turn.id))
  let running = { key: '', reading: new AbortController() }

  async function answerTo(question: string, turns: readonly Turn[]) {
    const messages: Message[] = [...messagesOf(turns), { role: 'user', content: question }]
    await read({ id: nextId++, question, key: newKey() }, turns, (options) =>
      client.ask({ ...options, messages }),
    )
  }

  async function read(
    { id, question, key }: NonNullable<Saved['running']>,
    turns: readonly Turn[],
    begin: (options: Options & { key: string }) => Promise<Answer>,
  ) {
    running = { key, reading: new AbortController() }
    set({ turns, phase: { name: 'waiting', id, question } })
    client.memory.save({ turns, running: { id, question, key } })

    const pace = client.pace((answer: string) => set({ turns, phase: { name: 'answering', id, question, answer } }))
    const settle = (answer: string, outcome: Outcome) => {
      pace.stop()
      const settled = [...turns, { id, question, answer, outcome }]
      set({ turns: settled, phase: { name: 'idle' } })
      client.memory.save({ turns: settled, running: null })
    }

    try {
      const { text, state } = await begin({ url: client.url, key, signal: running.reading.signal, onText: pace.show })
      settle(text, { name: state })
    } catch (error) {
      if (!(error instanceof AskbotError)) throw error
      settle(error.text, { name: error.text === '' ? 'failed' : 'cut', failure: failureOf(error) })
    }
  }

  if (saved?.running) void read(saved.running, saved.turns, client.resume)

  return {
    get,
    subscribe,
    async ask(question) {
      const { turns, phase } = get()
      if (phase.name === 'idle') await answerTo(question, turns)
    },
    stop() {
      if (get().phase.name === 'idle') return
      // To leave is not to stop: the relay would go on for whoever comes back.
      client.stop({ url: client.url, key: running.key }).catch(() => {
        // A relay that cannot be reached ends the answer when its grace time is over.
      })
      running.reading.abort()
    },
    async retry() {
      const { turns, phase } = get()
      const last = turns.at(-1)
      if (phase.name === 'idle' && last) await answerTo(last.question, turns.slice(0, -1))
    },
  }
}

/** Turns without an answer are left out: to most models, two questions in a row are an error. */
function messagesOf(turns: readonly Turn[]): Message[] {
  return turns
    .filter((turn) => turn.answer.trim() !== '')
    .flatMap((turn) => [
      { role: 'user', content: turn.question },
      { role: 'assistant', content: turn.answer },
    ])
}

function failureOf({ code, message, status, requestId, retryAfterSeconds }: AskbotError): Failure {
  return { code, message, status, requestId, retryAfterSeconds }
}
