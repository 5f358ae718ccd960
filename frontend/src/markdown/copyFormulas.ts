import { SOURCE } from './source.ts'

/** Copies formulas as the model wrote them, and not the letters that they are drawn with. */
export function onCopy(event: ClipboardEvent) {
  const { clipboardData } = event
  const selection = getSelection()
  if (selection === null || selection.rangeCount === 0 || clipboardData === null) return
  const copy = document.createElement('div')
  copy.append(selection.getRangeAt(0).cloneContents())
  const formulas = copy.querySelectorAll<HTMLElement>(`[${SOURCE}]`)
  if (formulas.length === 0) return
  for (const formula of formulas) formula.replaceWith(formula.getAttribute(SOURCE)!)
  event.preventDefault()
  clipboardData.setData('text/html', copy.innerHTML)
  clipboardData.setData('text/plain', textOf(copy))
}

/** The text with line breaks between blocks, which browsers only add for shown elements. */
function textOf(copy: HTMLElement): string {
  Object.assign(copy.style, { position: 'fixed', opacity: '0' })
  document.body.append(copy)
  const text = copy.innerText
  copy.remove()
  return text
}
