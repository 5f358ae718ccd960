import { type Conversation, titleOf } from './conversation.ts'

export interface Group {
  name: 'pinned' | 'today' | 'yesterday' | 'earlier'
  conversations: readonly Conversation[]
}

/** The list in groups: pinned conversations, then by day. Empty groups are left out. */
export function groupsOf(conversations: readonly Conversation[], now = new Date()): readonly Group[] {
  const today = new Date(now.getFullYear(), now.getMonth(), now.getDate()).getTime()
  const yesterday = new Date(now.getFullYear(), now.getMonth(), now.getDate() - 1).getTime()
  const nameOf = ({ isPinned, changedAt }: Conversation) =>
    isPinned ? 'pinned' : changedAt >= today ? 'today' : changedAt >= yesterday ? 'yesterday' : 'earlier'
  return (['pinned', 'today', 'yesterday', 'earlier'] as const)
    .map((name) => ({ name, conversations: conversations.filter((conversation) => nameOf(conversation) === name) }))
    .filter((group) => group.conversations.length > 0)
}

/** Normalises Hangul, which may be in whole syllables or, as on macOS, in letters. */
const composed = (text: string) => text.normalize('NFC')

const wordsOf = (query: string) => composed(query).toLowerCase().split(/\s+/).filter(Boolean)

/** The conversations in which every word of `query` occurs, in titles, questions or answers. */
export function search(conversations: readonly Conversation[], query: string): readonly Conversation[] {
  const words = wordsOf(query)
  if (words.length === 0) return conversations
  return conversations.filter((conversation) => words.every((word) => searchedIn(conversation).includes(word)))
}

/** Kept, because the list is searched again at each key and each change of one conversation. */
const searched = new WeakMap<Conversation, string>()

function searchedIn(conversation: Conversation): string {
  const known = searched.get(conversation)
  if (known !== undefined) return known
  const { title, turns } = conversation
  const text = composed([title, ...turns.flatMap(({ question, answer }) => [question, answer])].join('\n')).toLowerCase()
  searched.set(conversation, text)
  return text
}

/** A part of a text: a match of a search, or the text between matches. */
export interface Part {
  text: string
  isHit: boolean
}

/** A text cut at the words of `query`. */
export function hitsIn(text: string, query: string): readonly Part[] {
  const pattern = patternOf(query)
  if (pattern === null) return [{ text, isHit: false }]
  // `split` with a group in the pattern returns the matches at every second place.
  const parts = composed(text).split(pattern)
  return parts.map((part, place) => ({ text: part, isHit: place % 2 === 1 })).filter(({ text: part }) => part !== '')
}

const BEFORE = 24
const LONGEST_SNIPPET = 90

/** The place of a match in a conversation, or null if only its title matches. */
export function snippetOf(conversation: Conversation, query: string): string | null {
  const pattern = patternOf(query)
  if (pattern === null) return null
  const title = titleOf(conversation)
  for (const text of conversation.turns.flatMap(({ question, answer }) => [question, answer])) {
    const line = composed(text).trim().replaceAll(/\s+/g, ' ')
    const place = line.search(pattern)
    if (place < 0 || line === title) continue
    // At the beginning of a word, unless that is far away, as in a text without spaces.
    const start = place <= BEFORE ? 0 : Math.max(place - BEFORE, line.lastIndexOf(' ', place - BEFORE / 2) + 1)
    const snippet = line.slice(start, start + LONGEST_SNIPPET)
    return `${start > 0 ? '… ' : ''}${snippet}${start + LONGEST_SNIPPET < line.length ? ' …' : ''}`
  }
  return null
}

function patternOf(query: string): RegExp | null {
  const words = wordsOf(query)
  if (words.length === 0) return null
  // The longest first, because the first match wins.
  const choices = words.toSorted((a, b) => b.length - a.length).map((word) => word.replaceAll(/[\\^$.*+?()[\]{}|/]/g, '\\$&'))
  return new RegExp(`(${choices.join('|')})`, 'giu')
}
