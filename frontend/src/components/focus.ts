/**
 * For buttons that go when they have been used: the focus must not go with them. Not the field, or
 * phones would bring up their keyboard.
 */
export function focusConversation() {
  document.querySelector('main')?.focus({ preventScroll: true })
}
