/// <reference types="remark-parse" />
import { gfmFromMarkdown } from 'mdast-util-gfm'
import { gfm } from 'micromark-extension-gfm'
import remarkCjkFriendly from 'remark-cjk-friendly/parseOnly'
import type { PluggableList, Processor } from 'unified'
import { readFormulas } from './readFormulas.ts'

/** GitHub's Markdown. remark-gfm would bring along all it takes to write Markdown, too. */
function readGfm(this: Processor) {
  const data = this.data()
  // One tilde is how Korean writes a range: 20~25.
  ;(data.micromarkExtensions ??= []).push(gfm({ singleTilde: false }))
  ;(data.fromMarkdownExtensions ??= []).push(gfmFromMarkdown())
}

interface Node {
  type: string
  value?: string
  children?: Node[]
}

/** The one element that models write because Markdown has nothing for it: a new line in a table's cell. */
function readLineBreaks() {
  return function transform({ children = [] }: Node) {
    for (const [place, child] of children.entries()) {
      if (child.type === 'html' && /^<br *\/?>$/i.test(child.value!)) children[place] = { type: 'break' }
      else transform(child)
    }
  }
}

/** What counts as Markdown here; bold in Korean and Japanese begins and ends where its readers expect. */
export const dialect: PluggableList = [readGfm, remarkCjkFriendly, readLineBreaks, readFormulas]
