import { describe, expect, test } from 'vitest'
import { type Conversation, isUnfinished, joined, messagesOf, newConversation, newest, titleOf, type Turn, withNewestPictures } from './conversation.ts'
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

describe('the title', () => {
  test.for([
    ['Why is the sky blue?', 'Why is the sky blue?'],
    ['  One\n\n two ', 'One two'],
    ['a'.repeat(60), 'a'.repeat(60)],
    ['a'.repeat(61), `${'a'.repeat(59)}…`],
    ['😀'.repeat(70), `${'😀'.repeat(59)}…`],
  ] as const)('of a conversation that begins with %j is %j', ([question, title]) => {
    expect(titleOf(conversation(turn(question), turn('Later')))).toBe(title)
  })

  test('is the name that the reader gave it', () => {
    expect(titleOf({ ...conversation(turn('Why?')), title: 'The sky' })).toBe('The sky')
  })
})

describe('a continued answer', () => {
  test.for([
    ['the sky is', 'blue', 'the sky is blue'],
    ['the sky is', ' blue', 'the sky is blue'],
    ['the sky is ', 'blue', 'the sky is blue'],
    ['the sky', ', which', 'the sky, which'],
    ['하늘', '은 파랗다', '하늘은 파랗다'],
    ['東京', '都', '東京都'],
    ['```py\nx = 1\n', 'y = 2', '```py\nx = 1\ny = 2'],
    ['', 'blue', 'blue'],
  ] as const)('%j and %j', ([before, rest, whole]) => {
    expect(joined(before, rest)).toBe(whole)
  })
})

describe('whether the model had more to say', () => {
  const receipt = { firstTextMs: 1, durationMs: 2, promptTokens: 3, answerTokens: 4, finishReason: 'length', model: 'm' }
  const failure = { code: 'cut', message: '', status: null, requestId: null, retryAfterSeconds: null }
  test.for([
    ['an answer that ended', turn('q', 'a'), false],
    ['one that reached its longest', { ...turn('q', 'a'), receipt }, true],
    ['one that was stopped', { ...turn('q', 'a'), outcome: { name: 'stopped' } }, true],
    ['one that was stopped before its first text', { ...turn('q'), outcome: { name: 'stopped' } }, false],
    ['one that was cut', { ...turn('q', 'a'), outcome: { name: 'cut', failure } }, true],
  ] as const)('%s: %s', ([, each, expected]) => {
    expect(isUnfinished(each)).toBe(expected)
  })
})

describe('the newest messages', () => {
  const messages = messagesOf([turn('a', 'b'), turn('c', 'd')]).concat({ role: 'user', content: 'e' })

  test.for([
    [null, 'abcde'],
    [5, 'abcde'],
    [4, 'cde'],
    [3, 'cde'],
    [1, 'e'],
  ] as const)('of five, where %s are taken: %s', ([most, left]) => {
    expect(newest(messages, most).map(({ content }) => content).join('')).toBe(left)
  })
})

describe('the newest pictures', () => {
  const seen = (question: string, count: number) => ({ ...turn(question, '.'), pictures: Array<string>(count).fill('data:') })
  const messages = messagesOf([seen('a', 2), seen('b', 3), turn('c', '.'), seen('d', 1)])

  test.for([
    [6, 'a2 b3 c0 d1'],
    [5, 'a0 b3 c0 d1'],
    [4, 'a0 b3 c0 d1'],
    [3, 'a0 b0 c0 d1'],
    [0, 'a0 b0 c0 d0'],
  ] as const)('of six, where %s are taken: %s', ([most, left]) => {
    const contents = withNewestPictures(messages, most).flatMap(({ role, content }) => (role === 'user' ? [content] : []))
    const counts = contents.map((content, place) => `${'abcd'[place]}${typeof content === 'string' ? 0 : content.length - 1}`)
    expect(counts.join(' ')).toBe(left)
  })
})
