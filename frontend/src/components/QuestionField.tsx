import { useEffect, useRef, type KeyboardEvent } from 'react'
import { isComposing } from './isComposing.ts'
import styles from './QuestionField.module.css'

/** The field for the next question, for components that return the focus to it. */
export const NEXT_QUESTION = 'next-question'

interface Field {
  id?: string
  label: string
  value: string
  onChange: (value: string) => void
  describedBy?: string
  placeholder?: string
  isInvalid?: boolean
  takesFocus?: boolean
  onEscape?: () => void
  /** Called for the key in an empty field. */
  onArrowUp?: () => void
}

/** A field for questions. It grows with its text. Enter submits the form, but not the Enter of an IME. */
export function QuestionField({ id, label, value, onChange, describedBy, placeholder, isInvalid = false, takesFocus = false, onEscape, onArrowUp }: Field) {
  const field = useRef<HTMLTextAreaElement>(null)

  useEffect(() => {
    if (!takesFocus) return
    const { current } = field
    current?.focus()
    current?.setSelectionRange(current.value.length, current.value.length)
  }, [takesFocus])

  function onKeyDown(event: KeyboardEvent<HTMLTextAreaElement>) {
    if (isComposing(event.nativeEvent)) return
    if (event.key === 'Enter' && !event.shiftKey) {
      event.preventDefault()
      event.currentTarget.form?.requestSubmit()
    } else if (event.key === 'Escape' && onEscape) {
      event.preventDefault()
      onEscape()
    } else if (event.key === 'ArrowUp' && value === '') {
      onArrowUp?.()
    }
  }

  return (
    <textarea
      ref={field}
      id={id}
      className={styles.field}
      rows={1}
      dir="auto"
      aria-label={label}
      aria-describedby={describedBy}
      aria-invalid={isInvalid || undefined}
      enterKeyHint="send"
      placeholder={placeholder}
      value={value}
      onChange={(event) => onChange(event.target.value)}
      onKeyDown={onKeyDown}
    />
  )
}
