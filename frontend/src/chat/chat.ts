import {
  AskbotError,
  newKey,
  type Answer,
  type ask,
  type Options,
  type progress,
  type Receipt,
  type resume,
  type stop,
} from '../client/askbot.js'
import { createStore, type Store } from '../store.ts'
import {
  type Conversation,
  type Failure,
  failureOf,
  joined,
  messagesFor,
  messagesOf,
  newConversation,
  newest,
  type Outcome,
  receiptOf,
  type Running,
  settled,
  type Turn,
  turnOf,
  type TurnReceipt,
  withNewestPictures,
} from './conversation.ts'
import type { Change, History } from './history.ts'
import type { paced } from './drawingPace.ts'
import { alone, versionsBeside, withVersion } from './versions.ts'

/** The current state. The running answer is kept here until it is settled. */
export type Phase =
  | { name: 'idle' }
  | ({ name: 'waiting' } & Asked)
  | ({ name: 'answering'; answer: string } & Asked)
  /** The rest cannot be read just now. The relay may go on writing, or have the whole answer. */
  | ({ name: 'lost'; answer: string; failure: Failure } & Asked)

type Asked = Pick<Running, 'turn' | 'question' | 'pictures' | 'persona'>

export interface ChatState {
  turns: readonly Turn[]
  phase: Phase
}

/**
 * One conversation in progress. While a question is being answered no other can be asked, here or in
 * another tab. The methods that ask resolve to whether they did.
 */
export interface Chat extends Store<ChatState> {
  readonly id: string
  ask(question: string, pictures?: readonly string[]): Promise<boolean>
  /** Asks in place of a turn, by default with its pictures. The turn and all after it become another version. */
  askInstead(turn: string, question: string, changes?: { persona?: string | undefined; pictures?: readonly string[] }): Promise<boolean>
  /** Shows another version of a turn, counted from 1, and of what came after it. */
  show(turn: string, version: number): void
  /** Continues the last answer. `instruction` tells the model to go on. */
  proceed(instruction: string): Promise<boolean>
  /** Stops the answer, and keeps its text. */
  stop(): void
  /** What the relay tells of the running answer; null if there is none, or nothing can be told just now. */
  progress(): Promise<Receipt | null>
  /** Resumes an answer that another tab began, or whose connection was lost. */
  resume(): void
}

export interface Client {
  ask: typeof ask
  resume: typeof resume
  stop: typeof stop
  progress: typeof progress
  url: string
  token(): string | undefined
  /** The persona for a new conversation. */
  persona(): string | null
  /** The most messages that the relay accepts; null if unknown. */
  mostMessages(): number | null
  /** The most pictures that the relay accepts for a persona. */
  mostPictures(persona: string | null): number
  /** Decides how often the answer being written is shown. */
  pace: typeof paced
  /** Called when an answer, or its rest, could not be read. */
  onMiss(failure: Failure): void
}

/** How often the text so far is stored, so that little is lost if the relay loses it too. */
const KEEP_MS = 1000

/** How long a question of another tab, or from before a reload, may take to reach the relay. Pictures take longer. */
const ON_ITS_WAY_MS = 10_000
const PICTURES_ON_THEIR_WAY_MS = 60_000

const idle: Phase = { name: 'idle' }
const none: readonly Turn[] = []

/** The text of an answer so far, after `running.before`, and the tag of its writing. */
type Arrived = Pick<Running, 'text' | 'etag'>

/** An answer that this tab reads. */
interface Reading extends Arrived {
  running: Running
  /** The reason why the reading was interrupted. */
  failure: Failure | null
  /** The text when the relay first said that the answer has ended; null before. */
  textAtEnd: string | null
  /** The text with which the last reading of this answer was given up; null if none was. */
  textGivenUp: string | null
  leaving: AbortController
}

/** The change that a question makes to the turns, or null if it does not fit them. */
type Plan = (turns: readonly Turn[]) => Planned | null

interface Planned {
  turns: readonly Turn[]
  asked: Pick<Running, 'turn' | 'question' | 'pictures' | 'before' | 'versions'>
}

interface Asking {
  /** The instruction to the model about its answer so far. */
  instruction?: string
  /** The persona from here on. The default is the one before. */
  persona?: string | undefined
}

/** The conversation with `id`, new or stored. Resumes its running answer, whichever tab has asked. */
export function createChat(id: string, history: History, client: Client): Chat {
  const { get, set, subscribe } = createStore<ChatState>({ turns: none, phase: idle })
  let reading: Reading | null = null
  let watchers = 0

  function refresh() {
    const turns = history.find(id)?.turns ?? none
    const phase = reading === null ? idle : phaseOf(reading)
    const before = get()
    if (before.turns !== turns || before.phase !== idle || phase !== idle) set({ turns, phase })
  }

  /** The stored state counts, because another tab may have asked, stopped or settled. */
  function follow() {
    const running = history.find(id)?.running ?? null
    if (reading !== null && reading.running.key !== running?.key) {
      reading.leaving.abort()
      reading = null
    }
    if (reading === null && running !== null && watchers > 0) resumed(running)
    refresh()
  }

  function begun(running: Running, { text, etag }: Arrived): Reading {
    reading = { running, text, etag, failure: null, textAtEnd: null, textGivenUp: null, leaving: new AbortController() }
    return reading
  }

  async function ask(plan: Plan, { instruction, persona }: Asking = {}): Promise<boolean> {
    await history.loaded
    const planned = plan(history.find(id)?.turns ?? none)
    if (reading !== null || planned === null) return false
    const askedAt = Date.now()
    const create = newConversation(id, client.persona(), askedAt)
    const runningIn = ({ asked }: Planned, { persona: who }: Conversation): Running => {
      return { ...asked, persona: persona ?? who, key, text: '', etag: null, askedAt }
    }
    const key = newKey()
    const first = runningIn(planned, history.find(id) ?? create)
    const mine = begun(first, first)

    const kept = await history.change(
      id,
      (conversation) => {
        const latest = conversation.running ? null : plan(conversation.turns)
        if (latest === null) return conversation
        const running = runningIn(latest, conversation)
        return { ...conversation, turns: latest.turns, persona: running.persona, running, changedAt: askedAt }
      },
      { create },
    )
    if (kept?.running?.key !== key) {
      follow()
      return false
    }
    mine.running = kept.running
    const all = newest([...messagesOf(kept.turns), ...messagesFor(kept.running, instruction)], client.mostMessages())
    // The question's own pictures are always sent: the relay says so if it does not accept them.
    const messages = withNewestPictures(all, Math.max(kept.running.pictures.length, client.mostPictures(kept.running.persona)))
    const who = kept.running.persona ?? undefined
    void read(mine, performance.now(), (options) => client.ask({ ...options, messages, persona: who }))
    return true
  }

  function resumed(running: Running, arrived: Arrived = running): Reading {
    const mine = begun(running, arrived)
    const { text, etag } = mine
    const onItsWayMs = running.pictures.length > 0 ? PICTURES_ON_THEIR_WAY_MS : ON_ITS_WAY_MS
    void read(mine, null, async (options) => {
      for (;;) {
        try {
          return await client.resume({ ...options, text, etag })
        } catch (error) {
          const isUnknown = error instanceof AskbotError && error.code === 'not_found'
          if (!isUnknown || options.signal?.aborted || Date.now() - running.askedAt > onItsWayMs) throw error
          await new Promise((resolve) => setTimeout(resolve, ON_ITS_WAY_MS / 20))
        }
      }
    })
    refresh()
    return mine
  }

  /** Called when the relay says that an answer has ended which is still being read. */
  function overdue(mine: Reading) {
    // Another connection is tried once. If it brings nothing either, the client's own tries decide.
    if (reading !== mine || mine.failure !== null || mine.textGivenUp === mine.text) return
    if (mine.textAtEnd !== mine.text) {
      mine.textAtEnd = mine.text
      return
    }
    // Nothing has come since it was asked before: the connection is dead, though nobody has said so.
    mine.leaving.abort()
    resumed(mine.running, mine).textGivenUp = mine.text
  }

  /** `start` is the time of the question, or null if this tab did not ask it. */
  async function read(mine: Reading, start: number | null, begin: (options: Options & { key: string }) => Promise<Answer>) {
    const { running, leaving } = mine
    const { key } = running
    const waitedMs = () => (start === null ? null : performance.now() - start)
    let firstTextMs: number | null = null
    let keeping: ReturnType<typeof setTimeout> | undefined
    let latest: Arrived = mine

    const pace = client.pace((text: string) => {
      mine.text = text
      // The pace shows the latest text, or nothing.
      mine.etag = latest.etag
      if (reading === mine) refresh()
    })

    function keep({ text, etag }: Arrived) {
      const change: Change = (conversation) =>
        conversation.running?.key === key ? { ...conversation, running: { ...conversation.running, text, etag } } : conversation
      void history.change(id, change, { isQuiet: true })
    }

    function onText(text: string, etag: string | null) {
      firstTextMs ??= waitedMs()
      latest = { text, etag }
      pace.show(text)
      keeping ??= setTimeout(() => {
        keeping = undefined
        keep(latest)
      }, KEEP_MS)
    }

    function end() {
      pace.stop()
      clearTimeout(keeping)
    }

    function settle(text: string, outcome: Outcome, receipt: TurnReceipt | null) {
      end()
      // Another reading may have taken its place.
      if (reading !== mine) return
      reading = null
      // Made once, so that the shown and the stored turn have the same time of their end.
      const turn = turnOf(running, text, { outcome, receipt, endedAt: Date.now() })
      void history.change(id, (conversation) => settled(conversation, key, turn))
    }

    try {
      const answer = await begin({ url: client.url, token: client.token(), key, signal: leaving.signal, onText })
      settle(answer.text, { name: answer.state }, receiptOf(answer, firstTextMs, waitedMs()))
    } catch (error) {
      if (!(error instanceof AskbotError)) {
        settle(latest.text, { name: 'cut', failure: failureOf(new AskbotError('page_error', String(error))) }, null)
        throw error
      }
      const failure = failureOf(error)
      client.onMiss(failure)
      if (error.canResume && reading === mine) {
        end()
        Object.assign(mine, { text: error.text, etag: error.etag, failure })
        keep(error)
        refresh()
        return
      }
      const isNothing = running.before === '' && error.text === ''
      settle(error.text, { name: isNothing ? 'failed' : 'cut', failure }, null)
    }
  }

  history.subscribe(follow)
  follow()

  return {
    id,
    get,
    subscribe(listener) {
      watchers++
      if (watchers === 1) follow()
      const unsubscribe = subscribe(listener)
      return () => {
        watchers--
        unsubscribe()
      }
    },
    async ask(question, pictures = []) {
      const turn = newKey()
      return ask((turns) => ({ turns, asked: { turn, question, pictures, before: '', versions: alone } }))
    },
    async askInstead(replaced, question, { persona, pictures } = {}) {
      const turn = newKey()
      return ask(
        (turns) => {
          const place = turns.findIndex((each) => each.id === replaced)
          const before = turns[place]
          if (before === undefined) return null
          const asked = { turn, question, pictures: pictures ?? before.pictures, before: '', versions: versionsBeside(turns, place) }
          return { turns: turns.slice(0, place), asked }
        },
        { persona },
      )
    },
    async proceed(instruction) {
      const turn = get().turns.at(-1)?.id
      return ask(
        (turns) => {
          const last = turns.at(-1)
          if (last === undefined || last.id !== turn) return null
          const { question, pictures, answer: before, versions } = last
          return { turns: turns.slice(0, -1), asked: { turn, question, pictures, before, versions } }
        },
        { instruction },
      )
    },
    show(turn, version) {
      void history.change(id, (conversation) => {
        return conversation.running ? conversation : { ...conversation, turns: withVersion(conversation.turns, turn, version) }
      })
    },
    stop() {
      const running = reading?.running ?? history.find(id)?.running
      if (!running) return
      // An abort alone would not stop the answer: the relay goes on for readers who come back.
      client.stop({ url: client.url, token: client.token(), key: running.key }).catch((error: unknown) => {
        console.warn('The relay was not told to stop; it will once its grace time is over:', error)
      })
      if (reading !== null && reading.failure === null) return reading.leaving.abort()
      // Settled here, because no reading in this tab will do it.
      const text = reading?.text ?? running.text
      const turn = turnOf(running, text, { outcome: { name: 'stopped' }, receipt: null, endedAt: Date.now() })
      void history.change(id, (conversation) => settled(conversation, running.key, turn))
    },
    async progress() {
      const mine = reading
      const { key } = mine?.running ?? history.find(id)?.running ?? {}
      if (key === undefined) return null
      // The question may not have reached the relay yet. The reading tells of real failures.
      const receipt = await client.progress({ url: client.url, token: client.token(), key }).catch(() => null)
      if (mine !== null && receipt !== null && receipt.state !== 'running') overdue(mine)
      return receipt
    },
    resume() {
      const running = history.find(id)?.running
      if (reading?.failure) resumed(reading.running, reading)
      else if (reading === null && running) resumed(running)
    },
  }
}

/** The chats of this tab. Each is made when it is first opened. */
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

function phaseOf({ running: { turn, question, pictures, persona, before }, text, failure }: Reading): Phase {
  const asked = { turn, question, pictures, persona }
  const answer = joined(before, text)
  if (failure) return { name: 'lost', ...asked, answer, failure }
  return answer === '' ? { name: 'waiting', ...asked } : { name: 'answering', ...asked, answer }
}
