/** The keys of a composition in an IME are not meant for us; Safari tells of its last one by keyCode 229 only. */
export function isComposing(event: KeyboardEvent): boolean {
  return event.isComposing || event.keyCode === 229
}
