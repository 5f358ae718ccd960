import { use, type ComponentProps, type ReactNode } from 'react'
import { useWords } from '../words/words.ts'
import { InLink } from './contexts.ts'
import styles from './Markdown.module.css'
import { ScrollRegion } from './ScrollRegion.tsx'

export function Link({ href, children }: ComponentProps<'a'>) {
  if (!href) return <>{children}</>
  return (
    <a href={href} target="_blank" rel="noopener noreferrer nofollow" title={href}>
      <InLink value={true}>{children}</InLink>
    </a>
  )
}

/** Loading a picture would tell its server who reads what, and when: the reader decides. */
export function Image({ src, alt }: ComponentProps<'img'>) {
  const words = useWords()
  const isInLink = use(InLink)
  const label = words.image(alt ?? '')
  if (isInLink || typeof src !== 'string' || src === '') return <>{label}</>
  return <Link href={src}>{label}</Link>
}

export function Table({ children }: ComponentProps<'table'>) {
  const words = useWords()
  return (
    <ScrollRegion label={words.table}>
      <table className={styles.table}>{children}</table>
    </ScrollRegion>
  )
}

export function TaskBox({ checked }: ComponentProps<'input'>) {
  const words = useWords()
  return (
    <span className={styles.task} data-done={checked || undefined}>
      <span className="visually-hidden">{checked ? words.taskDone : words.taskOpen}</span>
    </span>
  )
}

/** All on one level below the answer's own heading, as models skip levels; the size keeps the look. */
export function Heading({ size, children }: { size: '1' | '2' | '3'; children?: ReactNode }) {
  return <h4 data-size={size}>{children}</h4>
}
