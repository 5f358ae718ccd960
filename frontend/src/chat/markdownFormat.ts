import { newKey } from '../client/askbot.js'
import { type Branch, type Conversation, titleOf, type Turn } from './conversation.ts'
import { ImportError } from './importError.ts'
import { conversationFrom } from './parseConversation.ts'
import { versionOf } from './versions.ts'

/** The words for people beside questions and answers. */
export interface Speakers {
  reader: string
  assistant: string
  picture: (number: number) => string
  version: (number: number, of: number) => string
}

/** A version that is not shown. It is written after all shown turns. */
interface Aside {
  /** The name of the turn that it is a version of. */
  turn: number
  number: number
  of: number
  branch: Branch
}

/**
 * Markdown for people, with comments that nobody sees where it is shown: `fromMarkdown` finds
 * questions and answers by them, whatever headings the answers have.
 */
export function toMarkdown(conversation: Conversation, turns: readonly Turn[], speakers: Speakers): string {
  const { persona, createdAt } = conversation
  const parts = [comment('conversation', { persona, createdAt }), `# ${escaped(titleOf(conversation))}`]
  const asides: Aside[] = []
  let count = 0

  function write({ question, pictures, answer, askedAt, endedAt, outcome, versions, ...turn }: Turn) {
    const { number, of } = versionOf({ versions })
    const isOne = of === 1
    if (!isOne) count++
    const all = [...versions.earlier, [], ...versions.later]
    asides.push(...all.map((branch, index) => ({ turn: count, number: index + 1, of, branch })).filter(({ branch }) => branch.length > 0))
    const more = { ...(pictures.length > 0 && { pictures: pictures.length }), ...(!isOne && { turn: count, version: number }) }
    parts.push(comment('question', { askedAt, ...more }), `## ${speakers.reader}`, escaped(question))
    parts.push(...pictures.map((picture, place) => `![${speakers.picture(place + 1)}](${picture})`))
    const who = turn.persona === persona ? {} : { persona: turn.persona }
    parts.push(comment('answer', { endedAt, outcome: outcome.name, ...who }), `## ${speakers.assistant}`, escaped(answer))
  }

  turns.forEach(write)
  // Versions of versions are added during the loop.
  for (const { turn, number, of, branch } of asides) {
    parts.push(comment('version', { turn, number }), `# ${speakers.version(number, of)}`)
    branch.forEach(write)
  }
  return `${parts.join('\n\n')}\n`
}

export const isMarkdown = (text: string) => /^\s*<!-- askbot: conversation /.test(text)

/** The comment, its JSON, the heading after it, and the text up to the next comment. */
const PART = /^<!-- askbot: (conversation|question|answer|version) (\{.*\}) -->\n\n#{1,2} (.*)\n(?:\n([^]*?))?(?=^<!-- askbot: (?:question|answer|version) |(?![^]))/gm

/** The conversation in a text that `toMarkdown` wrote. Throws an ImportError for any other. */
export function fromMarkdown(text: string): Conversation {
  const [first, ...parts] = Array.from(text.matchAll(PART), ([, kind, json, heading, body = '']) => ({
    kind,
    fields: parsed(json!),
    heading: heading!,
    body: unescaped(body.replace(/\n+$/, '')),
  }))
  if (first?.kind !== 'conversation') throw new ImportError()
  const turns: unknown[] = []
  /** The turns that have versions, by name. */
  const named = new Map<unknown, { shown: number; versions: { earlier: unknown[]; later: unknown[] } }>()
  let written = turns
  for (let place = 0; place < parts.length; ) {
    const { kind, fields, body } = parts[place]!
    if (kind === 'version') {
      const turn = named.get(fields['turn'])
      if (turn === undefined) throw new ImportError()
      written = []
      turn.versions[Number(fields['number']) < turn.shown ? 'earlier' : 'later'].push(written)
      place += 1
      continue
    }
    const answer = parts[place + 1]
    if (kind !== 'question' || answer?.kind !== 'answer') throw new ImportError()
    const versions = { earlier: [], later: [] }
    if (fields['turn'] !== undefined) named.set(fields['turn'], { shown: Number(fields['version']), versions })
    const { endedAt, outcome, persona } = answer.fields
    const { askedAt } = fields
    written.push({ id: newKey(), ...questionIn(body, Number(fields['pictures'] ?? 0)), answer: answer.body, persona, outcome: { name: outcome }, askedAt, endedAt, versions })
    place += 2
  }
  const { persona, createdAt } = first.fields
  const conversation = conversationFrom({ id: newKey(), title: first.heading, persona, createdAt, changedAt: createdAt, turns, running: null })
  if (conversation === null) throw new ImportError()
  const changedAt = conversation.turns.at(-1)?.endedAt ?? conversation.createdAt
  return { ...conversation, changedAt, seenAt: changedAt }
}

/** The last paragraphs are the pictures. Their number tells them from pictures in the text itself. */
function questionIn(body: string, count: number): Pick<Turn, 'question' | 'pictures'> {
  const paragraphs = body.split('\n\n')
  const pictures = paragraphs.splice(paragraphs.length - count, count).map((line) => /\((data:[^)]*)\)$/.exec(line)?.[1] ?? '')
  return { question: paragraphs.join('\n\n'), pictures }
}

function parsed(json: string): Record<string, unknown> {
  try {
    return (JSON.parse(json) ?? {}) as Record<string, unknown>
  } catch (cause) {
    throw new ImportError({ cause })
  }
}

/** Escapes text that looks like one of our comments. */
const escaped = (text: string) => text.trimEnd().replaceAll('<!-- askbot:', '<!--&#32;askbot:')
const unescaped = (text: string) => text.replaceAll('<!--&#32;askbot:', '<!-- askbot:')

/** A comment ends at the first `-->`. */
const comment = (kind: string, fields: object) => `<!-- askbot: ${kind} ${JSON.stringify(fields).replaceAll('>', '\\u003e')} -->`
