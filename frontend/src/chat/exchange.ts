import { newKey } from '../client/askbot.js'
import { type Conversation, joined, titleOf, type Turn } from './conversation.ts'
import { conversationFrom } from './parse.ts'

const FORMAT = 'askbot-conversations'

/** A file that `importFrom` reads, and other programs can. */
export function toJson(conversations: readonly Conversation[]): string {
  return `${JSON.stringify({ format: FORMAT, version: 1, conversations }, null, 2)}\n`
}

/**
 * Markdown for people, with comments that nobody sees where it is shown: `importFrom` finds
 * questions and answers by them, whatever headings the answers have.
 */
export function toMarkdown(conversation: Conversation, speakers: { reader: string; assistant: string }): string {
  const parts = [`<!-- askbot: conversation ${tag({ persona: conversation.persona, createdAt: conversation.createdAt })} -->`, `# ${escaped(titleOf(conversation))}`]
  for (const { question, answer, askedAt, endedAt, outcome } of allTurns(conversation)) {
    parts.push(`<!-- askbot: question ${tag({ askedAt })} -->`, `## ${speakers.reader}`, escaped(question))
    parts.push(`<!-- askbot: answer ${tag({ endedAt, outcome: outcome.name })} -->`, `## ${speakers.assistant}`, escaped(answer))
  }
  return `${parts.join('\n\n')}\n`
}

/** The conversations in a file that `toJson` or `toMarkdown` wrote. Throws an ImportError for any other. */
export function importFrom(file: string): Conversation[] {
  const text = file.replace(/^\uFEFF/, '').replaceAll(/\r\n?/g, '\n')
  const conversations = /^\s*<!-- askbot: conversation /.test(text) ? fromMarkdown(text) : fromJson(text)
  if (conversations.length === 0) throw new ImportError()
  return conversations
}

export class ImportError extends Error {
  constructor(options?: ErrorOptions) {
    super('The file holds no conversations of Askbot.', options)
    this.name = 'ImportError'
  }
}

function fromJson(text: string): Conversation[] {
  const { format, conversations } = parsed(text)
  if (format !== FORMAT || !Array.isArray(conversations)) throw new ImportError()
  return conversations.map((value) => {
    const conversation = conversationFrom(value)
    if (conversation === null) throw new ImportError()
    return withOwnIds({ ...conversation, turns: allTurns(conversation), running: null })
  })
}

/** With what was being written when the file was: it is not read on from a file. */
function allTurns({ turns, running }: Conversation): readonly Turn[] {
  if (running === null) return turns
  const { turn: id, question, before, text, askedAt } = running
  const failure = { code: 'cut', message: '', status: null, requestId: null, retryAfterSeconds: null }
  return [...turns, { id, question, answer: joined(before, text), outcome: { name: 'cut', failure }, receipt: null, askedAt, endedAt: askedAt }]
}

/** Ids go into addresses, and tell turns apart: others than ours may do neither. */
function withOwnIds(conversation: Conversation): Conversation {
  const { id, turns } = conversation
  const areUnique = new Set(turns.map((turn) => turn.id)).size === turns.length
  return {
    ...conversation,
    id: /^[\w-]{1,64}$/.test(id) ? id : newKey(),
    turns: areUnique ? turns : turns.map((turn) => ({ ...turn, id: newKey() })),
  }
}

/** The comment, its JSON, the heading after it, and all up to the next comment. */
const PART = /^<!-- askbot: (conversation|question|answer) (\{.*\}) -->\n\n#{1,2} (.*)\n(?:\n([^]*?))?(?=^<!-- askbot: (?:question|answer) |(?![^]))/gm

function fromMarkdown(text: string): Conversation[] {
  const [first, ...parts] = Array.from(text.matchAll(PART), ([, kind, json, heading, body = '']) => ({
    kind,
    fields: parsed(json!),
    heading: heading!,
    body: unescaped(body.replace(/\n+$/, '')),
  }))
  if (first?.kind !== 'conversation') throw new ImportError()
  const turns: unknown[] = []
  for (let place = 0; place < parts.length; place += 2) {
    const [question, answer] = [parts[place]!, parts[place + 1]]
    if (question.kind !== 'question' || answer?.kind !== 'answer') throw new ImportError()
    turns.push({
      id: newKey(),
      question: question.body,
      answer: answer.body,
      outcome: { name: answer.fields['outcome'] },
      askedAt: question.fields['askedAt'],
      endedAt: answer.fields['endedAt'],
    })
  }
  const { persona, createdAt } = first.fields
  const conversation = conversationFrom({ id: newKey(), title: first.heading, persona, createdAt, changedAt: createdAt, turns, running: null })
  if (conversation === null) throw new ImportError()
  return [{ ...conversation, changedAt: conversation.turns.at(-1)?.endedAt ?? conversation.createdAt }]
}

function parsed(json: string): Record<string, unknown> {
  try {
    return (JSON.parse(json) ?? {}) as Record<string, unknown>
  } catch (cause) {
    throw new ImportError({ cause })
  }
}

/** No text may look like one of our comments. */
const escaped = (text: string) => text.trimEnd().replaceAll('<!-- askbot:', '<!--&#32;askbot:')
const unescaped = (text: string) => text.replaceAll('<!--&#32;askbot:', '<!-- askbot:')

/** A comment ends at the first `-->`. */
const tag = (fields: object) => JSON.stringify(fields).replaceAll('>', '\\u003e')
