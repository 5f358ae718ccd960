/** The text that the browser stores under `name`; null if there is none or storage is forbidden. */
export function loadText(area: 'localStorage' | 'sessionStorage', name: string): string | null {
  try {
    return globalThis[area].getItem(name)
  } catch {
    return null
  }
}

/** Stores a text; null removes it. If storage is full or forbidden, it is lost with the page. */
export function saveText(area: 'localStorage' | 'sessionStorage', name: string, text: string | null): void {
  try {
    if (text === null) globalThis[area].removeItem(name)
    else globalThis[area].setItem(name, text)
  } catch {
    // See above: the text is lost with the page.
  }
}
