/** A text that the browser keeps under `name`, or null where there is none, or it keeps nothing. */
export function loadText(area: 'localStorage' | 'sessionStorage', name: string): string | null {
  try {
    return globalThis[area].getItem(name)
  } catch {
    return null
  }
}

/** Null removes it. Where the browser is full, or keeps nothing, it ends with the page. */
export function saveText(area: 'localStorage' | 'sessionStorage', name: string, text: string | null): void {
  try {
    if (text === null) globalThis[area].removeItem(name)
    else globalThis[area].setItem(name, text)
  } catch {
    // As said above.
  }
}
