import { useId, useRef, useState, type FormEvent, type KeyboardEvent, type MouseEvent } from 'react'
import type { Chat } from '../chat/chat.ts'
import { useStore } from '../useStore.ts'
import { useWords } from '../words/words.ts'
import styles from './Composer.module.css'

export function Composer({ chat }: { chat: Chat }) {
  const words = useWords()
  const isIdle = useStore(chat, ({ phase }) => phase.name === 'idle')
  const [draft, setDraft] = useState('')
  const field = useRef<HTMLTextAreaElement>(null)
  const fieldId = useId()
  const keysId = useId()

  function onSubmit(event: FormEvent) {
    event.preventDefault()
    const question = draft.trim()
    if (question === '') field.current?.focus()
    if (!isIdle || question === '') return
    setDraft('')
    void chat.ask(question)
  }

  function onStop(event: MouseEvent) {
    // By the time the browser looks what the click is for, the button may be "Ask" again.
    event.preventDefault()
    // The second click of a double click on "Ask" lands here, and is not meant.
    if (event.detail < 2) chat.stop()
  }

  return (
    <form className={styles.composer} onSubmit={onSubmit}>
      <div className={styles.field}>
        <label className="visually-hidden" htmlFor={fieldId}>
          {words.question}
        </label>
        <textarea
          ref={field}
          id={fieldId}
          aria-describedby={keysId}
          rows={1}
          // The page is for asking: nothing comes before the field that a reader would miss.
          // oxlint-disable-next-line jsx-a11y/no-autofocus
          autoFocus
          enterKeyHint="send"
          placeholder={words.placeholder}
          value={draft}
          onChange={(event) => setDraft(event.target.value)}
          onKeyDown={askOnEnter}
        />
        {/* One button with two meanings, so that the focus stays on it when they change. */}
        {isIdle ? (
          <button key="button" type="submit">
            {words.ask}
          </button>
        ) : (
          <button key="button" type="button" onClick={onStop}>
            {words.stop}
          </button>
        )}
      </div>
      <p id={keysId} className={styles.keys}>
        {words.keys}
      </p>
    </form>
  )
}

function askOnEnter(event: KeyboardEvent<HTMLTextAreaElement>) {
  if (event.key !== 'Enter' || event.shiftKey || isComposing(event)) return
  event.preventDefault()
  event.currentTarget.form?.requestSubmit()
}

/** The Enter that ends a composition in an IME is not meant for us; Safari tells by keyCode 229 only. */
function isComposing(event: KeyboardEvent): boolean {
  return event.nativeEvent.isComposing || event.keyCode === 229
}
