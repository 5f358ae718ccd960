/// <reference types="remark-parse" />
import { gfmFromMarkdown } from 'mdast-util-gfm'
import { gfm } from 'micromark-extension-gfm'
import remarkCjkFriendly from 'remark-cjk-friendly/parseOnly'
import type { PluggableList, Processor } from 'unified'
import { readFormulas } from './readFormulas.ts'

/** GitHub's Markdown. remark-gfm would also include the code for writing Markdown. */
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

/** The one HTML element that is accepted: models need `<br>` for a new line in a table's cell. */
function readLineBreaks() {
  return function transform({ children = [] }: Node) {
    for (const [place, child] of children.entries()) {
      if (child.type === 'html' && /^<br *\/?>$/i.test(child.value!)) children[place] = { type: 'break' }
      else transform(child)
    }
  }
}

/** The plugins for our Markdown. Bold text in Korean and Japanese ends where readers expect it. */
export const dialect: PluggableList = [readGfm, remarkCjkFriendly, readLineBreaks, readFormulas]
