import type { Formula } from './formulas.ts'

/** A formula as the model wrote it. */
export function PlainFormula({ source }: Formula) {
  return (
    <code lang="en" translate="no">
      {source}
    </code>
  )
}
