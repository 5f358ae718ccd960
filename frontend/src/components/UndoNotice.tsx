import { titleOf } from '../chat/conversation.ts'
import { usePage } from '../page/page.ts'
import { useStore } from '../useStore.ts'
import { useWords } from '../words/words.ts'
import { Button } from './Button.tsx'
import { focusNext } from './focus.ts'
import { IconButton } from './IconButton.tsx'
import { Notice } from './Notice.tsx'

/** Offers to undo the last deletion. */
export function UndoNotice() {
  const words = useWords()
  const page = usePage()
  const deleted = useStore(page.deleted, (state) => state)
  if (deleted === null) return null

  function undo() {
    page.panel.set(null)
    void page.undo()
    focusNext()
  }

  function dismiss() {
    page.deleted.set(null)
    focusNext()
  }

  return (
    <Notice text={words.deleted(titleOf(deleted))}>
      <Button onClick={undo}>{words.undo}</Button>
      <IconButton icon="cross" label={words.dismiss} onClick={dismiss} />
    </Notice>
  )
}
