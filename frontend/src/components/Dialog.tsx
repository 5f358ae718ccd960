import { useId, useLayoutEffect, useRef, type MouseEvent, type ReactNode, type SyntheticEvent } from 'react'
import { usePage } from '../page/page.ts'
import { useWords } from '../words/words.ts'
import styles from './Dialog.module.css'
import { IconButton } from './IconButton.tsx'

/** The browser's own modal dialog: it holds the focus, gives it back, and closes with Escape. */
export function Dialog({ title, placement = 'middle', children }: { title: string; placement?: 'middle' | 'side'; children: ReactNode }) {
  const words = useWords()
  const { panel } = usePage()
  const dialog = useRef<HTMLDialogElement>(null)
  const titleId = useId()

  // Before React takes it away: what is not in the page cannot give the focus back.
  useLayoutEffect(() => {
    const shown = dialog.current!
    shown.showModal()
    return () => shown.close()
  }, [])

  const close = () => panel.set(null)

  function onCancel({ target }: SyntheticEvent) {
    // A file field's own dialog sends the same event up through this one.
    if (target === dialog.current) close()
  }

  function onClick({ target }: MouseEvent) {
    // What is inside covers all of the dialog, so only the backdrop is the dialog itself.
    if (target === dialog.current) close()
  }

  return (
    // A click beside it is a shortcut: the keyboard has Escape, and there is a button.
    // oxlint-disable-next-line jsx-a11y/no-noninteractive-element-interactions, jsx-a11y/click-events-have-key-events
    <dialog ref={dialog} className={`${styles.dialog} ${styles[placement]}`} aria-labelledby={titleId} onCancel={onCancel} onClick={onClick}>
      <div className={styles.inside}>
        <div className={styles.head}>
          <h2 id={titleId}>{title}</h2>
          <IconButton icon="cross" label={words.close} onClick={close} />
        </div>
        {children}
      </div>
    </dialog>
  )
}
