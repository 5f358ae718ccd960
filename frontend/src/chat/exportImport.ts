import { newKey } from '../client/askbot.js'
import { type Conversation, type Turn, turnOf } from './conversation.ts'
import { ImportError } from './importError.ts'
import { fromMarkdown, isMarkdown, type Speakers, toMarkdown as markdownOf } from './markdownFormat.ts'
import { conversationFrom } from './parseConversation.ts'
import { idsOf } from './versions.ts'

const FORMAT = 'askbot-conversations'

/** A file that `importFrom` reads, and other programs can. */
export function toJson(conversations: readonly Conversation[]): string {
  return `${JSON.stringify({ format: FORMAT, version: 1, conversations }, null, 2)}\n`
}

/** A file that people can read, and `importFrom` as well. */
export function toMarkdown(conversation: Conversation, speakers: Speakers): string {
  return markdownOf(conversation, allTurns(conversation), speakers)
}

/** The conversations in a file that `toJson` or `toMarkdown` wrote. Throws an ImportError for any other. */
export function importFrom(file: string): Conversation[] {
  const text = file.replace(/^\uFEFF/, '').replaceAll(/\r\n?/g, '\n')
  const conversations = isMarkdown(text) ? [fromMarkdown(text)] : fromJson(text)
  if (conversations.length === 0) throw new ImportError()
  return conversations
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

function parsed(json: string): Record<string, unknown> {
  try {
    return (JSON.parse(json) ?? {}) as Record<string, unknown>
  } catch (cause) {
    throw new ImportError({ cause })
  }
}

/** All turns for a file. A running answer counts as cut, because it cannot be resumed from a file. */
export function allTurns({ turns, running }: Conversation): readonly Turn[] {
  if (running === null) return turns
  const failure = { code: 'cut', message: '', status: null, requestId: null, retryAfterSeconds: null }
  return [...turns, turnOf(running, running.text, { outcome: { name: 'cut', failure }, receipt: null, endedAt: running.askedAt })]
}

/** Replaces foreign ids, which may not be unique or fit into addresses. */
function withOwnIds(conversation: Conversation): Conversation {
  const { id, turns } = conversation
  const ids = idsOf(turns)
  const areUnique = new Set(ids).size === ids.length
  return {
    ...conversation,
    id: /^[\w-]{1,64}$/.test(id) ? id : newKey(),
    turns: areUnique ? turns : turns.map(withNewIds),
  }
}

function withNewIds(turn: Turn): Turn {
  const { earlier, later } = turn.versions
  const renewed = (branches: typeof earlier) => branches.map((branch) => branch.map(withNewIds))
  return { ...turn, id: newKey(), versions: { earlier: renewed(earlier), later: renewed(later) } }
}
