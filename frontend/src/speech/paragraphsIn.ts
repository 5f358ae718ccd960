import { SOURCE } from '../markdown/source.ts'

/** What of an answer can be read aloud: code cannot, and of a formula what the model wrote. */
export function paragraphsIn(answer: Element): string[] {
  const copy = answer.cloneNode(true) as Element
  for (const code of copy.querySelectorAll('pre, button, output')) code.remove()
  for (const formula of copy.querySelectorAll(`[${SOURCE}]`)) formula.replaceWith(formula.getAttribute(SOURCE)!)
  const blocks = copy.querySelectorAll('p, li, h4, tr')
  // What is inside of another is read with that.
  const outermost = [...blocks].filter((block) => block.parentElement?.closest('p, li, h4, tr') === null)
  return outermost.map(({ textContent }) => textContent.replaceAll(/\s+/g, ' ').trim()).filter((text) => text !== '')
}
