import { lazy, Suspense, type ComponentType } from 'react'
import styles from './TurnView.module.css'

interface Text {
  text: string
  isLive: boolean
}

/** More than half of the page's code, and nothing that an empty page needs: it comes while the reader writes. */
const load = async (): Promise<{ default: ComponentType<Text> }> => {
  try {
    const { Markdown } = await import('../markdown/Markdown.tsx')
    return { default: Markdown }
  } catch {
    return { default: PlainText }
  }
}
const Markdown = lazy(load)
setTimeout(load, 0)

export function AnswerText(props: Text) {
  return (
    <Suspense fallback={<PlainText {...props} />}>
      <Markdown {...props} />
    </Suspense>
  )
}

function PlainText({ text }: Text) {
  return <p className={styles.plain}>{text}</p>
}
