import { useEffect, useId, useState, type FormEvent } from 'react'
import type { Chat } from '../chat/chat.ts'
import type { Turn } from '../chat/conversation.ts'
import { drafts } from '../page/drafts.ts'
import { usePage } from '../page/page.ts'
import { useStore } from '../useStore.ts'
import { useWords } from '../words/words.ts'
import { Button } from './Button.tsx'
import { focusNext } from './focus.ts'
import { IconButton } from './IconButton.tsx'
import styles from './Question.module.css'
import { LengthNote } from './LengthNote.tsx'
import { QuestionField } from './QuestionField.tsx'
import { QuestionText } from './QuestionText.tsx'
import { useQuestionLength } from './useQuestionLength.ts'

/** A question, which can be edited and asked again. */
export function Question({ chat, turn, question }: { chat: Chat; turn: Turn | null; question: string }) {
  const words = useWords()
  const { editing } = usePage()
  const isEdited = useStore(editing, (id) => turn !== null && id === turn.id)
  const isIdle = useStore(chat, ({ phase }) => phase.name === 'idle')

  if (turn && isEdited) return <Edited key={turn.id} chat={chat} turn={turn} />
  return (
    <div className={styles.question}>
      <QuestionText key={question} question={question} />
      {turn && isIdle && <IconButton icon="pencil" label={words.edit} onClick={() => editing.set(turn.id)} />}
    </div>
  )
}

function Edited({ chat, turn }: { chat: Chat; turn: Turn }) {
  const words = useWords()
  const page = usePage()
  const draftName = `edit.${turn.id}`
  const [text, setText] = useState(() => drafts.load(draftName) || turn.question)
  const isIdle = useStore(chat, ({ phase }) => phase.name === 'idle')
  const length = useQuestionLength(text)
  const noteId = useId()

  // The reader may look at another conversation meanwhile.
  useEffect(() => drafts.save(draftName, text), [draftName, text])

  function close() {
    drafts.save(draftName, '')
    page.editing.set(null)
    focusNext()
  }

  async function onSubmit(event: FormEvent) {
    event.preventDefault()
    const question = text.trim()
    if (question !== '' && !length.isTooLong && (await chat.askInstead(turn.id, question))) close()
  }

  return (
    <form className={styles.edited} onSubmit={(event) => void onSubmit(event)}>
      <QuestionField label={words.editedQuestion} value={text} onChange={setText} onEscape={close} describedBy={noteId} isInvalid={length.isTooLong} takesFocus />
      <LengthNote id={noteId} length={length} />
      <div className={styles.choices}>
        <Button type="submit" isMain={isIdle && !length.isTooLong} aria-disabled={!isIdle || length.isTooLong}>
          {words.send}
        </Button>
        <Button onClick={close}>{words.cancel}</Button>
      </div>
    </form>
  )
}
