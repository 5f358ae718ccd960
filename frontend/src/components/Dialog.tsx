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

  // Before React removes the dialog, which then could not give the focus back.
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
    // The content covers all of the dialog, so a click on the dialog itself is on the backdrop.
    if (target === dialog.current) close()
  }

  return (
    // A click on the backdrop is only a shortcut for Escape and for the button.
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
