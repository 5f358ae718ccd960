import { use, type ComponentProps, type MouseEvent } from 'react'
import { useWords } from '../words/words.ts'
import { HeadingLevel, InLink } from './contexts.ts'
import styles from './Markdown.module.css'
import { ScrollRegion } from './ScrollRegion.tsx'

export function Link({ href, id, children, 'aria-label': label }: ComponentProps<'a'>) {
  if (!href) return <>{children}</>
  if (href.startsWith('#')) {
    return (
      <FootnoteLink href={href} id={id} aria-label={label}>
        {children}
      </FootnoteLink>
    )
  }
  return (
    <a href={href} target="_blank" rel="noopener noreferrer nofollow" title={href}>
      <InLink value={true}>{children}</InLink>
    </a>
  )
}

/** From a mark to its footnote, and back. The page's own address says which conversation is shown, and stays. */
function FootnoteLink({ href, children, ...rest }: ComponentProps<'a'>) {
  return (
    <a href={href} {...rest} onClick={goToFootnote}>
      {children}
    </a>
  )
}

function goToFootnote(event: MouseEvent<HTMLAnchorElement>) {
  event.preventDefault()
  const target = document.getElementById(decodeURIComponent(event.currentTarget.hash.slice(1)))
  // A footnote is none of the things that take the focus by themselves.
  target?.setAttribute('tabindex', '-1')
  target?.focus()
}

/** Loading a picture would tell its server who reads what, and when: the reader decides. */
export function Image({ src, alt }: ComponentProps<'img'>) {
  const words = useWords()
  const isInLink = use(InLink)
  const label = words.image(alt ?? '')
  if (isInLink || typeof src !== 'string' || src === '') return <>{label}</>
  return <Link href={src}>{label}</Link>
}

export function Table({ dir, children }: ComponentProps<'table'>) {
  const words = useWords()
  return (
    <ScrollRegion label={words.table}>
      <table className={styles.table} dir={dir}>{children}</table>
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

/** All on one level below the text's own heading, as models skip levels; the size keeps the look. */
export function Heading({ size, dir, children }: { size: '1' | '2' | '3' } & ComponentProps<'h4'>) {
  const look = { 'data-size': size, dir }
  return use(HeadingLevel) === 'h3' ? <h3 {...look}>{children}</h3> : <h4 {...look}>{children}</h4>
}
