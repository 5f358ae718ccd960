import { SOURCE } from '../markdown/source.ts'

/** The paragraphs of an answer to read aloud, without code. Formulas are read as the model wrote them. */
export function paragraphsIn(answer: Element): string[] {
  const copy = answer.cloneNode(true) as Element
  for (const code of copy.querySelectorAll('pre, button, output')) code.remove()
  for (const formula of copy.querySelectorAll(`[${SOURCE}]`)) formula.replaceWith(formula.getAttribute(SOURCE)!)
  const blocks = copy.querySelectorAll('p, li, h4, tr')
  // A nested paragraph is read with the outer one.
  const outermost = [...blocks].filter((block) => block.parentElement?.closest('p, li, h4, tr') === null)
  return outermost.map(({ textContent }) => textContent.replaceAll(/\s+/g, ' ').trim()).filter((text) => text !== '')
}
