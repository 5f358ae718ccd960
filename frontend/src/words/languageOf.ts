/**
 * The language of a text as far as its script tells, for `lang`: browsers choose fonts and line
 * breaks by it, and screen readers their voice.
 */
export function languageOf(text: string): 'ko' | 'ja' | undefined {
  if (/\p{Script=Hangul}/u.test(text)) return 'ko'
  if (/[\p{Script=Hiragana}\p{Script=Katakana}]/u.test(text)) return 'ja'
  return undefined
}
