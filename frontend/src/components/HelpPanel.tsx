import { Fragment } from 'react'
import { useWords } from '../words/words.ts'
import { Dialog } from './Dialog.tsx'
import styles from './Panels.module.css'

const command = /Mac|iPhone|iPad/.test(navigator.platform) ? '⌘' : 'Ctrl'

const keys = {
  ask: ['Enter'],
  newLine: ['Shift', 'Enter'],
  stop: ['Esc'],
  editLast: ['↑'],
  newConversation: [command, 'Shift', 'O'],
  search: [command, 'K'],
  help: [command, '/'],
} as const

export function HelpPanel() {
  const words = useWords()
  return (
    <Dialog title={words.help}>
      <dl className={styles.keys}>
        {Object.entries(keys).map(([name, combination]) => (
          <Fragment key={name}>
            <dt>{words.shortcuts[name as keyof typeof keys]}</dt>
            <dd>
              {combination.map((key) => (
                <kbd key={key}>{key}</kbd>
              ))}
            </dd>
          </Fragment>
        ))}
      </dl>
    </Dialog>
  )
}
