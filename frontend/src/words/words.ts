import { createContext, useContext } from 'react'
import { en, type Words } from './en.ts'

export type { Words }

export type Language = 'en' | 'ko'

/** What the page speaks, each by its own name. */
export const languages: Record<Language, string> = { en: 'English', ko: '한국어' }

/** The first of the reader's languages that the page speaks, else English. */
export function languageFor(preferred: readonly string[]): Language {
  for (const language of preferred) {
    const name = language.toLowerCase().replace(/-.*/, '')
    if (Object.hasOwn(languages, name)) return name as Language
  }
  return 'en'
}

/** English is part of the page; others come when they are wanted. */
export async function wordsIn(language: Language): Promise<Words> {
  return language === 'en' ? en : (await import('./ko.ts')).ko
}

const failureKeys = new Set(Object.keys(en.failures))

/** A code from a newer relay has no words here yet: then the relay's own message has to do. */
export function wordsOfFailure(words: Words, { code, message }: { code: string; message: string }): string {
  return failureKeys.has(code) ? words.failures[code as keyof Words['failures']] : message
}

export const WordsContext = createContext(en)

export const useWords = () => useContext(WordsContext)
