import katex, { type KatexOptions } from 'katex'

/** The virtual nodes of KaTeX. */
interface Tree {
  attributes?: Record<string, string>
  children?: Tree[]
  toNode(): Node
}

const { __renderToDomTree: treeOf } = katex as unknown as { __renderToDomTree(tex: string, options: KatexOptions): Tree }

const STYLE = 'data-style'

/**
 * A formula as elements, with MathML for screen readers; null if it is not valid TeX.
 *
 * The page's security policy refuses KaTeX's `style` attributes, but a script may set styles as
 * properties. So the styles are kept in another attribute until the elements exist.
 */
export function draw(tex: string, displayMode: boolean): Node | null {
  try {
    const tree = treeOf(tex, { displayMode, strict: 'ignore', maxExpand: 1000, maxSize: 40 })
    hideStyles(tree)
    const drawing = document.createDocumentFragment()
    drawing.append(tree.toNode())
    for (const element of drawing.querySelectorAll<HTMLElement>(`[${STYLE}]`)) element.style.cssText = element.getAttribute(STYLE)!
    wrapSpaces(drawing)
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

/** Puts spaces into tokens: KaTeX does not, and a browser draws no other characters of MathML. */
function wrapSpaces(drawing: DocumentFragment) {
  for (const element of drawing.querySelectorAll('math :not(mi, mn, mo, mtext, ms, annotation)')) {
    for (const child of Array.from(element.childNodes)) {
      if (!(child instanceof Text)) continue
      const token = document.createElementNS(element.namespaceURI, 'mtext')
      child.replaceWith(token)
      token.append(child)
    }
  }
}
