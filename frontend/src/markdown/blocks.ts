import { Lexer } from 'marked'

/** How many blocks at the end of a text may still become others when it grows. */
const UNSETTLED = 2

/**
 * Cuts a Markdown text into pieces that can be parsed one by one: paragraphs, lists, fences, tables.
 *
 * While an answer is written only its last pieces change, so that all others need not be parsed
 * again. Each text that is the one before with more at its end is cut on from there.
 */
export function createCutter(): (text: string) => readonly string[] {
  let before = { source: '', blocks: [] as readonly string[], canGrow: true }
  return (text) => {
    const source = text.replaceAll(/\r\n?/g, '\n')
    const settled = before.canGrow && source.startsWith(before.source) ? before.blocks.slice(0, -UNSETTLED) : []
    before = { source, ...cut(source, settled) }
    return before.blocks
  }
}

function cut(source: string, settled: readonly string[]) {
  // A footnote and its mark must meet in one piece, or neither knows of the other.
  if (/^ {0,3}\[\^[^\]]+\]:/m.test(source)) return { blocks: [source], canGrow: false }

  const blocks = [...settled]
  let definitions = ''
  const start = settled.reduce((length, block) => length + block.length, 0)
  for (const { type, raw } of new Lexer({ gfm: true }).blockTokens(source.slice(start))) {
    if (type === 'def') definitions += `\n\n${raw.trim()}`
    // Blank lines belong to the piece before, or there would be pieces of nothing.
    if (type === 'space' && blocks.length > 0) blocks.push(blocks.pop() + raw)
    else blocks.push(raw)
  }
  if (definitions === '') return { blocks, canGrow: true }
  // A link may be defined far from where it is used.
  return { blocks: blocks.map((block) => block + definitions), canGrow: false }
}

/** Whether a piece is a fenced code block whose closing fence has been written. */
export function isClosedFence(block: string): boolean {
  const opening = /^ {0,3}(`{3,}|~{3,})/.exec(block)?.[1]
  if (opening === undefined) return false
  const lines = block.trimEnd().split('\n')
  const last = lines.at(-1)!.trim()
  return lines.length > 1 && last.startsWith(opening) && last.replaceAll(opening[0]!, '') === ''
}
