import { type Answer, type AskbotError, type Message, newKey } from '../client/askbot.js'
import type { Versions } from './versions.ts'

/** A conversation as it is kept: plain data. Times are milliseconds since the epoch. */
export interface Conversation {
  id: string
  /** Another one with every change, so that two tabs can tell whether they speak of the same state. */
  revision: string
  /** Empty until the reader gives it a name; see `titleOf`. */
  title: string
  /** Whether it stands at the top of the list. */
  isPinned: boolean
  /** The id of who answers from here on; null for the relay's default. */
  persona: string | null
  createdAt: number
  changedAt: number
  /** When the reader last had it before them with nothing more to come. */
  seenAt: number
  turns: readonly Turn[]
  running: Running | null
}

/** A question and what became of it. Of that nothing changes again but what stands beside it. */
export interface Turn {
  id: string
  question: string
  answer: string
  /** The id of who answered; null for the relay's default. */
  persona: string | null
  outcome: Outcome
  receipt: TurnReceipt | null
  askedAt: number
  endedAt: number
  versions: Versions
}

export type Outcome =
  | { name: 'finished' }
  | { name: 'stopped' }
  | { name: 'cut'; failure: Failure }
  | { name: 'failed'; failure: Failure }

/** What went wrong, as plain data: it can be kept and shown long after the error is gone. */
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
  /** The id of the turn that it will be. */
  turn: string
  question: string
  /** The id of who answers. */
  persona: string | null
  /** What the relay knows the answer by. */
  key: string
  /** The part that is there already, when an answer is continued. */
  before: string
  /** What was here of the rest when it was last kept. */
  text: string
  /** Which writing `text` is from: the relay may have begun another by now. */
  etag: string | null
  askedAt: number
  versions: Versions
}

export function newConversation(id: string, persona: string | null, now: number): Conversation {
  return { id, revision: newKey(), title: '', isPinned: false, persona, createdAt: now, changedAt: now, seenAt: now, turns: [], running: null }
}

/** The turn in the place of what was running; the conversation itself when something else runs by now. */
export function settled(conversation: Conversation, key: string, turn: Turn): Conversation {
  if (conversation.running?.key !== key) return conversation
  return { ...conversation, turns: [...conversation.turns, turn], running: null, changedAt: turn.endedAt }
}

/** Whether it ended with something that the reader has not seen yet. */
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

/** Turns without an answer are left out: to most models, two questions in a row are an error. */
export function messagesOf(turns: readonly Turn[]): Message[] {
  return turns
    .filter((turn) => turn.answer.trim() !== '')
    .flatMap((turn) => [
      { role: 'user', content: turn.question },
      { role: 'assistant', content: turn.answer },
    ])
}

/** How a question is asked; `instruction` is for an answer that is to go on. */
export function messagesFor({ question, before }: Running, instruction: string | undefined): Message[] {
  const asked: Message = { role: 'user', content: question }
  if (instruction === undefined) return [asked]
  return [asked, { role: 'assistant', content: before }, { role: 'user', content: instruction }]
}

/** The last of them that are no more than `most`, from a question on: questions stand at every second place. */
export function newest(messages: readonly Message[], most: number | null): readonly Message[] {
  if (most === null || messages.length <= most) return messages
  return messages.slice(messages.length - most + ((messages.length - most) % 2))
}

/** What a question that was running has become. */
export function turnOf(running: Running, text: string, { outcome, receipt, endedAt }: Pick<Turn, 'outcome' | 'receipt' | 'endedAt'>): Turn {
  const { turn: id, question, persona, before, askedAt, versions } = running
  return { id, question, answer: joined(before, text), persona, outcome, receipt, askedAt, endedAt, versions }
}

/** `firstTextMs` and `durationMs` as this page measured them. */
export function receiptOf({ receipt }: Answer, firstTextMs: number | null, durationMs: number | null): TurnReceipt {
  return {
    // What the reader waited is more than what the relay did; a page that came later did not measure it.
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

/** Models go on at a word and leave out the space before it. Korean endings belong to the word before them. */
export function joined(before: string, rest: string): string {
  const isNewWord = endsInWord.test(before) && beginsWithWord.test(rest)
  const glued = withoutSpaces.test(before.slice(-1)) || withoutSpaces.test(rest.slice(0, 1))
  return isNewWord && !glued ? `${before} ${rest}` : before + rest
}
