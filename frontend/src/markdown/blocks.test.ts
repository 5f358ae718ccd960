import remarkParse from 'remark-parse'
import remarkRehype from 'remark-rehype'
import { unified } from 'unified'
import { describe, expect, test } from 'vitest'
import { createCutter, isClosedFence, withoutHalfTable, withDefinitions } from './blocks.ts'
import { dialect } from './dialect.ts'

function blocksOf(text: string): string[] {
  const { blocks, definitions } = createCutter()(text)
  return blocks.map((block) => withDefinitions(block, definitions))
}

const parser = unified().use(remarkParse).use(dialect).use(remarkRehype)

interface Node {
  type: string
  tagName?: string
  value?: string
  properties?: object
  children?: Node[]
}

/** What a reader gets to see of a parsed text, without positions and the blank lines between blocks. */
function seen(text: string): unknown[] {
  const strip = ({ type, tagName, value, properties, children = [] }: Node): unknown[] =>
    type === 'text' && value!.trim() === '' ? [] : [[tagName ?? type, value, properties, children.flatMap(strip)]]
  return (parser.runSync(parser.parse(text)) as Node).children!.flatMap(strip)
}

const texts: Record<string, string> = {
  'paragraphs and headings': '# One\n\nText\nmore text.\n\n## Two\nText\n\nSetext\n======\n\n---\n\nEnd.',
  'nested lists': '- one\n  - two\n\n    still two\n  - three\n- four\n\n1. a\n2. b\n\n   ```py\n   x = 1\n   ```\n3. c\n',
  'a list that goes on after a paragraph': '1. one\n\nBetween.\n\n2. two\n',
  'fences with blank lines': 'Look:\n\n```js\nconst a = 1\n\nconst b = `x`\n```\n\nand\n\n~~~\n```\n~~~\nend',
  'an open fence': 'Look:\n\n```python\ndef f():\n\n    return 1',
  'a table': 'Before\n\n| a | b |\n|:--|--:|\n| 1 | **2** |\n| 3 | `4` |\n\nAfter',
  'a quotation': '> one\n> two\n>\n> - three\n\nfour',
  'links defined at the end': 'See [the page][1] and [that].\n\nText.\n\n[1]: https://example.org\n[that]: https://example.com "T"\n',
  'links defined before code': 'See [it][1].\n\n[1]: https://example.org\n\n```py\nx = 1\n```\n\nEnd of [it][1].',
  'footnotes': 'A claim[^1].\n\nAnother.\n\n[^1]: Its source.\n',
  'raw HTML': 'Text <b>bold</b>\n\n<div>\n\ninside\n\n</div>\n\nend',
  'windows line ends': 'One\r\n\r\n- two\r\n- three\r\n',
  'Korean bold': '이것은 **마크다운(Markdown)**을 설명합니다.\n\n**「강조」**입니다. 20~25도, 30~35도.',
}

describe('cut into blocks, a text shows the same as in one piece', () => {
  test.for(Object.entries(texts))('%s', ([, text]) => {
    expect(blocksOf(text).flatMap(seen)).toEqual(seen(text))
  })
})

describe('while a text is written', () => {
  test.for(Object.entries(texts).filter(([name]) => !/defined|footnotes/.test(name)))('all but the last two blocks stay as they are: %s', ([, text]) => {
    let before: readonly string[] = []
    for (let length = 1; length <= text.length; length++) {
      const now = blocksOf(text.slice(0, length))
      expect(now.slice(0, Math.max(0, before.length - 2))).toEqual(before.slice(0, Math.max(0, before.length - 2)))
      before = now
    }
  })

  test.for(Object.entries(texts).flatMap(([name, text]) => [1, 3, 8].map((step) => [name, step, text] as const)))(
    'it is cut as if it were there at once: %s, by %i',
    ([, step, text]) => {
      const cut = createCutter()
      for (let length = step; length < text.length + step; length += step) {
        expect(cut(text.slice(0, length))).toEqual(createCutter()(text.slice(0, length)))
      }
    },
  )

  test('another text is cut anew', () => {
    const cut = createCutter()
    cut(texts['nested lists']!)
    expect(cut(texts['a table']!).blocks).toEqual(blocksOf(texts['a table']!))
  })
})

describe('a fence is closed', () => {
  test.for([
    ['```js\na\n```', true],
    ['```js\na\n```\n\n', true],
    ['````\n```\n````', true],
    ['~~~\na\n~~~~', true],
    ['```js\na', false],
    ['```', false],
    ['````\n```', false],
    ['```js\na\n``', false],
    ['text', false],
  ] as const)('%j: %s', ([block, closed]) => {
    expect(isClosedFence(block)).toBe(closed)
  })
})

describe('half of a table', () => {
  test.for([
    ['Look:\n| a', 'Look:'],
    ['| a | b |\n', ''],
    ['| a | b |\n|--', ''],
    ['| a | b |\n|---|---|', '| a | b |\n|---|---|'],
    ['| a | b |\n|---|---|\n| 1', '| a | b |\n|---|---|\n| 1'],
    ['a | b', 'a | b'],
    ['|x| is never negative.\nSo', '|x| is never negative.\nSo'],
    ['```\n| a', '```\n| a'],
  ] as const)('%j: %j', ([block, shown]) => {
    expect(withoutHalfTable(block)).toBe(shown)
  })
})
