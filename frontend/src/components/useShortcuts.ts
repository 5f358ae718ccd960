import { useLayoutEffect } from 'react'
import type { Chat } from '../chat/chat.ts'
import type { Page } from '../page/page.ts'
import { focusField, hasKeys } from './focus.ts'
import { isComposing } from './isComposing.ts'

export const SEARCH_FIELD = 'search-conversations'

/** All commands have a modifier, because single letters would interfere with speech input (WCAG 2.1.4). */
export function useShortcuts(page: Page, chat: Chat) {
  // Before the page is seen: its reader may press a key at once.
  useLayoutEffect(() => {
    function onKeyDown(event: KeyboardEvent) {
      if (isComposing(event) || event.altKey) return
      const command = event.ctrlKey || event.metaKey
      if (command && event.key === '/') page.panel.set({ name: 'help' })
      else if (command && event.shiftKey && event.code === 'KeyO') newConversation()
      else if (command && !event.shiftKey && event.code === 'KeyK') search()
      else if (event.key === 'Escape' && isForTheConversation(event)) escape()
      else if (!command && isText(event)) focusField()
      else return
      if (command) event.preventDefault()
    }

    function escape() {
      if (chat.get().phase.name === 'idle') focusField()
      else chat.stop()
    }

    function newConversation() {
      page.panel.set(null)
      page.address.go(null)
    }

    function search() {
      const field = document.getElementById(SEARCH_FIELD)
      if (field) field.focus()
      else page.panel.set({ name: 'search' })
    }

    addEventListener('keydown', onKeyDown)
    return () => removeEventListener('keydown', onKeyDown)
  }, [page, chat])
}

/** Whether the key writes a character that no element takes. The field then takes it, if it is focused in time. */
function isText(event: KeyboardEvent): boolean {
  const isUntaken = event.target === document.body || event.target === document.querySelector('main')
  // Space scrolls.
  return isUntaken && hasKeys() && event.key.length === 1 && event.key !== ' ' && isForTheConversation(event)
}

/** Escape means something else in a dialog or a menu, and in a field of one line that has something to clear. */
function isForTheConversation({ defaultPrevented, target }: KeyboardEvent): boolean {
  const isToBeCleared = target instanceof HTMLInputElement && target.value !== ''
  return !defaultPrevented && !isToBeCleared && document.querySelector('dialog[open], :popover-open') === null
}
