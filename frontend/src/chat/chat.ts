import { AskbotError, newKey, type Answer, type ask, type Message, type Options, type resume, type stop } from '../client/askbot.js'
import { createStore, type Store } from '../store.ts'
import { type Failure, joined, messagesOf, newConversation, type Outcome, type Running, settled, type Turn, type TurnReceipt } from './conversation.ts'
import type { History } from './history.ts'
import type { paced } from './pace.ts'

/** What is going on now; the answer being written lives here until it is settled. */
export type Phase =
  | { name: 'idle' }
  | { name: 'waiting'; turn: string; question: string }
  | { name: 'answering'; turn: string; question: string; answer: string }

export interface ChatState {
  turns: readonly Turn[]
  phase: Phase
}

/**
 * One conversation as it goes on. While a question is being answered no other can be asked, here or
 * in another tab: whatever asks resolves to whether it was, at once when not, else at the answer's end.
 */
export interface Chat extends Store<ChatState> {
  readonly id: string
  ask(question: string): Promise<boolean>
  /** Asks in place of a turn and all that came after it. */
  askInstead(turn: string, question: string): Promise<boolean>
  /** Has the last answer go on where it ended; `instruction` tells the model to. */
  proceed(instruction: string): Promise<boolean>
  /** Keeps what was written. */
  stop(): void
}

export interface Client {
  ask: typeof ask
  resume: typeof resume
  stop: typeof stop
  url: string
  token(): string | undefined
  /** Who answers in a conversation that begins now. */
  persona(): string | null
  /** Decides how often the answer being written is shown. */
  pace: typeof paced
}

/** How often what has arrived is kept, so that little is lost if the relay forgets it, too. */
const KEEP_MS = 2000

/** How long after another tab has asked, or this one before a reload, the question may not have reached the relay. */
const ON_ITS_WAY_MS = 10_000

const idle: Phase = { name: 'idle' }
const none: readonly Turn[] = []

/** The conversation called `id`, new or kept. An answer that is being written is read on, whoever asked for it. */
export function createChat(id: string, history: History, client: Client): Chat {
  const { get, set, subscribe } = createStore<ChatState>({ turns: none, phase: idle })
  let reading: { running: Running; answer: string; leaving: AbortController } | null = null

  function show() {
    const turns = history.find(id)?.turns ?? none
    const phase = reading === null ? idle : phaseOf(reading.running, reading.answer)
    const before = get()
    if (before.turns !== turns || before.phase !== idle || phase !== idle) set({ turns, phase })
  }

  /** What is kept is the truth: another tab may have asked, stopped or settled. */
  function follow() {
    const running = history.find(id)?.running ?? null
    if (reading !== null && reading.running.key !== running?.key) {
      reading.leaving.abort()
      reading = null
    }
    if (reading === null && running !== null) {
      void read(begun(running), (options) => resumed(running, options))
    }
    show()
  }

  async function resumed({ text, askedAt }: Running, options: Options & { key: string }): Promise<Answer> {
    for (;;) {
      try {
        return await client.resume({ ...options, text })
      } catch (error) {
        const isUnknown = error instanceof AskbotError && error.code === 'not_found'
        if (!isUnknown || options.signal?.aborted || Date.now() - askedAt > ON_ITS_WAY_MS) throw error
        await new Promise((resolve) => setTimeout(resolve, ON_ITS_WAY_MS / 20))
      }
    }
  }

  function begun(running: Running) {
    reading = { running, answer: joined(running.before, running.text), leaving: new AbortController() }
    return reading
  }

  async function ask(turns: readonly Turn[], messages: Message[], asking: Pick<Running, 'turn' | 'question' | 'before'>) {
    if (reading !== null) return false
    const running: Running = { ...asking, key: newKey(), text: '', askedAt: Date.now() }
    const create = newConversation(id, client.persona(), running.askedAt)
    const mine = begun(running)
    const kept = await history.change(
      id,
      (conversation) => (conversation.running ? conversation : { ...conversation, turns, running, changedAt: running.askedAt }),
      { create },
    )
    if (kept?.running?.key !== running.key) return false
    const persona = kept.persona ?? undefined
    await read(mine, (options) => client.ask({ ...options, messages, persona }))
    return true
  }

  async function read(mine: NonNullable<typeof reading>, begin: (options: Options & { key: string }) => Promise<Answer>) {
    const { running, leaving } = mine
    const { key, before } = running
    const start = performance.now()
    let firstTextMs: number | null = null
    let keptAt = start

    const pace = client.pace((text: string) => {
      mine.answer = joined(before, text)
      if (reading === mine) show()
    })

    function onText(text: string) {
      const now = performance.now()
      firstTextMs ??= now - start
      pace.show(text)
      if (now - keptAt < KEEP_MS) return
      keptAt = now
      void history.change(id, (conversation) => (conversation.running?.key === key ? { ...conversation, running: { ...running, text } } : conversation), {
        isQuiet: true,
      })
    }

    async function settle(text: string, outcome: Outcome, receipt: TurnReceipt | null) {
      pace.stop()
      if (reading === mine) reading = null
      const { turn, question, askedAt } = running
      const answered = { id: turn, question, answer: joined(before, text), outcome, receipt, askedAt, endedAt: Date.now() }
      await history.change(id, (conversation) => settled(conversation, key, answered))
    }

    try {
      const answer = await begin({ url: client.url, token: client.token(), key, signal: leaving.signal, onText })
      await settle(answer.text, { name: answer.state }, receiptOf(answer, firstTextMs, performance.now() - start))
    } catch (error) {
      if (!(error instanceof AskbotError)) throw error
      const isNothing = before === '' && error.text === ''
      await settle(error.text, { name: isNothing ? 'failed' : 'cut', failure: failureOf(error) }, null)
    }
  }

  history.subscribe(follow)
  follow()

  return {
    id,
    get,
    subscribe,
    async ask(question) {
      const { turns } = get()
      return ask(turns, [...messagesOf(turns), { role: 'user', content: question }], { turn: newKey(), question, before: '' })
    },
    async askInstead(turn, question) {
      const place = get().turns.findIndex((each) => each.id === turn)
      if (place < 0) return false
      const turns = get().turns.slice(0, place)
      return ask(turns, [...messagesOf(turns), { role: 'user', content: question }], { turn: newKey(), question, before: '' })
    },
    async proceed(instruction) {
      const last = get().turns.at(-1)
      if (last === undefined) return false
      const messages: Message[] = [...messagesOf(get().turns), { role: 'user', content: instruction }]
      return ask(get().turns.slice(0, -1), messages, { turn: last.id, question: last.question, before: last.answer })
    },
    stop() {
      if (reading === null) return
      // To leave is not to stop: the relay would go on for whoever comes back.
      client.stop({ url: client.url, token: client.token(), key: reading.running.key }).catch(() => {
        // A relay that cannot be reached ends the answer when its grace time is over.
      })
      reading.leaving.abort()
    },
  }
}

/** The chats of this tab, each made when it is first opened. */
export function createChats(history: History, client: Client): { open(id: string): Chat } {
  const chats = new Map<string, Chat>()
  return {
    open(id) {
      const chat = chats.get(id) ?? createChat(id, history, client)
      chats.set(id, chat)
      return chat
    },
  }
}

function phaseOf({ turn, question }: Running, answer: string): Phase {
  return answer === '' ? { name: 'waiting', turn, question } : { name: 'answering', turn, question, answer }
}

function receiptOf({ receipt }: Answer, firstTextMs: number | null, durationMs: number): TurnReceipt {
  return {
    // What the reader waited is more than what the relay did; a reader who came later did not measure it.
    firstTextMs: firstTextMs ?? receipt?.first_token_ms ?? null,
    durationMs: receipt?.duration_ms ?? durationMs,
    promptTokens: receipt?.usage?.prompt_tokens ?? null,
    answerTokens: receipt?.usage?.completion_tokens ?? null,
    finishReason: receipt?.finish_reason ?? null,
    model: receipt?.model ?? null,
  }
}

function failureOf({ code, message, status, requestId, retryAfterSeconds }: AskbotError): Failure {
  return { code, message, status, requestId, retryAfterSeconds }
}
