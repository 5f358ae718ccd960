import { useEffect, useId, useState, type FormEvent, type MouseEvent } from 'react'
import type { Chat } from '../chat/chat.ts'
import { drafts } from '../page/drafts.ts'
import { usePage } from '../page/page.ts'
import { picturesOf, replacePictures } from '../pictures/pictures.ts'
import { useStore } from '../useStore.ts'
import { useWords } from '../words/words.ts'
import styles from './Composer.module.css'
import { focusField, hasKeys } from './focus.ts'
import { LengthNote } from './LengthNote.tsx'
import { AddPicture, PictureNote, PictureRow } from './pictureParts.ts'
import { NEXT_QUESTION, QuestionField } from './QuestionField.tsx'
import { usePictureLimits } from './usePictureLimits.ts'
import { useQuestionLength } from './useQuestionLength.ts'
import { Dictate, mayListen } from './voiceParts.ts'

/** The reason why a question stays in the field: another tab was first, an answer is running, or words are missing. */
type Refusal = { why: 'elsewhere' | 'no words' } | { why: 'too early'; during: string }

function focusWithKeys() {
  if (hasKeys()) focusField()
}

/** The form for the next question. Its text and pictures are kept under `draftName` until it is asked. */
export function Composer({ chat, draftName }: { chat: Chat; draftName: string }) {
  const words = useWords()
  const page = usePage()
  const live = useStore(chat, ({ phase }) => (phase.name === 'idle' ? null : phase.turn))
  const isIdle = live === null
  const [draft, setDraft] = useState(() => drafts.load(draftName))
  const [refusal, setRefusal] = useState<Refusal | null>(null)
  const [isDeaf, setDeaf] = useState(false)
  const length = useQuestionLength(draft)
  const limits = usePictureLimits(chat.id)
  const pictures = picturesOf(draftName)
  const { all, drawing } = useStore(pictures, (state) => state)
  const noteId = useId()
  const lengthId = useId()

  useEffect(() => drafts.save(draftName, draft), [draftName, draft])

  const hasPictures = all.length > 0
  const hasTools = hasPictures || limits !== null
  const isHeldBack = length.isTooLong || (hasPictures && limits === null) || drawing > 0

  async function onSubmit(event: FormEvent) {
    event.preventDefault()
    const question = draft.trim()
    if (question === '') return hasPictures && setRefusal({ why: 'no words' })
    if (isHeldBack) return
    if (live !== null) return setRefusal({ why: 'too early', during: live })
    setDraft('')
    replacePictures(pictures, [])
    setRefusal(null)
    const wasAsked = await page.ask(chat, question, all)
    if (wasAsked) return
    setRefusal({ why: 'elsewhere' })
    setDraft((later) => later || question)
    replacePictures(pictures, all)
  }

  function onStop(event: MouseEvent) {
    // The button may be "Ask" again when the browser handles the click's default action.
    event.preventDefault()
    // Ignores the second click of a double click on "Ask".
    if (event.detail < 2) chat.stop()
  }

  function addPhrase(phrase: string) {
    setDraft((before) => [before.trimEnd(), phrase].filter(Boolean).join(' '))
  }

  function editLast() {
    const last = chat.get().turns.at(-1)
    if (isIdle && last) page.editing.set(last.id)
  }

  return (
    <form aria-label={words.ask} onSubmit={(event) => void onSubmit(event)}>
      <div className={styles.field}>
        {hasTools && <PictureRow pictures={pictures} limits={limits} onRemoved={focusWithKeys} takesDrops />}
        <div className={styles.line}>
          {limits !== null && <AddPicture pictures={pictures} limits={limits} onAdded={focusWithKeys} />}
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
          {mayListen && <Dictate isIdle={isIdle} onPhrase={addPhrase} onState={setDeaf} />}
          {/* One button with two meanings, so that the focus stays on it when they change. */}
          {isIdle ? (
            <button key="button" className={styles.button} type="submit" aria-disabled={isHeldBack || undefined}>
              {words.ask}
            </button>
          ) : (
            <button key="button" className={styles.button} type="button" onClick={onStop}>
              {words.stop}
            </button>
          )}
        </div>
      </div>
      <LengthNote id={lengthId} length={length} />
      <output id={noteId} className={styles.note}>
        {refusal?.why === 'elsewhere' && <span>{words.elsewhere}</span>}
        {refusal?.why === 'too early' && refusal.during === live && <span>{words.tooEarly}</span>}
        {refusal?.why === 'no words' && hasPictures && draft.trim() === '' && <span>{words.pictureNeedsWords}</span>}
        {isDeaf && <span>{words.notHeard}</span>}
        {hasTools && <PictureNote pictures={pictures} limits={limits} />}
      </output>
    </form>
  )
}
