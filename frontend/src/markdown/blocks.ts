import { Lexer } from 'marked'

/** The joined pieces are the text. */
export interface Blocks {
  blocks: readonly string[]
  /** The definitions of links in the whole text, which every block needs. */
  definitions: string
}

const FENCE = /^ {0,3}(`{3,}|~{3,})/

const isFence = (block: string) => FENCE.test(block)

/** The number of blocks at the end that may still change when the text grows. */
const UNSETTLED = 2

/**
 * Cuts a Markdown text into pieces that can be parsed one by one: paragraphs, lists, fences, tables.
 *
 * While an answer is written only its last pieces change, so the others are not parsed again. A text
 * that continues the one before is cut on from its last pieces.
 */
export function createCutter(): (text: string) => Blocks {
  let before = { source: '', blocks: [] as readonly string[], definitions: '', canGrow: true }
  return (text) => {
    const source = text.replaceAll(/\r\n?/g, '\n')
    const settled = before.canGrow && source.startsWith(before.source) ? before.blocks.slice(0, -UNSETTLED) : []
    before = { source, ...cut(source, settled) }
    return before
  }
}

function cut(source: string, settled: readonly string[]) {
  // A footnote and its mark must meet in one piece, or neither knows of the other.
  if (/^ {0,3}\[\^[^\]]+\]:/m.test(source)) return { blocks: [source], definitions: '', canGrow: false }

  const blocks = [...settled]
  let definitions = ''
  const start = settled.reduce((length, block) => length + block.length, 0)
  for (const { type, raw } of new Lexer({ gfm: true }).blockTokens(source.slice(start))) {
    if (type === 'def') definitions += `${raw.trim()}\n\n`
    // Blank lines belong to the piece before, so that there are no empty pieces.
    if (type === 'space' && blocks.length > 0) blocks.push(blocks.pop() + raw)
    else blocks.push(raw)
  }
  // The definitions in settled blocks are not collected again.
  return { blocks, definitions, canGrow: definitions === '' }
}

/** A block with the definitions of links that it needs, which may stand elsewhere. Code gets none. */
export function withDefinitions(block: string, definitions: string): string {
  return isFence(block) ? block : definitions + block
}

/** Whether a piece is a fenced code block whose closing fence has been written. */
export function isClosedFence(block: string): boolean {
  const opening = FENCE.exec(block)?.[1]
  if (opening === undefined) return false
  const lines = block.trimEnd().split('\n')
  const last = lines.at(-1)!.trim()
  return lines.length > 1 && last.startsWith(opening) && last.replaceAll(opening[0]!, '') === ''
}

const TABLE_LINE = /^ {0,3}\|/

/**
 * A block that is being written, without a table at its end whose first two lines are not complete.
 * Until they are, Markdown takes it for a paragraph, and its signs would be seen.
 */
export function withoutHalfTable(block: string): string {
  if (isFence(block)) return block
  const lines = block.replace(/\n$/, '').split('\n')
  const start = lines.findLastIndex((line) => !TABLE_LINE.test(line)) + 1
  const [header, delimiters = '', ...rows] = lines.slice(start)
  const isHalf = header !== undefined && rows.length === 0 && columnsOf(delimiters) < columnsOf(header)
  return isHalf ? lines.slice(0, start).join('\n') : block
}

const columnsOf = (line: string) => line.split('|').length
