import { NEXT_QUESTION } from './QuestionField.tsx'

/** On phones a focused field opens a keyboard, which covers the text. */
const keys = matchMedia('(pointer: fine)')

/** Whether a field may take the focus by itself. */
export const hasKeys = () => keys.matches

/** For buttons that disappear after use: moves the focus, so that it is not lost. */
export function focusNext() {
  // The button may have opened another conversation, which appears in the next frame.
  const frame = requestAnimationFrame(() => (hasKeys() ? focusField() : focusConversation()))
  // On a slow machine the next key may come before that frame, and may move the focus elsewhere.
  addEventListener('keydown', () => cancelAnimationFrame(frame), { capture: true, once: true })
}

export function focusField() {
  document.getElementById(NEXT_QUESTION)?.focus()
}

/** Where the keys scroll. */
export function focusConversation() {
  document.querySelector('main')?.focus({ preventScroll: true })
}
