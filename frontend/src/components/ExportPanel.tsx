import { useState } from 'react'
import { type Conversation, titleOf } from '../chat/conversation.ts'
import { toJson, toMarkdown } from '../chat/exportImport.ts'
import { usePage } from '../page/page.ts'
import { useStore } from '../useStore.ts'
import { useWords } from '../words/words.ts'
import { Button } from './Button.tsx'
import { Dialog } from './Dialog.tsx'
import { download } from './download.ts'
import styles from './Panels.module.css'

export function ExportPanel({ conversation }: { conversation: Conversation }) {
  const words = useWords()
  const { relay, settings } = usePage()
  const known = useStore(relay, (state) => state.known)
  const [hasFailed, setFailed] = useState(false)
  const title = titleOf(conversation)

  function nameOf(id: string | null): string {
    return known?.personas.find((persona) => persona.id === (id ?? known.defaultPersona))?.name ?? 'Askbot'
  }

  async function onHtml() {
    const shared = { conversation, words, theme: settings.get().theme, nameOf }
    try {
      const { toHtml } = await import('../share/toHtml.tsx')
      download(title, 'html', await toHtml(shared))
    } catch (error) {
      console.warn('The conversation was not made a web page:', error)
      setFailed(true)
    }
  }

  return (
    <Dialog title={words.exportAs}>
      <div className={styles.panel}>
        <p className={styles.hint} dir="auto">
          {title}
        </p>
        <div className={styles.row}>
          <Button onClick={() => void onHtml()}>{words.webPage}</Button>
          <Button
            onClick={() => {
              const speakers = { reader: words.you, assistant: nameOf(conversation.persona), version: words.version, picture: words.picture }
              download(title, 'md', toMarkdown(conversation, speakers))
            }}
          >
            {words.markdown}
          </Button>
          <Button onClick={() => download(title, 'json', toJson([conversation]))}>{words.json}</Button>
        </div>
        <p className={styles.hint}>{words.exportHint}</p>
        <output className={styles.hint}>{hasFailed && words.notLoadedHint}</output>
      </div>
    </Dialog>
  )
}
