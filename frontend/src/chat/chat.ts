import { AskbotError, type ask, type Message } from '../client/askbot.js'
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

/** `pace` decides how often the answer being written is shown. */
export function createChat(client: { ask: typeof ask; url: string; pace: typeof paced }): Chat {
  const { get, set, subscribe } = createStore<ChatState>({ turns: [], phase: { name: 'idle' } })
  let nextId = 1
  let running = new AbortController()

  async function answerTo(question: string, turns: readonly Turn[]) {
    const id = nextId++
    running = new AbortController()
    set({ turns, phase: { name: 'waiting', id, question } })

    const pace = client.pace((answer: string) => set({ turns, phase: { name: 'answering', id, question, answer } }))
    const settle = (answer: string, outcome: Outcome) => {
      pace.stop()
      set({ turns: [...turns, { id, question, answer, outcome }], phase: { name: 'idle' } })
    }

    try {
      const { text, state } = await client.ask({
        url: client.url,
        messages: [...messagesOf(turns), { role: 'user', content: question }],
        signal: running.signal,
        onText: pace.show,
      })
      settle(text, { name: state })
    } catch (error) {
      if (!(error instanceof AskbotError)) throw error
      settle(error.text, { name: error.text === '' ? 'failed' : 'cut', failure: failureOf(error) })
    }
  }

  return {
    get,
    subscribe,
    async ask(question) {
      const { turns, phase } = get()
      if (phase.name === 'idle') await answerTo(question, turns)
    },
    stop() {
      running.abort()
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
