import { memo, useId, useMemo, useState } from 'react'
import ReactMarkdown, { type Components } from 'react-markdown'
import remend, { type RemendOptions } from 'remend'
import { useWords } from '../words/words.ts'
import { createCutter, isClosedFence, withDefinitions, withoutHalfTable } from './blocks.ts'
import { CodeBlock } from './CodeBlock.tsx'
import { dialect } from './dialect.ts'
import { withDirections } from './directions.ts'
import { Heading, Image, Link, Table, TaskBox } from './elements.tsx'
import { IsOpen } from './contexts.ts'
import { Formula } from './Formula.tsx'
import { PENDING, withFormulas } from './formulas.ts'
import styles from './Markdown.module.css'
import { safeAddress } from './safeAddress.ts'

const unfinished: RemendOptions = {
  linkMode: 'text-only',
  singleTilde: false,
  comparisonOperators: false,
  htmlTags: false,
  katex: false,
}

const components: Components & { formula: typeof Formula } = {
  formula: Formula,
  a: Link,
  img: Image,
  pre: CodeBlock,
  table: Table,
  input: TaskBox,
  h1: (props) => <Heading size="1" {...props} />,
  h2: (props) => <Heading size="2" {...props} />,
  h3: (props) => <Heading size="3" {...props} />,
  h4: (props) => <Heading size="3" {...props} />,
  h5: (props) => <Heading size="3" {...props} />,
  h6: (props) => <Heading size="3" {...props} />,
}

/** Footnotes need ids that no other answer has, and words in the reader's language. */
interface Footnotes {
  clobberPrefix: string
  footnoteLabel: string
  footnoteBackLabel: (index: number) => string
}

/** A model's text. `isLive` while it is being written: then its end may be incomplete Markdown. */
export function Markdown({ text, isLive }: { text: string; isLive: boolean }) {
  const words = useWords()
  const prefix = useId()
  const footnotes = useMemo(
    () => ({ clobberPrefix: prefix, footnoteLabel: words.footnotes, footnoteBackLabel: words.footnoteBack }),
    [prefix, words],
  )
  const [cut] = useState(createCutter)
  const put = useMemo(() => withFormulas(text, isLive), [text, isLive])
  const { blocks, definitions } = useMemo(() => cut(put.text), [cut, put.text])
  const lastPlace = blocks.length - 1
  return (
    <div className={styles.prose}>
      {blocks.map((block, index) => (
        // Blocks are only ever added at the end: the place is the identity.
        // oxlint-disable-next-line react/no-array-index-key
        <Block
          key={index}
          text={block}
          definitions={definitions}
          footnotes={footnotes}
          isOpen={isLive && index === lastPlace}
          isPending={put.isPending && index === lastPlace}
        />
      ))}
    </div>
  )
}

interface Piece {
  text: string
  definitions: string
  footnotes: Footnotes
  isOpen: boolean
  /** Whether there is a formula at its end that is not complete yet. */
  isPending: boolean
}

const Block = memo(function Block({ text, definitions, footnotes, isOpen, isPending }: Piece) {
  const written = (isOpen ? remend(withoutHalfTable(text), unfinished) : text).trimEnd()
  const shown = isPending ? `${written}${/\n\s*$/.test(text) ? '\n\n' : ' '}${PENDING}` : written
  return (
    <IsOpen value={isOpen && !isClosedFence(text)}>
      <Parsed text={withDefinitions(shown, definitions)} footnotes={footnotes} />
    </IsOpen>
  )
})

/** A memoised component: a complete block usually differs from the one just shown only by a line end. */
const Parsed = memo(function Parsed({ text, footnotes }: { text: string; footnotes: Footnotes }) {
  const address = (url: string) => (url.startsWith(`#${footnotes.clobberPrefix}`) ? url : safeAddress(url))
  return (
    <ReactMarkdown
      remarkPlugins={dialect}
      remarkRehypeOptions={footnotes}
      rehypePlugins={[withDirections]}
      components={components}
      urlTransform={address}
    >
      {text}
    </ReactMarkdown>
  )
})
