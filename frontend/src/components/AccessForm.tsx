import { useId, useState, type FormEvent } from 'react'
import { usePage } from '../page/page.ts'
import { useWords } from '../words/words.ts'
import styles from './AccessForm.module.css'
import { Button } from './Button.tsx'

const sendable = /^[\x20-\x7e]+$/

/** Asks for the access code of the relay, and keeps it for this tab. */
export function AccessForm({ onEnter }: { onEnter: () => void }) {
  const words = useWords()
  const { relay } = usePage()
  const [code, setCode] = useState('')
  const fieldId = useId()
  const noteId = useId()
  const [wasRefused, setRefused] = useState(relay.token() !== undefined)

  function onSubmit(event: FormEvent) {
    event.preventDefault()
    const given = code.trim()
    if (given === '') return
    // A code fits into a header. Other characters mean that an input method was left on.
    if (!sendable.test(given)) return setRefused(true)
    relay.keepToken(given)
    void relay.meet()
    onEnter()
  }

  return (
    <form className={styles.form} onSubmit={onSubmit}>
      <label htmlFor={fieldId}>{words.accessCode}</label>
      <input
        id={fieldId}
        type="password"
        autoComplete="off"
        aria-invalid={wasRefused || undefined}
        aria-describedby={noteId}
        value={code}
        onChange={(event) => setCode(event.target.value)}
      />
      <Button type="submit">{words.enter}</Button>
      <p id={noteId}>{wasRefused && words.wrongAccessCode}</p>
    </form>
  )
}
