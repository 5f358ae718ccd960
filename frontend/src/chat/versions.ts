import type { Branch, Conversation, Turn, Versions } from './conversation.ts'

export const alone: Versions = { earlier: [], later: [] }

/** The versions of a new turn that replaces `turns` from `place` on. A turn without an answer is not one. */
export function versionsBeside(turns: readonly Turn[], place: number): Versions {
  const all = branchesAt(turns, place)
  return { earlier: all.filter((branch) => branch.length > 1 || branch[0]!.answer.trim() !== ''), later: [] }
}

/** Switches a turn, and all after it, to another version, counted from 1. */
export function withVersion(turns: readonly Turn[], id: string, number: number): readonly Turn[] {
  const place = turns.findIndex((turn) => turn.id === id)
  const all = place < 0 ? [] : branchesAt(turns, place)
  const [first, ...rest] = all[number - 1] ?? []
  if (first === undefined) return turns
  const versions = { earlier: all.slice(0, number - 1), later: all.slice(number) }
  return [...turns.slice(0, place), { ...first, versions }, ...rest]
}

/** The number of a turn's version, and how many there are. */
export function versionOf({ versions: { earlier, later } }: { versions: Versions }): { number: number; of: number } {
  return { number: earlier.length + 1, of: earlier.length + 1 + later.length }
}

/** The ids of turns and of all their versions. */
export function idsOf(turns: readonly Turn[]): readonly string[] {
  return turns.flatMap(({ id, versions: { earlier, later } }) => [id, ...[...earlier, ...later].flatMap(idsOf)])
}

/** The ids of all turns of a conversation, in all versions. */
export function idsIn({ turns, running }: Conversation): readonly string[] {
  if (running === null) return idsOf(turns)
  const { earlier, later } = running.versions
  return [running.turn, ...[turns, ...earlier, ...later].flatMap(idsOf)]
}

function branchesAt(turns: readonly Turn[], place: number): readonly Branch[] {
  const { earlier, later } = turns[place]!.versions
  return [...earlier, [{ ...turns[place]!, versions: alone }, ...turns.slice(place + 1)], ...later]
}
