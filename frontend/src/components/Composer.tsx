import { useEffect, useId, useState, type FormEvent, type MouseEvent } from 'react'
import type { Chat } from '../chat/chat.ts'
import { drafts } from '../page/drafts.ts'
import { usePage } from '../page/page.ts'
import { useStore } from '../useStore.ts'
import { useWords } from '../words/words.ts'
import styles from './Composer.module.css'
import { hasKeys } from './focus.ts'
import { LengthNote } from './LengthNote.tsx'
import { NEXT_QUESTION, QuestionField } from './QuestionField.tsx'
import { useQuestionLength } from './useQuestionLength.ts'

/** The reason why a question stays in the field: another tab was first, or an answer is running. */
type Refusal = { why: 'elsewhere' } | { why: 'too early'; during: string }

/** The form for the next question. Its text is stored under `draftName` until it is asked. */
export function Composer({ chat, draftName }: { chat: Chat; draftName: string }) {
  const words = useWords()
  const page = usePage()
  const live = useStore(chat, ({ phase }) => (phase.name === 'idle' ? null : phase.turn))
  const isIdle = live === null
  const [draft, setDraft] = useState(() => drafts.load(draftName))
  const [refusal, setRefusal] = useState<Refusal | null>(null)
  const length = useQuestionLength(draft)
  const noteId = useId()
  const lengthId = useId()

  useEffect(() => drafts.save(draftName, draft), [draftName, draft])

  async function onSubmit(event: FormEvent) {
    event.preventDefault()
    const question = draft.trim()
    if (question === '' || length.isTooLong) return
    if (live !== null) return setRefusal({ why: 'too early', during: live })
    setDraft('')
    setRefusal(null)
    const wasAsked = await page.ask(chat, question)
    if (wasAsked) return
    setRefusal({ why: 'elsewhere' })
    setDraft((later) => later || question)
  }

  function onStop(event: MouseEvent) {
    // The button may be "Ask" again when the browser handles the click's default action.
    event.preventDefault()
    // Ignores the second click of a double click on "Ask".
    if (event.detail < 2) chat.stop()
  }

  function editLast() {
    const last = chat.get().turns.at(-1)
    if (isIdle && last) page.editing.set(last.id)
  }

  return (
    <form aria-label={words.ask} onSubmit={(event) => void onSubmit(event)}>
      <div className={styles.field}>
        <QuestionField
          id={NEXT_QUESTION}
          label={words.question}
          describedBy={`${noteId} ${lengthId}`}
          placeholder={words.placeholder}
          isInvalid={length.isTooLong}
          value={draft}
          onChange={setDraft}
          onArrowUp={editLast}
          takesFocus={hasKeys()}
        />
        {/* One button with two meanings, so that the focus stays on it when they change. */}
        {isIdle ? (
          <button key="button" type="submit" aria-disabled={length.isTooLong || undefined}>
            {words.ask}
          </button>
        ) : (
          <button key="button" type="button" onClick={onStop}>
            {words.stop}
          </button>
        )}
      </div>
      <LengthNote id={lengthId} length={length} />
      <output id={noteId} className={styles.note}>
        {refusal?.why === 'elsewhere' && words.elsewhere}
        {refusal?.why === 'too early' && refusal.during === live && words.tooEarly}
      </output>
    </form>
  )
}
