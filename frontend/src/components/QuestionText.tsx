import { useEffect, useRef, useState } from 'react'
import { HeadingLevel } from '../markdown/contexts.ts'
import { languageOf } from '../words/languageOf.ts'
import { useWords } from '../words/words.ts'
import { AnswerText } from './AnswerText.tsx'
import { isLong } from './isLong.ts'
import styles from './QuestionText.module.css'

/** A question, large like a heading. A long one is set as text, and folded. */
export function QuestionText({ question }: { question: string }) {
  if (isLong(question)) return <Folded question={question} />
  return (
    <p className={styles.short} lang={languageOf(question)} dir="auto">
      {question}
    </p>
  )
}

function Folded({ question }: { question: string }) {
  const words = useWords()
  const text = useRef<HTMLDivElement>(null)
  const [isOpen, setOpen] = useState(false)
  const [isLonger, setLonger] = useState(false)

  useEffect(() => {
    const around = text.current!
    const observer = new ResizeObserver(() => {
      // An unfolded text always fits, so only a folded one is measured.
      if (around.dataset['open'] === undefined) setLonger(around.scrollHeight > around.clientHeight + 1)
    })
    // The content grows when the Markdown renderer has been loaded.
    for (const element of [around, around.firstElementChild!]) observer.observe(element)
    return () => observer.disconnect()
  }, [])

  return (
    <div className={styles.folded}>
      <div ref={text} className={styles.text} data-open={isOpen || undefined} data-longer={isLonger || undefined} lang={languageOf(question)}>
        <div>
          <HeadingLevel value="h3">
            <AnswerText text={question} isLive={false} />
          </HeadingLevel>
        </div>
      </div>
      {isLonger && (
        <button type="button" aria-expanded={isOpen} onClick={() => setOpen(!isOpen)}>
          {isOpen ? words.showLess : words.showAll}
        </button>
      )}
    </div>
  )
}
