import { usePage } from '../page/page.ts'
import { Button } from './Button.tsx'
import styles from './CrashNote.module.css'
import { download } from './download.ts'

/** Shown in place of the page if it cannot be drawn. The conversations are still in the browser. */
export function CrashNote() {
  const { words: wording, history } = usePage()
  const words = wording.get()

  async function onExport() {
    const { toJson } = await import('../chat/exportImport.ts')
    download('askbot', 'json', toJson(history.get().conversations))
  }

  return (
    <main className={styles.note}>
      <p role="alert">{words.crashed}</p>
      <div className={styles.choices}>
        <Button isMain onClick={() => location.reload()}>
          {words.reload}
        </Button>
        <Button onClick={() => void onExport()}>{words.exportAll}</Button>
      </div>
    </main>
  )
}
