import katex, { type KatexOptions } from 'katex'

/** What KaTeX makes before it makes elements of it. */
interface Tree {
  attributes?: Record<string, string>
  children?: Tree[]
  toNode(): Node
}

const { __renderToDomTree: treeOf } = katex as unknown as { __renderToDomTree(tex: string, options: KatexOptions): Tree }

const STYLE = 'data-style'

/**
 * A formula as elements, with MathML for screen readers, or null where it is none that TeX knows.
 *
 * What KaTeX sets as the attribute `style`, the page's security policy refuses. From a script the
 * same can be set as a property, so it is kept under another name until the elements are there.
 */
export function draw(tex: string, displayMode: boolean): Node | null {
  try {
    const tree = treeOf(tex, { displayMode, strict: 'ignore', maxExpand: 1000, maxSize: 40 })
    hideStyles(tree)
    const drawing = document.createDocumentFragment()
    drawing.append(tree.toNode())
    for (const element of drawing.querySelectorAll<HTMLElement>(`[${STYLE}]`)) element.style.cssText = element.getAttribute(STYLE)!
    return drawing.firstChild
  } catch (error) {
    if (error instanceof katex.ParseError) return null
    throw error
  }
}

function hideStyles({ attributes, children = [] }: Tree) {
  if (attributes?.['style'] !== undefined) {
    attributes[STYLE] = attributes['style']
    delete attributes['style']
  }
  children.forEach(hideStyles)
}
