import type { ComponentType } from 'react'
import { createStore } from '../store.ts'
import { useStore } from '../useStore.ts'
import { Boundary } from './Boundary.tsx'
import { PlainText } from './PlainText.tsx'

interface Text {
  text: string
  isLive: boolean
}

/**
 * This is nearly half of the page's code, and an empty page does not need it. It is loaded while the
 * reader writes. `lazy` would show plain text for a moment even after it is loaded.
 */
const renderer = createStore<{ Markdown: ComponentType<Text> }>({ Markdown: PlainText })

async function load() {
  try {
    const { Markdown } = await import('../markdown/Markdown.tsx')
    renderer.set({ Markdown })
  } catch (error) {
    console.warn('Answers stay plain text:', error)
  }
}

setTimeout(load, 0)

export function AnswerText(props: Text) {
  const { Markdown } = useStore(renderer, (state) => state)
  return (
    <Boundary fallback={<PlainText {...props} />}>
      <Markdown {...props} />
    </Boundary>
  )
}
