/**
 * Takes formulas out of a text before it is parsed as Markdown, which would misread their signs:
 * `\(a_1\)` loses its backslashes, `$a*b*c$` becomes italic.
 *
 * Each formula is replaced by one word of private characters without meaning in Markdown. The word
 * encodes the whole formula, so that each piece of the text can be drawn on its own.
 */

export interface Formula {
  /** As the model wrote it, with its delimiters. */
  source: string
  tex: string
  isDisplay: boolean
}

const INLINE = '\uE000'
const DISPLAY = '\uE001'
const END = '\uE002'
const WORD = new RegExp(`([${INLINE}${DISPLAY}])([^${INLINE}-${END}]*)${END}`, 'g')

/** Moves characters below U+1000 into a private area. Those above have no meaning in Markdown. */
const SHIFT = 0xe100

const hidden = (text: string) =>
  text.replaceAll(/[\0-\u0FFF]/g, (character) => String.fromCharCode(character.charCodeAt(0) + SHIFT))
const shown = (text: string) =>
  text.replaceAll(/[\uE100-\uF0FF]/g, (character) => String.fromCharCode(character.charCodeAt(0) - SHIFT))

/** The text up to the first blank line, where every formula ends. */
const WITHIN = String.raw`(?:(?!\n[ \t]*\n)[^])`

/**
 * In order of precedence: code in fences and in a line, which contains no formulas, escaped characters,
 * and the four pairs of delimiters.
 */
const PATTERN = new RegExp(
  [
    String.raw`^[ \t>]*(?<fence>\`{3,}|~{3,})[^\n]*(?:\n[^]*?(?:^[ \t>]*\k<fence>|(?![^]))|(?![^]))`,
    String.raw`(?<!\`)(?<ticks>\`+)(?!\`)${WITHIN}+?(?<!\`)\k<ticks>(?!\`)`,
    String.raw`\\\[(?<brackets>${WITHIN}+?)\\\]`,
    String.raw`\\\((?<parentheses>${WITHIN}+?)\\\)`,
    String.raw`\\[^[(]`,
    String.raw`\$\$(?!\$)(?<dollars>${WITHIN}+?)\$\$(?!\$)`,
    // No spaces inside of the dollars, no letters and digits outside: prices have both.
    String.raw`(?<![A-Za-z0-9$])\$(?<dollar>[^\s$](?:(?:\\.|[^$\\\n])*(?:\\.|[^$\\\s]))?)\$(?![A-Za-z0-9$])`,
  ].join('|'),
  'gm',
)

/** A possible incomplete formula at the end of the text. */
const OPENING = new RegExp(String.raw`(?:\\\[|\\\(|(?<!\$)\$\$(?!\$))${WITHIN}*$|(?<![A-Za-z0-9$\\])\$(?<dollar>[^\d\s$][^$\n]*)?$`)

const mayHoldFormulas = (text: string) => text.includes('$') || text.includes('\\(') || text.includes('\\[')

/** Signs that only formulas have. They tell them from escaped brackets and amounts of money. */
const isMathematical = (tex: string) => /[\\^_=+<>{}|]/.test(tex)

/** `$5 a month$` are words; `$5$` and `$2n$` are not. */
const isProse = (tex: string) => /^\d.*\s/.test(tex) && !isMathematical(tex)

/**
 * The text with its formulas as words. While the text `isLive`, an incomplete formula at its end is cut
 * off, and `isPending` is set.
 */
export function withFormulas(text: string, isLive: boolean): { text: string; isPending: boolean } {
  if (!mayHoldFormulas(text)) return { text, isPending: false }
  let rest = 0
  const put = text.replaceAll(PATTERN, (source: string, ...details: unknown[]) => {
    const groups = details.at(-1) as Partial<Record<string, string>>
    rest = (details.at(-3) as number) + source.length
    const { brackets, parentheses, dollars, dollar } = groups
    const isFormula =
      (brackets !== undefined && (isMathematical(brackets) || /^\s/.test(brackets))) ||
      parentheses !== undefined ||
      dollars !== undefined ||
      (dollar !== undefined && !isProse(dollar))
    return isFormula ? `${brackets ?? dollars ? DISPLAY : INLINE}${hidden(source)}${END}` : source
  })
  const tail = text.slice(rest)
  const opening = isLive ? OPENING.exec(tail) : null
  // After a backtick it may be incomplete code.
  if (opening === null || tail.slice(0, opening.index).includes('`')) return { text: put, isPending: false }
  const { dollar } = opening.groups!
  // Words after a dollar are more likely words than a formula.
  if (dollar !== undefined && dollar.includes(' ') && !isMathematical(dollar)) return { text: put, isPending: false }
  return { text: put.slice(0, put.length - opening[0].length), isPending: true }
}

/** The word for a formula that is still being written. */
export const PENDING = INLINE + END

/** A text cut at its formulas. */
export function formulasIn(text: string): readonly (string | Formula)[] {
  const parts: (string | Formula)[] = []
  let place = 0
  for (const { 0: word, 1: kind, 2: inside, index } of text.matchAll(WORD)) {
    if (index > place) parts.push(text.slice(place, index))
    const source = shown(inside!)
    parts.push({ source, tex: source.replace(/^(?:\$\$?|\\[[(])/, '').replace(/(?:\$\$?|\\[\])])$/, ''), isDisplay: kind === DISPLAY })
    place = index + word.length
  }
  if (place < text.length) parts.push(text.slice(place))
  return parts
}

/** Puts formulas back as they were written, in addresses and code. */
export const withoutFormulas = (text: string) => text.replaceAll(WORD, (_word, _kind, inside: string) => shown(inside))
