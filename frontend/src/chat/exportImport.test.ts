import { describe, expect, test } from 'vitest'
import { type Conversation, newConversation, type Turn } from './conversation.ts'
import { importFrom, toJson, toMarkdown } from './exportImport.ts'
import { ImportError } from './importError.ts'
import { alone, versionsBeside } from './versions.ts'

const turn = (question: string, answer: string, name: 'finished' | 'stopped' = 'finished'): Turn => ({
  id: question,
  question,
  pictures: [],
  answer,
  persona: 'secretary',
  outcome: { name },
  receipt: null,
  askedAt: 1_000,
  endedAt: 2_000,
  versions: alone,
})

const whole: Conversation = {
  ...newConversation('c1', 'secretary', 500),
  title: 'Colours --> and "more"',
  changedAt: 2_000,
  turns: [
    turn('Why is the sky blue?\n\n## Really?', '## Light\n\n```md\n<!-- askbot: question {} -->\n## You\n```\n\nis scattered.'),
    turn('    indented 한글', '**마크다운(Markdown)**을\n\n\n\n- a\n- b', 'stopped'),
    turn('No answer', ''),
  ],
}

const speakers = {
  reader: 'You',
  assistant: 'Secretary',
  picture: (number: number) => `Picture ${number}`,
  version: (number: number, of: number) => `Version ${number} of ${of}`,
}

/** All that Markdown keeps of a conversation. */
const seen = ({ title, persona, createdAt, changedAt, turns }: Conversation) => [[title, persona, createdAt, changedAt], turns.map(seenOf)]

const seenOf = ({ question, pictures, answer, persona, outcome, askedAt, endedAt, versions: { earlier, later } }: Turn): unknown[] => [
  [question, pictures, answer, persona, outcome.name, askedAt, endedAt],
  ...[earlier, later].map((branches) => branches.map((branch) => branch.map(seenOf))),
]

const edited = { ...turn('B', 'b'), persona: null, versions: versionsBeside([turn('a', 'a'), turn('b', 'b'), turn('c', 'c')], 1) }
const twice = { ...turn('ß', 'b'), versions: { earlier: versionsBeside([edited, turn('d', 'd')], 0).earlier, later: [[turn('z', 'z')]] } }
/** Versions of a turn, and of one inside of another version. */
const withVersions: Conversation = {
  ...whole,
  turns: [turn('a', 'a'), twice, { ...turn('e', 'e'), versions: { earlier: [[edited]], later: [] } }],
}

describe('JSON', () => {
  test('gives back every conversation as it was', () => {
    const other = { ...newConversation('c2', null, 7), turns: [turn('q', 'a')] }
    expect(importFrom(toJson([whole, other]))).toEqual([whole, other])
  })

  test('turns what was being written into what was written', () => {
    const running = { turn: 't9', question: 'Go on?', pictures: [], persona: null, versions: alone, key: 'k', before: 'one', text: ', two', etag: null, askedAt: 3 }
    const [imported] = importFrom(toJson([{ ...whole, running }]))
    expect(imported?.running).toBeNull()
    expect(imported?.turns.at(-1)).toMatchObject({ id: 't9', question: 'Go on?', answer: 'one, two', outcome: { name: 'cut' } })
  })
})

test('both kinds of files keep the pictures of questions', () => {
  const pictures = ['data:image/webp;base64,AAAA', 'data:image/jpeg;base64,BBB=']
  const asked = { ...turn('Which?\n\n![mine](data:image/png;base64,CCCC)', 'Both.'), pictures }
  const other = { ...turn('And this?', 'No.'), pictures: pictures.slice(1), versions: versionsBeside([asked, turn('d', 'd')], 0) }
  const conversation = { ...whole, turns: [turn('a', 'a'), other] }
  for (const file of [toJson([conversation]), toMarkdown(conversation, speakers)]) {
    const [imported] = importFrom(file)
    expect(imported!.turns.map(seenOf)).toEqual(conversation.turns.map(seenOf))
  }
  expect(toMarkdown(conversation, speakers)).toContain('\n\n![Picture 1](data:image/webp;base64,AAAA)\n\n![Picture 2](data:')
})

test.for([['https://example.org/a.png'], ['data:image/svg+xml;base64,AAAA'], ['data:image/png;base64,"onerror='], [1]])(
  'a picture that is %j does not come in',
  (pictures) => {
    const asked = { ...turn('q', 'a'), pictures: pictures as string[] }
    expect(importFrom(toJson([{ ...whole, turns: [asked] }]))[0]!.turns[0]!.pictures).toEqual([])
  },
)

test('ids that are not ours do not come in', () => {
  const turns = [turn('q', 'a'), turn('q', 'b')]
  const [imported] = importFrom(toJson([{ ...whole, id: 'my chat 가', title: 'Two\nlines', turns }]))
  expect(imported).toMatchObject({ id: expect.stringMatching(/^[\w-]{36}$/) as string, title: 'Two lines' })
  expect(new Set(imported!.turns.map(({ id }) => id)).size).toBe(2)
})

test('both kinds of files keep all versions', () => {
  expect(importFrom(toJson([whole]))[0]!.turns).toEqual(whole.turns)
  for (const file of [toJson([withVersions]), toMarkdown(withVersions, speakers)]) {
    expect(seen(importFrom(file)[0]!)).toEqual(seen(withVersions))
  }
})

describe('Markdown', () => {
  test('reads as a conversation', () => {
    const lines = toMarkdown({ ...whole, turns: [turn('Why?', 'Because.')] }, speakers).split('\n')
    expect(lines.filter((line) => line !== '' && !line.startsWith('<!--'))).toEqual([
      '# Colours --> and "more"',
      '## You',
      'Why?',
      '## Secretary',
      'Because.',
    ])
  })

  test.for([
    ['as it was written', (text: string) => text],
    ['with the line ends of Windows', (text: string) => text.replaceAll('\n', '\r\n')],
    ['with a byte order mark', (text: string) => `\uFEFF${text}`],
  ] as const)('gives back questions, answers and the persona, %s', ([, change]) => {
    const [imported] = importFrom(change(toMarkdown(whole, speakers)))
    expect(seen(imported!)).toEqual(seen(whole))
  })
})

describe('a file that is none of ours is refused', () => {
  const file = JSON.parse(toJson([whole])) as { conversations: { turns: object[] }[] }
  test.for([
    ['nothing', ''],
    ['no JSON', 'hello'],
    ['null', 'null'],
    ['an array', '[]'],
    ['other JSON', '{"messages": []}'],
    ['no conversations', toJson([])],
    ['a conversation without turns', JSON.stringify({ ...file, conversations: [{ id: 'x' }] })],
    ['a turn of another shape', JSON.stringify({ ...file, conversations: [{ ...file.conversations[0], turns: [{ question: 1 }] }] })],
    ['a time that is none', JSON.stringify({ ...file, conversations: [{ ...file.conversations[0], changedAt: 1e18 }] })],
    ['Markdown without our comments', '# Title\n\n## You\n\nWhy?\n'],
    ['Markdown with a version of nothing', toMarkdown(withVersions, speakers).replace('"turn":1,"version"', '"turn":9,"version"')],
    ['Markdown with half a turn', toMarkdown({ ...whole, turns: [turn('q', 'a')] }, speakers).replace(/<!-- askbot: answer[^]*/, '')],
    ['Markdown with a broken comment', toMarkdown(whole, speakers).replace('{"askedAt":1000}', '{"askedAt":}')],
  ] as const)('%s', ([, text]) => {
    expect(() => importFrom(text)).toThrow(ImportError)
  })
})
