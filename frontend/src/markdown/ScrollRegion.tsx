import type { ReactNode } from 'react'
import styles from './ScrollRegion.module.css'

/** What is wide scrolls by itself, so that the page does not. */
export function ScrollRegion({ label, children }: { label: string; children: ReactNode }) {
  return (
    // A region that scrolls has to take the focus, or the keyboard cannot scroll it.
    // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex
    <section className={styles.region} aria-label={label} tabIndex={0}>
      {children}
    </section>
  )
}
