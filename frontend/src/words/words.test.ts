import { describe, expect, test } from 'vitest'
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

  test.for(['brand_new', 'toString'])('is said in the relay’s own when its code is %s', (code) => {
    expect(wordsOfFailure(ko, { code, message: 'Something new.' })).toBe('Something new.')
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
