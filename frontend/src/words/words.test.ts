import { readFileSync } from 'node:fs'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { whenIn } from './dateInWords.ts'
import { en } from './en.ts'
import { ko } from './ko.ts'
import { languageOf } from './languageOf.ts'
import { languageFor, wordsIn, wordsOfFailure } from './words.ts'

describe('the page’s language', () => {
  test.for([
    [['ko-KR', 'en-US'], ko],
    [['KO'], ko],
    [['fr-FR', 'ko', 'en'], ko],
    [['en-GB', 'ko'], en],
    [['fr'], en],
    [['constructor'], en],
    [[], en],
  ] as const)('is, for a reader of %j, the first that the page speaks', async ([preferred, words]) => {
    expect(await wordsIn(languageFor(preferred))).toBe(words)
  })
})

describe('a failure in words', () => {
  test('is said in the page’s language when its code is known', () => {
    const failure = { code: 'overloaded', message: 'Overloaded.' }
    expect(wordsOfFailure(ko, failure)).toBe(ko.failures.overloaded)
  })

  test('is said in words for every code that the relay has', () => {
    const described = readFileSync(new URL('../../../docs/openapi.yaml', import.meta.url), 'utf8')
    const [, list] = /^ {4}Code:.*?enum:\n((?: +- \w+\n)+)/ms.exec(described)!
    const codes = list!.match(/\w+/g)!
    // The page does not send what these refuse, and its client reads the answer again after the third.
    const neverShown = new Set(['method_not_allowed', 'unsupported_media_type', 'range_not_satisfiable', 'idempotency_key_reused'])
    expect(codes.filter((code) => !neverShown.has(code) && !(code in en.failures))).toEqual([])
  })

  test.for(['brand_new', 'toString'])('is said in the relay’s own when its code is %s', (code) => {
    expect(wordsOfFailure(ko, { code, message: 'Something new.' })).toBe('Something new.')
  })
})

describe('a time in words', () => {
  afterEach(() => {
    vi.unstubAllGlobals()
    vi.restoreAllMocks()
  })

  test.for([
    [['en-GB'], '13:05'],
    [['en-US@posix'], '1:05 PM'],
    [['en-US@posix', 'en-GB'], '13:05'],
    [['ko-KR'], '1:05 PM'],
  ] as const)('is, for a browser with %j, as it is written there', ([languages, written]) => {
    vi.stubGlobal('navigator', { languages })
    expect(whenIn('en')(new Date().setHours(13, 5)).replaceAll(/\s/g, ' ')).toBe(written)
  })

  test('of a long list makes few formats', () => {
    vi.stubGlobal('navigator', { languages: ['en-GB'] })
    const { DateTimeFormat } = Intl
    const made = vi.spyOn(Intl, 'DateTimeFormat').mockImplementation(function (...given) {
      return new DateTimeFormat(...given)
    })
    const when = whenIn('en')
    for (let days = 0; days < 1000; days++) when(Date.now() - days * 86_400_000)
    expect(made.mock.calls.length).toBeLessThanOrEqual(3)
  })
})

describe('a wait in words', () => {
  test.for([
    [1, 'Please wait 1 second before asking again.', '1초 뒤에 다시 시도해 주세요.'],
    [120, 'Please wait 120 seconds before asking again.', '120초 뒤에 다시 시도해 주세요.'],
    [121, 'Please wait 3 minutes before asking again.', '3분 뒤에 다시 시도해 주세요.'],
    [7201, 'Please wait 3 hours before asking again.', '3시간 뒤에 다시 시도해 주세요.'],
  ] as const)('%i seconds', ([seconds, english, korean]) => {
    expect(en.retryAfter(seconds)).toBe(english)
    expect(ko.retryAfter(seconds)).toBe(korean)
  })
})

describe('the language of a text', () => {
  test.for([
    ['Askbot은 무엇인가요?', 'ko'],
    ['東京は日本の首都です', 'ja'],
    ['Seoul is the capital of South Korea.', undefined],
    ['', undefined],
  ] as const)('%s', ([text, language]) => {
    expect(languageOf(text)).toBe(language)
  })
})
