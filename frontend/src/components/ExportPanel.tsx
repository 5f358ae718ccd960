import { type Conversation, titleOf } from '../chat/conversation.ts'
import { toJson, toMarkdown } from '../chat/exchange.ts'
import { useWords } from '../words/words.ts'
import { Button } from './Button.tsx'
import { Dialog } from './Dialog.tsx'
import { download } from './download.ts'
import styles from './Panels.module.css'
import { usePersona } from './usePersona.ts'

export function ExportPanel({ conversation }: { conversation: Conversation }) {
  const words = useWords()
  const assistant = usePersona(conversation.persona)?.name ?? 'Askbot'
  const title = titleOf(conversation)

  return (
    <Dialog title={words.exportAs}>
      <div className={styles.panel}>
        <p className={styles.hint}>{title}</p>
        <div className={styles.row}>
          <Button onClick={() => download(title, 'md', toMarkdown(conversation, { reader: words.you, assistant, version: words.version }))}>{words.markdown}</Button>
          <Button onClick={() => download(title, 'json', toJson([conversation]))}>{words.json}</Button>
        </div>
      </div>
    </Dialog>
  )
}
