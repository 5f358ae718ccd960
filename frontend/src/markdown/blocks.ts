import { Lexer } from 'marked'

/**
 * A Markdown text cut into pieces that can be parsed one by one: paragraphs, lists, fences, tables.
 *
 * While an answer is written only its last piece changes, so that all others need not be parsed
 * again. Joined, the pieces are the text.
 */
export function blocksOf(text: string): string[] {
  const source = text.replaceAll(/\r\n?/g, '\n')
  // A footnote and its mark must meet in one piece, or neither knows of the other.
  if (/^ {0,3}\[\^[^\]]+\]:/m.test(source)) return [source]

  const blocks: string[] = []
  let definitions = ''
  for (const { type, raw } of new Lexer({ gfm: true }).blockTokens(source)) {
    if (type === 'def') definitions += `\n\n${raw.trim()}`
    // Blank lines belong to the piece before, or there would be pieces of nothing.
    if (type === 'space' && blocks.length > 0) blocks.push(blocks.pop() + raw)
    else blocks.push(raw)
  }
  // A link may be defined far from where it is used.
  return definitions === '' ? blocks : blocks.map((block) => block + definitions)
}

/** Whether a piece is a fenced code block whose closing fence has been written. */
export function isClosedFence(block: string): boolean {
  const opening = /^ {0,3}(`{3,}|~{3,})/.exec(block)?.[1]
  if (opening === undefined) return false
  const lines = block.trimEnd().split('\n')
  const last = lines.at(-1)!.trim()
  return lines.length > 1 && last.startsWith(opening) && last.replaceAll(opening[0]!, '') === ''
}
