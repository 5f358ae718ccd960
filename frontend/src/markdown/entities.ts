import { trusted } from '../trustedTypes.ts'

const policy = trusted('askbot-entities', {
  // Letters and digits alone cannot form an element.
  createHTML: (name: string) => (/^[A-Za-z0-9]+$/.test(name) ? `&${name};` : ''),
})
const element = document.createElement('i')

/** The character that HTML calls `name`, as in `&rarr;`, or false. The browser has the table of all 2,125 names. */
export function decodeNamedCharacterReference(name: string): string | false {
  if (name === 'semi') return ';'
  if (name === 'amp' || name === 'AMP') return '&'
  element.innerHTML = policy.createHTML(name)
  const text = element.textContent
  // Some names need no semicolon: `&notit;` is read as `&not` and "it;".
  const isWhole = text !== '' && !text.startsWith('&') && !text.endsWith(';')
  return isWhole && text
}
