import { useEffect, useId, useRef, useState, type FormEvent } from 'react'
import type { Chat } from '../chat/chat.ts'
import type { Turn } from '../chat/conversation.ts'
import { drafts, editDraft } from '../page/drafts.ts'
import { usePage } from '../page/page.ts'
import { createPictures } from '../pictures/pictures.ts'
import { useStore } from '../useStore.ts'
import { useWords } from '../words/words.ts'
import { Button } from './Button.tsx'
import { focusNext } from './focus.ts'
import { IconButton } from './IconButton.tsx'
import styles from './Question.module.css'
import { LengthNote } from './LengthNote.tsx'
import { AddPicture, PictureNote, PictureRow, QuestionPictures } from './pictureParts.ts'
import { QuestionField } from './QuestionField.tsx'
import { QuestionText } from './QuestionText.tsx'
import { usePictureLimits } from './usePictureLimits.ts'
import { useQuestionLength } from './useQuestionLength.ts'

interface Shown {
  chat: Chat
  /** Null for the question that is being answered. */
  turn: Turn | null
  question: string
  pictures: readonly string[]
}

/** A question, which can be edited and asked again. */
export function Question({ chat, turn, question, pictures }: Shown) {
  const words = useWords()
  const { editing } = usePage()
  const isEdited = useStore(editing, (id) => turn !== null && id === turn.id)
  const isIdle = useStore(chat, ({ phase }) => phase.name === 'idle')

  if (turn && isEdited) return <Edited key={turn.id} chat={chat} turn={turn} />
  return (
    <>
      {pictures.length > 0 && <QuestionPictures pictures={pictures} />}
      <div className={styles.question}>
        <QuestionText key={question} question={question} />
        {turn && isIdle && <IconButton icon="pencil" label={words.edit} onClick={() => editing.set(turn.id)} />}
      </div>
    </>
  )
}

function Edited({ chat, turn }: { chat: Chat; turn: Turn }) {
  const words = useWords()
  const page = usePage()
  const draftName = editDraft(turn.id)
  const [text, setText] = useState(() => drafts.load(draftName) || turn.question)
  const isIdle = useStore(chat, ({ phase }) => phase.name === 'idle')
  const length = useQuestionLength(text)
  const limits = usePictureLimits(chat.id)
  const [pictures] = useState(() => createPictures(turn.pictures))
  const { all, drawing } = useStore(pictures, (state) => state)
  const hasTools = all.length > 0 || limits !== null
  const canBeSent = isIdle && !length.isTooLong && (all.length === 0 || limits !== null) && drawing === 0
  const lengthId = useId()
  const noteId = useId()
  const form = useRef<HTMLFormElement>(null)

  // The reader may look at another conversation meanwhile.
  useEffect(() => drafts.save(draftName, text), [draftName, text])

  const focusText = () => form.current?.querySelector('textarea')?.focus()

  function close() {
    drafts.save(draftName, '')
    page.editing.set(null)
    focusNext()
  }

  async function onSubmit(event: FormEvent) {
    event.preventDefault()
    const question = text.trim()
    if (question !== '' && canBeSent && (await chat.askInstead(turn.id, question, { pictures: all }))) close()
  }

  return (
    <form ref={form} className={styles.edited} onSubmit={(event) => void onSubmit(event)}>
      {hasTools && <PictureRow pictures={pictures} limits={limits} onRemoved={focusText} />}
      <QuestionField
        label={words.editedQuestion}
        value={text}
        onChange={setText}
        onEscape={close}
        describedBy={`${lengthId} ${noteId}`}
        isInvalid={length.isTooLong}
        takesFocus
      />
      <LengthNote id={lengthId} length={length} />
      <output id={noteId} className={styles.note}>
        {hasTools && <PictureNote pictures={pictures} limits={limits} />}
      </output>
      <div className={styles.choices}>
        <Button type="submit" isMain={canBeSent} aria-disabled={!canBeSent}>
          {words.send}
        </Button>
        <Button onClick={close}>{words.cancel}</Button>
        {limits !== null && <AddPicture pictures={pictures} limits={limits} onAdded={focusText} />}
      </div>
    </form>
  )
}
