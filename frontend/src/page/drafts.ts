const nameOf = (id: string) => `askbot.draft.${id}`

/** What was written and not sent, for each conversation; new ones share one. */
export const drafts = {
  load(id: string): string {
    try {
      return localStorage.getItem(nameOf(id)) ?? ''
    } catch {
      return ''
    }
  },
  save(id: string, text: string): void {
    try {
      if (text === '') localStorage.removeItem(nameOf(id))
      else localStorage.setItem(nameOf(id), text)
    } catch {
      // Full, or forbidden: the draft then ends with the page.
    }
  },
}
