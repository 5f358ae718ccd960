/**
 * For buttons that go when they have been used: the focus must not go with them. Not the field, or
 * phones would bring up their keyboard.
 */
export function focusConversation() {
  // The button may have brought another conversation, which is there with the next frame.
  requestAnimationFrame(() => document.querySelector('main')?.focus({ preventScroll: true }))
}
