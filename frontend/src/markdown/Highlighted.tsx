import bash from 'highlight.js/lib/languages/bash'
import css from 'highlight.js/lib/languages/css'
import java from 'highlight.js/lib/languages/java'
import javascript from 'highlight.js/lib/languages/javascript'
import json from 'highlight.js/lib/languages/json'
import python from 'highlight.js/lib/languages/python'
import typescript from 'highlight.js/lib/languages/typescript'
import xml from 'highlight.js/lib/languages/xml'
import { toJsxRuntime } from 'hast-util-to-jsx-runtime'
import { createLowlight } from 'lowlight'
import { memo } from 'react'
import { Fragment, jsx, jsxs } from 'react/jsx-runtime'
import './highlight.css'

const lowlight = createLowlight({ bash, css, java, javascript, json, python, typescript, xml })

/** Longer code stays plain: colouring it would hold up the page. */
const MOST_CHARACTERS = 20_000

const Highlighted = memo(function Highlighted({ code, language }: { code: string; language: string }) {
  if (code.length > MOST_CHARACTERS || !lowlight.registered(language)) return code
  return toJsxRuntime(lowlight.highlight(language, code), { Fragment, jsx, jsxs })
})

export default Highlighted
