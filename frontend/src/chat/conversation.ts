import { type Answer, type AskbotError, type Message, newKey } from '../client/askbot.js'

/** A stored conversation, as plain data. Times are milliseconds since the epoch. */
export interface Conversation {
  id: string
  /** Changes with every change, so that tabs can compare their states. */
  revision: string
  /** Empty until the reader gives it a name; see `titleOf`. */
  title: string
  /** Whether it stands at the top of the list. */
  isPinned: boolean
  /** The id of the persona from here on; null for the relay's default. */
  persona: string | null
  createdAt: number
  changedAt: number
  /** When the reader last saw it without a running answer. */
  seenAt: number
  turns: readonly Turn[]
  running: Running | null
}

/** A question and its answer. Only its other versions still change. */
export interface Turn {
  id: string
  question: string
  /** The pictures of the question, as `data:` URLs. */
  pictures: readonly string[]
  answer: string
  /** The id of the persona that answered; null for the relay's default. */
  persona: string | null
  outcome: Outcome
  receipt: TurnReceipt | null
  askedAt: number
  endedAt: number
  versions: Versions
}

/** The other versions of a turn, each with all turns after it, in the order in which they were asked. */
export interface Versions {
  earlier: readonly Branch[]
  later: readonly Branch[]
}

export type Branch = readonly Turn[]

export type Outcome =
  | { name: 'finished' }
  | { name: 'stopped' }
  | { name: 'cut'; failure: Failure }
  | { name: 'failed'; failure: Failure }

/** An error as plain data, to store and to show later. */
export type Failure = Pick<AskbotError, 'code' | 'message' | 'status' | 'requestId' | 'retryAfterSeconds'>

export interface TurnReceipt {
  firstTextMs: number | null
  durationMs: number | null
  promptTokens: number | null
  answerTokens: number | null
  finishReason: string | null
  model: string | null
}

/** A question that is being answered. */
export interface Running {
  /** The id of the turn that it will become. */
  turn: string
  question: string
  pictures: readonly string[]
  /** The id of the persona. */
  persona: string | null
  /** The key of the answer at the relay. */
  key: string
  /** The earlier part of a continued answer. */
  before: string
  /** The rest so far, when it was last stored. */
  text: string
  /** The tag of the writing of `text`: the relay may have begun another by now. */
  etag: string | null
  askedAt: number
  versions: Versions
}

export function newConversation(id: string, persona: string | null, now: number): Conversation {
  return { id, revision: newKey(), title: '', isPinned: false, persona, createdAt: now, changedAt: now, seenAt: now, turns: [], running: null }
}

/** Replaces the running question with its turn. Changes nothing if another one is running by now. */
export function settled(conversation: Conversation, key: string, turn: Turn): Conversation {
  if (conversation.running?.key !== key) return conversation
  return { ...conversation, turns: [...conversation.turns, turn], running: null, changedAt: turn.endedAt }
}

/** Whether it ended with an answer that the reader has not seen yet. */
export function isNews({ turns, running, seenAt }: Conversation): boolean {
  return running === null && (turns.at(-1)?.endedAt ?? 0) > seenAt
}

const LONGEST_TITLE = 60

/** The name it was given, or the beginning of its first question. */
export function titleOf({ title, turns, running }: Conversation): string {
  if (title !== '') return title
  const question = (turns[0]?.question ?? running?.question ?? '').trim().replaceAll(/\s+/g, ' ')
  const characters = Array.from(question)
  return characters.length <= LONGEST_TITLE ? question : `${characters.slice(0, LONGEST_TITLE - 1).join('')}…`
}

/** The messages. Leaves out turns without an answer, because most models reject two questions in a row. */
export function messagesOf(turns: readonly Turn[]): Message[] {
  return turns
    .filter((turn) => turn.answer.trim() !== '')
    .flatMap((turn) => [
      { role: 'user', content: contentOf(turn) },
      { role: 'assistant', content: turn.answer },
    ])
}

/** The messages that ask a question. `instruction` is for a continued answer. */
export function messagesFor(running: Running, instruction: string | undefined): Message[] {
  const asked: Message = { role: 'user', content: contentOf(running) }
  if (instruction === undefined) return [asked]
  return [asked, { role: 'assistant', content: running.before }, { role: 'user', content: instruction }]
}

function contentOf({ question, pictures }: Pick<Turn, 'question' | 'pictures'>): Message['content'] {
  if (pictures.length === 0) return question
  return [{ type: 'text', text: question }, ...pictures.map((url) => ({ type: 'image_url', image_url: { url } }) as const)]
}

/** The messages without older pictures: the newest `most` stay. The relay would leave out the others too. */
export function withNewestPictures(messages: readonly Message[], most: number): readonly Message[] {
  let room = most
  return messages
    .toReversed()
    .map((message) => {
      if (typeof message.content === 'string') return message
      const [text, ...pictures] = message.content
      room -= pictures.length
      if (room >= 0) return message
      const words = text?.type === 'text' ? text.text : ''
      return { ...message, content: `${words}\n\n[pictures that are no longer sent: ${pictures.length}]` }
    })
    .toReversed()
}

/** The last messages, at most `most`, beginning with a question: every second one is a question. */
export function newest(messages: readonly Message[], most: number | null): readonly Message[] {
  if (most === null || messages.length <= most) return messages
  return messages.slice(messages.length - most + ((messages.length - most) % 2))
}

/** The turn of a question that has ended. */
export function turnOf(running: Running, text: string, { outcome, receipt, endedAt }: Pick<Turn, 'outcome' | 'receipt' | 'endedAt'>): Turn {
  const { turn: id, question, pictures, persona, before, askedAt, versions } = running
  return { id, question, pictures, answer: joined(before, text), persona, outcome, receipt, askedAt, endedAt, versions }
}

/** `firstTextMs` and `durationMs` as this page measured them. */
export function receiptOf({ receipt }: Answer, firstTextMs: number | null, durationMs: number | null): TurnReceipt {
  return {
    // The reader's wait is longer than the relay's time. A tab that did not ask has not measured it.
    firstTextMs: firstTextMs ?? receipt?.first_token_ms ?? null,
    durationMs: receipt?.duration_ms ?? durationMs,
    promptTokens: receipt?.usage?.prompt_tokens ?? null,
    answerTokens: receipt?.usage?.completion_tokens ?? null,
    finishReason: receipt?.finish_reason ?? null,
    model: receipt?.model ?? null,
  }
}

export function failureOf({ code, message, status, requestId, retryAfterSeconds }: AskbotError): Failure {
  return { code, message, status, requestId, retryAfterSeconds }
}

/** Whether the model had more to say. */
export function isUnfinished({ answer, outcome, receipt }: Turn): boolean {
  if (answer.trim() === '') return false
  return outcome.name === 'cut' || outcome.name === 'stopped' || receipt?.finishReason === 'length'
}

const endsInWord = /[\p{L}\p{N}]$/u
const beginsWithWord = /^[\p{L}\p{N}]/u
const withoutSpaces = /[\p{Script=Hangul}\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}]/u

/** Adds the space that models leave out when they go on with a new word. Korean and the like get none. */
export function joined(before: string, rest: string): string {
  const isNewWord = endsInWord.test(before) && beginsWithWord.test(rest)
  const glued = withoutSpaces.test(before.slice(-1)) || withoutSpaces.test(rest.slice(0, 1))
  return isNewWord && !glued ? `${before} ${rest}` : before + rest
}
