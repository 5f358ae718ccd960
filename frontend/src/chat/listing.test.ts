import { describe, expect, test } from 'vitest'
import { type Conversation, newConversation, type Turn } from './conversation.ts'
import { groupsOf, hitsIn, search, snippetOf } from './listing.ts'
import { alone } from './versions.ts'

const turn = (question: string, answer = ''): Turn => ({
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

const conversation = (...turns: Turn[]): Conversation => ({ ...newConversation('c', null, 1), turns })

const at = (id: string, changedAt: Date, isPinned = false) => ({ ...newConversation(id, null, changedAt.getTime()), isPinned })

describe('search', () => {
  const sky = { ...conversation(turn('Why is the sky blue?', 'Light is **scattered**.')), title: 'Colours' }
  const hangul = conversation(turn('한글은 누가 만들었나요?', '세종대왕이 만들었습니다.'))
  test.for([
    ['', [sky, hangul]],
    ['SKY', [sky]],
    ['scattered blue', [sky]],
    ['colours', [sky]],
    ['세종', [hangul]],
    ['한글'.normalize('NFD'), [hangul]],
    ['sky 세종', []],
  ] as const)('for %j', ([query, found]) => {
    expect(search([sky, hangul], query)).toEqual(found)
  })
})

describe('the list by day', () => {
  const noon = new Date(2024, 2, 1, 12)

  test('begins a day at its midnight, also after a leap day', () => {
    const listed = [
      at('now', noon),
      at('first of today', new Date(2024, 2, 1)),
      at('last of yesterday', new Date(2024, 1, 29, 23, 59)),
      at('first of yesterday', new Date(2024, 1, 29)),
      at('before', new Date(2024, 1, 28, 23, 59)),
    ]
    expect(groupsOf(listed, noon).map(({ name, conversations }) => [name, conversations.map(({ id }) => id)])).toEqual([
      ['today', ['now', 'first of today']],
      ['yesterday', ['last of yesterday', 'first of yesterday']],
      ['earlier', ['before']],
    ])
  })

  test('has what is pinned at its top, whatever its day', () => {
    const groups = groupsOf([at('now', noon), at('old', new Date(2020, 1, 1), true)], noon)
    expect(groups.map(({ name }) => name)).toEqual(['pinned', 'today'])
  })
})

describe('what a search has found', () => {
  test.for([
    ['Why is the SKY blue?', 'sky', ['Why is the ', '[SKY]', ' blue?']],
    ['aXb', 'x b', ['a', '[X]', '[b]']],
    ['C++ (new)', 'c++ (', ['[C++]', ' ', '[(]', 'new)']],
    ['GPT-4 and more', 'gpt-4', ['[GPT-4]', ' and more']],
    ['한글', '한글'.normalize('NFD'), ['[한글]']],
    ['no hit', '', ['no hit']],
  ] as const)('in %j for %j', ([text, query, parts]) => {
    expect(hitsIn(text, query).map((part) => (part.isHit ? `[${part.text}]` : part.text))).toEqual(parts)
  })

  test('is shown with some of what stands around it', () => {
    const long = conversation(turn('Why?', `${'before '.repeat(30)}the sky is blue ${'after '.repeat(30)}`))
    expect(snippetOf(long, 'sky')).toMatch(/^… .*the sky is blue .* …$/)
    const withoutSpaces = conversation(turn('何?', `${'前'.repeat(300)}空は青い${'後'.repeat(300)}`))
    expect(snippetOf(withoutSpaces, '空')).toMatch(/^… 前+空は青い後+ …$/)
    expect(snippetOf(long, '')).toBeNull()
    expect(snippetOf(conversation(turn('The sky')), 'sky')).toBeNull()
  })
})
