import { NEXT_QUESTION } from './QuestionField.tsx'

/** Phones bring up a keyboard for a field, over what is to be read. */
const keys = matchMedia('(pointer: fine)')

/** Whether a field may take the focus without being asked to. */
export const hasKeys = () => keys.matches

/** For buttons that go when they have been used: the focus must not go with them, nor what is typed next. */
export function focusNext() {
  // The button may have brought another conversation, which is there with the next frame.
  requestAnimationFrame(() => (hasKeys() ? focusField() : focusConversation()))
}

export function focusField() {
  document.getElementById(NEXT_QUESTION)?.focus()
}

/** Where the keys scroll. */
export function focusConversation() {
  document.querySelector('main')?.focus({ preventScroll: true })
}
