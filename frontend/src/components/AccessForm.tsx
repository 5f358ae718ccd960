import { useId, useState, type FormEvent } from 'react'
import { usePage } from '../page/page.ts'
import { useWords } from '../words/words.ts'
import styles from './AccessForm.module.css'
import { Button } from './Button.tsx'

/** Asks for what a relay with access codes wants to hear, and keeps it for this tab. */
export function AccessForm({ onEnter }: { onEnter: () => void }) {
  const words = useWords()
  const { relay } = usePage()
  const [code, setCode] = useState('')
  const fieldId = useId()
  const wasRefused = relay.token() !== undefined

  function onSubmit(event: FormEvent) {
    event.preventDefault()
    if (code.trim() === '') return
    relay.keepToken(code.trim())
    void relay.meet(words.lang)
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
        value={code}
        onChange={(event) => setCode(event.target.value)}
      />
      <Button type="submit">{words.enter}</Button>
      {wasRefused && <p>{words.wrongAccessCode}</p>}
    </form>
  )
}
