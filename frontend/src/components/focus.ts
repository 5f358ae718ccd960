import { NEXT_QUESTION } from './QuestionField.tsx'

/** On phones a focused field opens a keyboard, which covers the text. */
const keys = matchMedia('(pointer: fine)')

/** Whether a field may take the focus by itself. */
export const hasKeys = () => keys.matches

/** For buttons that disappear after use: moves the focus, so that it is not lost. */
export function focusNext() {
  const before = document.activeElement
  let hasKey = false
  const listening = new AbortController()
  addEventListener('keydown', () => (hasKey = true), { capture: true, signal: listening.signal })
  // The button may have opened another conversation, which appears in the next frame.
  requestAnimationFrame(() => {
    listening.abort()
    const now = document.activeElement
    // On a slow machine a key may come before this frame, and may have moved the focus elsewhere.
    if (hasKey && now !== before && now !== document.body) return
    if (hasKeys()) focusField()
    else focusConversation()
  })
}

export function focusField() {
  document.getElementById(NEXT_QUESTION)?.focus()
}

/** Where the keys scroll. */
export function focusConversation() {
  document.querySelector('main')?.focus({ preventScroll: true })
}
