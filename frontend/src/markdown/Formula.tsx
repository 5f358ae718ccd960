import { lazy, Suspense, type ComponentType } from 'react'
import type { ExtraProps } from 'react-markdown'
import type { Formula as Written } from './formulas.ts'
import styles from './Formula.module.css'
import { PlainFormula } from './PlainFormula.tsx'

/** Loaded with the first formula. If that fails, formulas stay as the model wrote them. */
const DrawnFormula = lazy(async (): Promise<{ default: ComponentType<Written> }> => {
  try {
    return await import('./DrawnFormula.tsx')
  } catch {
    return { default: PlainFormula }
  }
})

export function Formula({ node }: ExtraProps) {
  const formula = node!.properties as unknown as Written
  // The formula is still being written.
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
