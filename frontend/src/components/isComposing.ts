/** Whether a key belongs to a composition in an IME. Safari marks the last one only by keyCode 229. */
export function isComposing(event: KeyboardEvent): boolean {
  return event.isComposing || event.keyCode === 229
}
