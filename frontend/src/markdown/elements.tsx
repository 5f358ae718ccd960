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

/** Links a mark and its footnote. Does not change the page's address, which names the conversation. */
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
  // A footnote does not take the focus by itself.
  target?.setAttribute('tabindex', '-1')
  target?.focus()
}

/** A link in place of a picture: loading it would tell its server about the reader. */
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

/** Headings, all one level below the text's own, because models skip levels. Their size still differs. */
export function Heading({ size, dir, children }: { size: '1' | '2' | '3' } & ComponentProps<'h4'>) {
  const look = { 'data-size': size, dir }
  return use(HeadingLevel) === 'h3' ? <h3 {...look}>{children}</h3> : <h4 {...look}>{children}</h4>
}
