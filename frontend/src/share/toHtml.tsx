import type { ReactNode } from 'react'
import { createRoot, type Root } from 'react-dom/client'
import { type Conversation, titleOf } from '../chat/conversation.ts'
import { type Words, WordsContext } from '../words/words.ts'
import { SharedConversation } from './SharedConversation.tsx'

interface Shared {
  conversation: Conversation
  words: Words
  theme: string
  nameOf: (persona: string | null) => string
}

/** Allows only the file's own styles and pictures: no script runs and nothing is loaded, whatever the text holds. */
const POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"

/** Styles for the file in place of those for the page. */
const OWN_STYLES = `
main { max-width: calc(var(--measure) + 2 * var(--gutter)); margin: 0 auto; padding: 2rem var(--gutter) 4rem; }
h1 { margin-bottom: 2rem; font: 600 1.5rem / 1.3 var(--display); overflow-wrap: anywhere; }
@media print { .turns > li { contain: none } }
`

/** A conversation as one HTML file that opens anywhere: no script, the same look. */
export async function toHtml({ conversation, words, theme, nameOf }: Shared): Promise<string> {
  const place = document.createElement('div')
  const root = await drawn(
    place,
    <WordsContext value={words}>
      <SharedConversation conversation={conversation} nameOf={nameOf} />
    </WordsContext>,
  )
  for (const useless of place.querySelectorAll('button, output, .katex-html')) useless.remove()
  const body = place.innerHTML
  root.unmount()
  return `<!doctype html>
<html lang="${words.lang}" data-theme="${theme}">
<head>
<meta charset="UTF-8">
<meta http-equiv="Content-Security-Policy" content="${POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="generator" content="Askbot">
<title>${escaped(titleOf(conversation))}</title>
<style>${styles()}${OWN_STYLES}</style>
</head>
<body>
${body}
</body>
</html>
`
}

/** Resolves when all is drawn: the code for highlighting and formulas may still be loading. Rejects if that fails. */
async function drawn(place: HTMLElement, content: ReactNode): Promise<Root> {
  return new Promise((resolve, reject) => {
    const root = createRoot(place, { onUncaughtError: reject })
    const isWhole = () => place.firstChild !== null && place.querySelector('[aria-busy=true]') === null
    const observer = new MutationObserver(() => {
      if (!isWhole()) return
      observer.disconnect()
      resolve(root)
    })
    observer.observe(place, { subtree: true, childList: true, attributes: true })
    root.render(content)
  })
}

/** The page's styles, without the fonts of formulas: browsers draw MathML by themselves. */
function styles(): string {
  // Those of extensions cannot be read.
  const own = Array.from(document.styleSheets).filter(({ href }) => href === null || new URL(href).origin === location.origin)
  const rules = own.flatMap((sheet) => Array.from(sheet.cssRules, ({ cssText }) => cssText))
  return rules.filter((rule) => !rule.startsWith('@font-face') && !rule.includes('.katex')).join('\n')
}

const escaped = (text: string) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;')
