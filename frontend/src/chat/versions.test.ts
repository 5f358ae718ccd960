import { describe, expect, test } from 'vitest'
import { newConversation, type Turn } from './conversation.ts'
import { alone, idsIn, versionOf, versionsBeside, withVersion } from './versions.ts'

const turn = (question: string, answer = 'An answer'): Turn => ({
  id: question,
  question,
  pictures: [],
  answer,
  persona: null,
  outcome: { name: 'finished' },
  receipt: null,
  askedAt: 1,
  endedAt: 2,
  versions: alone,
})

const questions = (turns: readonly Turn[]) => turns.map(({ question }) => question).join(' ')

describe('versions', () => {
  const before = [turn('a'), turn('b'), turn('c')]
  const edited = [before[0]!, { ...turn('B'), versions: versionsBeside(before, 1) }]
  const thrice = [before[0]!, { ...turn('ß'), versions: versionsBeside(edited, 1) }]

  test('of a running question count among the turns of a conversation', () => {
    const running = { ...turn('C'), turn: 'C', key: 'k', before: '', text: '', etag: null, versions: versionsBeside(thrice, 1) }
    const ids = idsIn({ ...newConversation('c1', null, 1), turns: [before[0]!], running })
    expect(ids.toSorted()).toEqual(['B', 'C', 'a', 'b', 'c', 'ß'])
  })

  test('are counted in the order in which they were asked', () => {
    expect(versionOf(before[1]!)).toEqual({ number: 1, of: 1 })
    expect(versionOf(edited[1]!)).toEqual({ number: 2, of: 2 })
    expect(versionOf(thrice[1]!)).toEqual({ number: 3, of: 3 })
  })

  test('come back with what came after them, and lose nothing', () => {
    const first = withVersion(thrice, 'ß', 1)
    expect(questions(first)).toBe('a b c')
    expect(versionOf(first[1]!)).toEqual({ number: 1, of: 3 })
    const second = withVersion(first, 'b', 2)
    expect(questions(second)).toBe('a B')
    expect(withVersion(second, 'B', 3)).toEqual(thrice)
  })

  test('of turns inside of another version are kept with it', () => {
    const inner = [...edited, turn('d')]
    const innerEdited = [...edited, { ...turn('D'), versions: versionsBeside(inner, 2) }]
    const back = withVersion(withVersion(innerEdited, 'B', 1), 'b', 2)
    expect(back).toEqual(innerEdited)
    expect(versionOf(back[2]!)).toEqual({ number: 2, of: 2 })
  })

  test('are not made of what came to nothing', () => {
    expect(versionsBeside([turn('a', '')], 0)).toEqual(alone)
  })

  test('that are not there change nothing', () => {
    expect(withVersion(thrice, 'ß', 4)).toBe(thrice)
    expect(withVersion(thrice, 'x', 1)).toBe(thrice)
  })
})
