import { useId, useState, type FormEvent } from 'react'
import { type Conversation, titleOf } from '../chat/conversation.ts'
import { toJson, toMarkdown } from '../chat/exchange.ts'
import { usePage } from '../page/page.ts'
import { useWords } from '../words/words.ts'
import { Button } from './Button.tsx'
import { Dialog } from './Dialog.tsx'
import { download } from './download.ts'
import styles from './Panels.module.css'
import { usePersona } from './usePersona.ts'

export function ConversationPanel({ conversation }: { conversation: Conversation }) {
  const words = useWords()
  const page = usePage()
  const [title, setTitle] = useState(titleOf(conversation))
  const assistant = usePersona(conversation.persona)?.name ?? 'Askbot'
  const fieldId = useId()

  async function onSubmit(event: FormEvent) {
    event.preventDefault()
    const form = event.currentTarget
    // A dialog that closes says that it is saved, so it stays until that is so.
    await page.history.change(conversation.id, (latest) => ({ ...latest, title: title.trim() }))
    // The reader may have closed it meanwhile, and opened another one.
    if (form.isConnected) page.panel.set(null)
  }

  function onRemove() {
    page.panel.set(null)
    page.remove(conversation.id)
  }

  return (
    <Dialog title={words.about}>
      <div className={styles.panel}>
        <form className={styles.group} onSubmit={(event) => void onSubmit(event)}>
          <label htmlFor={fieldId}>{words.title}</label>
          <div className={styles.row}>
            <input id={fieldId} value={title} onChange={(event) => setTitle(event.target.value)} />
            <Button type="submit">{words.save}</Button>
          </div>
        </form>
        <section className={styles.group}>
          <h3>{words.exportAs}</h3>
          <div className={styles.row}>
            <Button onClick={() => download(titleOf(conversation), 'md', toMarkdown(conversation, { reader: words.you, assistant }))}>
              {words.markdown}
            </Button>
            <Button onClick={() => download(titleOf(conversation), 'json', toJson([conversation]))}>{words.json}</Button>
          </div>
        </section>
        <Button onClick={onRemove}>{words.remove}</Button>
      </div>
    </Dialog>
  )
}
