import type { ReactNode } from 'react'
import styles from './Notice.module.css'

export function Notice({ text, children }: { text: string; children?: ReactNode }) {
  return (
    <div className={styles.notice}>
      <p>{text}</p>
      {children}
    </div>
  )
}
