import { useEffect, useId, useRef, useState, type FormEvent } from 'react'
import { type Conversation, titleOf } from '../chat/conversation.ts'
import { usePage } from '../page/page.ts'
import { useWords } from '../words/words.ts'
import { Button } from './Button.tsx'
import { Dialog } from './Dialog.tsx'
import styles from './Panels.module.css'

export function RenamePanel({ conversation }: { conversation: Conversation }) {
  const words = useWords()
  const page = usePage()
  const [title, setTitle] = useState(titleOf(conversation))
  const field = useRef<HTMLInputElement>(null)
  const fieldId = useId()

  useEffect(() => field.current!.select(), [])

  async function onSubmit(event: FormEvent) {
    event.preventDefault()
    const form = event.currentTarget
    // Stays open until the name is stored, because closing means success to the reader.
    await page.history.change(conversation.id, (latest) => ({ ...latest, title: title.trim() }))
    // The reader may have closed it meanwhile, and opened another one.
    if (form.isConnected) page.panel.set(null)
  }

  return (
    <Dialog title={words.rename}>
      <div className={styles.panel}>
        <form className={styles.group} onSubmit={(event) => void onSubmit(event)}>
          <label htmlFor={fieldId}>{words.title}</label>
          <div className={styles.row}>
            <input ref={field} id={fieldId} dir="auto" value={title} onChange={(event) => setTitle(event.target.value)} />
            <Button type="submit" isMain>
              {words.save}
            </Button>
          </div>
        </form>
      </div>
    </Dialog>
  )
}
