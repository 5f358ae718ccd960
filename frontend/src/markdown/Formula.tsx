import { lazy, Suspense, type ComponentType } from 'react'
import type { ExtraProps } from 'react-markdown'
import type { Formula as Written } from './formulas.ts'
import styles from './Formula.module.css'

/** Comes with the first formula; where it cannot be loaded, formulas stay what the model wrote. */
const DrawnFormula = lazy(async (): Promise<{ default: ComponentType<Written> }> => {
  try {
    return await import('./DrawnFormula.tsx')
  } catch {
    return { default: PlainFormula }
  }
})

export function Formula({ node }: ExtraProps) {
  const formula = node!.properties as unknown as Written
  // It is still being written.
  if (formula.source === '') return <span className={styles.pending}>…</span>
  return (
    <Suspense
      fallback={
        <span aria-busy="true">
          <PlainFormula {...formula} />
        </span>
      }
    >
      <DrawnFormula {...formula} />
    </Suspense>
  )
}

export function PlainFormula({ source }: Written) {
  return (
    <code lang="en" translate="no">
      {source}
    </code>
  )
}
