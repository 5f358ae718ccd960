import 'katex/dist/katex.min.css'
import { memo, useLayoutEffect, useMemo, useRef } from 'react'
import { useWords } from '../words/words.ts'
import { onCopy } from './copyFormulas.ts'
import { draw } from './draw.ts'
import type { Formula } from './formulas.ts'
import styles from './Formula.module.css'
import { PlainFormula } from './PlainFormula.tsx'
import { SOURCE } from './source.ts'

document.addEventListener('copy', onCopy)

const DrawnFormula = memo(function DrawnFormula(formula: Formula) {
  const words = useWords()
  const { source, tex, isDisplay } = formula
  const drawing = useMemo(() => draw(tex, isDisplay), [tex, isDisplay])
  const place = useRef<HTMLSpanElement>(null)

  useLayoutEffect(() => {
    if (drawing) place.current!.replaceChildren(drawing)
  }, [drawing])

  if (drawing === null) return <PlainFormula {...formula} />
  const shown = <span ref={place} translate="no" {...{ [SOURCE]: source }} />
  if (!isDisplay) return shown
  return (
    // What is wide scrolls by itself. Not a section or a fieldset, as it may stand in a paragraph.
    // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex, jsx-a11y/prefer-tag-over-role
    <span className={styles.display} role="group" aria-label={words.formula} tabIndex={0} dir="ltr">
      {shown}
    </span>
  )
})

export default DrawnFormula
