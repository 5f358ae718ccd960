import { createContext, useContext } from 'react'
import { en } from './en.ts'
import { ko } from './ko.ts'

export type Words = typeof en

const spoken = new Map<string, Words>([
  ['en', en],
  ['ko', ko],
])

/** The page's words in the first of the reader's languages that it speaks, else in English. */
export function wordsFor(languages: readonly string[]): Words {
  for (const language of languages) {
    const words = spoken.get(language.toLowerCase().replace(/-.*/, ''))
    if (words) return words
  }
  return en
}

const failureKeys = new Set(Object.keys(en.failures))

/** A code from a newer relay has no words here yet: then the relay's own message has to do. */
export function wordsOfFailure(words: Words, { code, message }: { code: string; message: string }): string {
  return failureKeys.has(code) ? words.failures[code as keyof Words['failures']] : message
}

export const WordsContext = createContext(en)

export const useWords = () => useContext(WordsContext)
