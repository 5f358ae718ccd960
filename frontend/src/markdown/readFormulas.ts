import { formulasIn, withoutFormulas } from './formulas.ts'

interface Node {
  type: string
  value?: string
  children?: Node[]
  data?: object
}

/** Turns the words for formulas into elements. Outside of text it restores the original. */
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
