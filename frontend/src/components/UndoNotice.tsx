import { titleOf } from '../chat/conversation.ts'
import { usePage } from '../page/page.ts'
import { useStore } from '../useStore.ts'
import { useWords } from '../words/words.ts'
import { Button } from './Button.tsx'
import { focusNext } from './focus.ts'
import { IconButton } from './IconButton.tsx'
import { Notice } from './Notice.tsx'

/** The way back from what was done last. */
export function UndoNotice() {
  const words = useWords()
  const page = usePage()
  const undoable = useStore(page.undoable, (state) => state)
  if (undoable === null) return null

  function undo() {
    page.panel.set(null)
    void page.undo()
    focusNext()
  }

  function dismiss() {
    page.undoable.set(null)
    focusNext()
  }

  return (
    <Notice text={undoable.what === 'deleted' ? words.deleted(titleOf(undoable.before)) : words.replaced}>
      <Button onClick={undo}>{words.undo}</Button>
      <IconButton icon="cross" label={words.dismiss} onClick={dismiss} />
    </Notice>
  )
}
