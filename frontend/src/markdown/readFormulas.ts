import { formulasIn, withoutFormulas } from './formulas.ts'

interface Node {
  type: string
  value?: string
  children?: Node[]
  data?: object
}

/** Makes elements of the words that stand for formulas; where Markdown saw no text they are what they were. */
export function readFormulas() {
  return function transform(node: Node) {
    if (node.children) {
      node.children = node.children.flatMap((child) => (child.type === 'text' ? formulasIn(child.value!).map(nodeFor) : [child]))
      node.children.forEach(transform)
    }
    if (node.type === 'text') return
    for (const [name, value] of Object.entries(node)) {
      if (typeof value === 'string') Object.assign(node, { [name]: withoutFormulas(value) })
    }
  }
}

function nodeFor(part: ReturnType<typeof formulasIn>[number]): Node {
  if (typeof part === 'string') return { type: 'text', value: part }
  return { type: 'formula', data: { hName: 'formula', hProperties: part } }
}
