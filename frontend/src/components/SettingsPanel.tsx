import { useId, useState, type ChangeEvent, type ReactNode } from 'react'
import { importFrom, toJson } from '../chat/exportImport.ts'
import { ImportError } from '../chat/importError.ts'
import { usePage } from '../page/page.ts'
import { textSizes } from '../page/settings.ts'
import { useStore } from '../useStore.ts'
import { languages, useWords } from '../words/words.ts'
import { Button } from './Button.tsx'
import { Dialog } from './Dialog.tsx'
import { download } from './download.ts'
import styles from './Panels.module.css'

const themes = ['system', 'light', 'dark'] as const

export function SettingsPanel() {
  const words = useWords()
  const { settings } = usePage()
  const { theme, textSize, language } = useStore(settings, (chosen) => chosen)

  return (
    <Dialog title={words.settings}>
      <div className={styles.panel}>
        <Choice legend={words.theme}>
          {themes.map((each) => (
            <Option key={each} name="theme" isChosen={theme === each} onChoose={() => settings.change({ theme: each })}>
              {words.themes[each]}
            </Option>
          ))}
        </Choice>
        <Choice legend={words.textSize}>
          {textSizes.map((each) => (
            <Option key={each} name="text-size" isChosen={textSize === each} onChoose={() => settings.change({ textSize: each })}>
              {words.textSizes[each]}
            </Option>
          ))}
        </Choice>
        <Choice legend={words.language}>
          <Option name="language" isChosen={language === null} onChoose={() => settings.change({ language: null })}>
            {words.languageOfBrowser}
          </Option>
          {(['en', 'ko'] as const).map((each) => (
            <Option key={each} name="language" isChosen={language === each} onChoose={() => settings.change({ language: each })} lang={each}>
              {languages[each]}
            </Option>
          ))}
        </Choice>
        <Data />
      </div>
    </Dialog>
  )
}

function Choice({ legend, children }: { legend: string; children: ReactNode }) {
  return (
    <fieldset className={styles.group}>
      <legend>{legend}</legend>
      <div className={styles.row}>{children}</div>
    </fieldset>
  )
}

function Option({ name, isChosen, onChoose, lang, children }: { name: string; isChosen: boolean; onChoose: () => void; lang?: string; children: string }) {
  return (
    <label className={styles.option} lang={lang}>
      <input type="radio" name={name} checked={isChosen} onChange={onChoose} />
      {children}
    </label>
  )
}

function Data() {
  const words = useWords()
  const { history } = usePage()
  const conversations = useStore(history, (state) => state.conversations)
  const [result, setResult] = useState('')
  const fileId = useId()

  async function onFile({ target }: ChangeEvent<HTMLInputElement>) {
    const file = target.files?.[0]
    if (file === undefined) return
    try {
      const imported = importFrom(await file.text())
      // Changes made here since the export count more than the file.
      const newer = imported.filter(({ id, changedAt }) => (history.find(id)?.changedAt ?? 0) < changedAt)
      await Promise.all(newer.map((create) => history.change(create.id, (here) => (here.changedAt < create.changedAt ? create : here), { create })))
      setResult(newer.length === 0 ? words.nothingNew : words.imported(newer.length))
    } catch (error) {
      // It may also be a file that cannot be read.
      if (!(error instanceof ImportError || error instanceof DOMException)) throw error
      setResult(words.importFailed)
    }
    // So that the same file can be chosen again.
    target.value = ''
  }

  return (
    <section className={styles.group}>
      <h3>{words.data}</h3>
      <p className={styles.hint}>{words.dataHint}</p>
      <div className={styles.row}>
        <Button
          onClick={() => {
            if (conversations.length === 0) setResult(words.nothingToExport)
            else download('askbot', 'json', toJson(conversations))
          }}
        >
          {words.exportAll}
        </Button>
        <label className={styles.file} htmlFor={fileId}>
          {words.importFile}
          <input id={fileId} type="file" accept=".json,.md,application/json,text/markdown" onChange={(event) => void onFile(event)} />
        </label>
      </div>
      <output className={styles.hint}>{result}</output>
    </section>
  )
}
