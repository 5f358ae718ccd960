import { useEffectEvent, useLayoutEffect, useRef, useState, type ChangeEvent } from 'react'
import type { PictureLimits } from '../page/relayDescription.ts'
import { addPictures } from '../pictures/addPictures.ts'
import { type Pictures, replacePictures } from '../pictures/pictures.ts'
import { useStore } from '../useStore.ts'
import { useWords } from '../words/words.ts'
import { Icon } from './Icon.tsx'
import { IconButton } from './IconButton.tsx'
import styles from './PictureTools.module.css'

export { QuestionPictures } from './QuestionPictures.tsx'

interface Tools {
  pictures: Pictures
  /** Null if no more can be added. */
  limits: PictureLimits | null
}

/** The pictures of a question that is being written. Each can be removed. Takes those that are pasted into its form. */
export function PictureRow({ pictures, limits, onRemoved, takesDrops = false }: Tools & { onRemoved: () => void; takesDrops?: boolean }) {
  const words = useWords()
  const { all, drawing } = useStore(pictures, (state) => state)
  const row = useRef<HTMLDivElement>(null)
  const canAdd = limits !== null

  function add(files: readonly File[]) {
    if (limits) void addPictures(pictures, files, limits)
  }

  const addPasted = useEffectEvent(add)

  // Before the reader sees that pictures are taken, and may paste or drop one.
  useLayoutEffect(() => {
    const form = row.current!.closest('form')!

    function onPaste(event: ClipboardEvent) {
      const { files, types } = event.clipboardData!
      // Programs for texts and tables put a picture of the text beside it.
      if (files.length === 0 || types.includes('text/plain')) return
      event.preventDefault()
      addPasted(Array.from(files))
    }

    if (!canAdd) return
    form.addEventListener('paste', onPaste)
    return () => form.removeEventListener('paste', onPaste)
  }, [canAdd])

  return (
    <div ref={row} aria-live="polite">
      {takesDrops && canAdd && <DropArea onFiles={add} />}
      {(all.length > 0 || drawing > 0) && (
        <ul className={styles.row} aria-label={words.pictures} aria-busy={drawing > 0}>
          {all.map((picture, place) => (
            // The same picture may be there twice, and nothing in an item has a state.
            // oxlint-disable-next-line react/no-array-index-key
            <li key={place}>
              <img src={picture} alt={words.picture(place + 1)} />
              <button
                type="button"
                aria-label={words.removePicture(place + 1)}
                title={words.removePicture(place + 1)}
                onClick={() => {
                  replacePictures(pictures, all.toSpliced(place, 1))
                  onRemoved()
                }}
              >
                <Icon name="cross" />
              </button>
            </li>
          ))}
          {drawing > 0 && <li />}
        </ul>
      )}
    </div>
  )
}

/** Takes files that are dropped anywhere on the page, and shows where they will go. */
function DropArea({ onFiles }: { onFiles: (files: readonly File[]) => void }) {
  const [isHeld, setHeld] = useState(false)
  const take = useEffectEvent(onFiles)

  // Like the paste, before the reader sees that pictures are taken.
  useLayoutEffect(() => {
    const hasFiles = ({ dataTransfer }: DragEvent) => dataTransfer?.types.includes('Files') ?? false

    function onDragOver(event: DragEvent) {
      if (!hasFiles(event)) return
      // Without this the browser would open the file in place of the page.
      event.preventDefault()
      setHeld(true)
    }

    function onDragLeave({ relatedTarget }: DragEvent) {
      if (relatedTarget === null) setHeld(false)
    }

    function onDrop(event: DragEvent) {
      setHeld(false)
      if (!hasFiles(event)) return
      event.preventDefault()
      take(Array.from(event.dataTransfer?.files ?? []))
    }

    addEventListener('dragover', onDragOver)
    addEventListener('dragleave', onDragLeave)
    addEventListener('drop', onDrop)
    return () => {
      removeEventListener('dragover', onDragOver)
      removeEventListener('dragleave', onDragLeave)
      removeEventListener('drop', onDrop)
    }
  }, [])

  return isHeld && <div className={styles.drop} />
}

/** Opens the browser's dialog for files, on phones with the camera among them. */
export function AddPicture({ pictures, limits, onAdded }: Tools & { onAdded: () => void }) {
  const words = useWords()
  const field = useRef<HTMLInputElement>(null)

  function onChange({ target }: ChangeEvent<HTMLInputElement>) {
    if (limits) void addPictures(pictures, Array.from(target.files ?? []), limits)
    // The same file can be chosen again after it has been removed.
    target.value = ''
    onAdded()
  }

  return (
    <>
      <IconButton icon="picture" label={words.addPicture} onClick={() => field.current?.click()} />
      <input ref={field} type="file" accept="image/*" multiple hidden aria-label={words.addPicture} onChange={onChange} />
    </>
  )
}

/** The reason why a picture was not added, or why the question cannot be sent with those that are there. */
export function PictureNote({ pictures, limits }: Tools) {
  const words = useWords()
  const { all, problem } = useStore(pictures, (state) => state)
  if (all.length > 0 && limits === null) return <span>{words.picturesNotAccepted}</span>
  if (problem === 'too many') return <span>{words.picturesTooMany(limits?.max ?? 0)}</span>
  return problem === 'unreadable' && <span>{words.pictureUnreadable}</span>
}
