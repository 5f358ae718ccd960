import { toJsxRuntime } from 'hast-util-to-jsx-runtime'
import { memo, use } from 'react'
import { Fragment, jsx, jsxs } from 'react/jsx-runtime'
import { grammarFor, lowlight } from './grammars.ts'
import './highlight.css'

/** Longer code stays plain: colouring it would hold up the page. */
const MOST_CHARACTERS = 20_000

const Highlighted = memo(function Highlighted({ code, language }: { code: string; language: string }) {
  const grammar = use(grammarFor(language))
  if (code.length > MOST_CHARACTERS || grammar === null) return code
  return toJsxRuntime(lowlight.highlight(grammar, code), { Fragment, jsx, jsxs })
})

export default Highlighted
