import type { Conversation, Failure, Outcome, Running, Turn, TurnReceipt, Versions } from './conversation.ts'

type Fields = Record<string, unknown>

/** Parses a conversation from an untrusted file or database; null if it is none. */
export function conversationFrom(value: unknown): Conversation | null {
  if (!isObject(value) || !Array.isArray(value['turns'])) return null
  const { id, revision, title, isPinned, persona, createdAt, changedAt, seenAt, turns, running } = value
  const who = textOrNull(persona)
  const read = turns.map((turn) => turnFrom(turn, who))
  if (!isText(id) || id === '' || !isTime(createdAt) || !isTime(changedAt) || !read.every((turn) => turn !== null)) return null
  return {
    id,
    revision: textOr(revision, ''),
    title: textOr(title, '').replaceAll(/\s+/g, ' ').trim(),
    isPinned: isPinned === true,
    persona: who,
    createdAt,
    changedAt,
    seenAt: isTime(seenAt) ? seenAt : changedAt,
    turns: read,
    running: runningFrom(running, who),
  }
}

/** `who` is the persona if the turn names none. */
function turnFrom(value: unknown, who: string | null): Turn | null {
  if (!isObject(value)) return null
  const { id, question, answer, askedAt, endedAt } = value
  const outcome = outcomeFrom(value['outcome'])
  if (!isText(id) || !isText(question) || !isText(answer) || outcome === null || !isTime(askedAt) || !isTime(endedAt)) return null
  const [persona, versions, receipt] = [personaFrom(value, who), versionsFrom(value, who), receiptFrom(value['receipt'])]
  return { id, question, pictures: picturesFrom(value), answer, persona, outcome, receipt, askedAt, endedAt, versions }
}

/** Only these are shown in the page, and taken by relays. */
const PICTURE = /^data:image\/(?:png|jpeg|webp|gif);base64,[A-Za-z0-9+/]+={0,2}$/

function picturesFrom({ pictures }: Fields): readonly string[] {
  return Array.isArray(pictures) ? pictures.filter((picture) => isText(picture) && PICTURE.test(picture)) : []
}

function personaFrom({ persona }: Fields, who: string | null): string | null {
  return isText(persona) || persona === null ? persona : who
}

/** Leaves out unreadable versions, so that the turn itself is not lost. */
function versionsFrom({ versions }: Fields, who: string | null): Versions {
  const { earlier, later } = isObject(versions) ? versions : {}
  const read = (branches: unknown) =>
    (Array.isArray(branches) ? branches : [])
      .map((branch: unknown) => (Array.isArray(branch) ? branch.map((turn) => turnFrom(turn, who)) : []))
      .filter((branch): branch is Turn[] => branch.length > 0 && branch.every((turn) => turn !== null))
  return { earlier: read(earlier), later: read(later) }
}

function outcomeFrom(value: unknown): Outcome | null {
  if (!isObject(value)) return null
  const { name, failure } = value
  if (name === 'finished' || name === 'stopped') return { name }
  if (name === 'cut' || name === 'failed') return { name, failure: failureFrom(failure) }
  return null
}

function failureFrom(value: unknown): Failure {
  const { code, message, status, requestId, retryAfterSeconds } = isObject(value) ? value : {}
  return {
    code: textOr(code, ''),
    message: textOr(message, ''),
    status: numberOrNull(status),
    requestId: textOrNull(requestId),
    retryAfterSeconds: numberOrNull(retryAfterSeconds),
  }
}

function receiptFrom(value: unknown): TurnReceipt | null {
  if (!isObject(value)) return null
  const { firstTextMs, durationMs, promptTokens, answerTokens, finishReason, model } = value
  return {
    firstTextMs: numberOrNull(firstTextMs),
    durationMs: numberOrNull(durationMs),
    promptTokens: numberOrNull(promptTokens),
    answerTokens: numberOrNull(answerTokens),
    finishReason: textOrNull(finishReason),
    model: textOrNull(model),
  }
}

function runningFrom(value: unknown, who: string | null): Running | null {
  if (!isObject(value)) return null
  const { turn, question, key, before, text, etag, askedAt } = value
  if (!isText(turn) || !isText(question) || !isText(key) || !isTime(askedAt)) return null
  const [persona, versions] = [personaFrom(value, who), versionsFrom(value, who)]
  return { turn, question, pictures: picturesFrom(value), persona, key, before: textOr(before, ''), text: textOr(text, ''), etag: textOrNull(etag), askedAt, versions }
}

const isObject = (value: unknown): value is Fields => typeof value === 'object' && value !== null && !Array.isArray(value)
const isText = (value: unknown): value is string => typeof value === 'string'
const isNumber = (value: unknown): value is number => typeof value === 'number' && Number.isFinite(value)
/** A `Date` holds no later or earlier times (ECMA-262, 21.4.1.1). */
const isTime = (value: unknown): value is number => isNumber(value) && Math.abs(value) <= 8.64e15
const textOr = (value: unknown, otherwise: string) => (isText(value) ? value : otherwise)
const textOrNull = (value: unknown) => (isText(value) ? value : null)
const numberOrNull = (value: unknown) => (isNumber(value) ? value : null)
