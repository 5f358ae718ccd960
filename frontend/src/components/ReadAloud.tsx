import { useEffect, type MouseEvent } from 'react'
import { paragraphsIn } from '../speech/paragraphsIn.ts'
import { speech } from '../speech/speech.ts'
import { useStore } from '../useStore.ts'
import { useWords } from '../words/words.ts'
import { IconButton } from './IconButton.tsx'

/** A button that reads the answer beside it aloud, and stops the reading. */
export function ReadAloud({ turn }: { turn: string }) {
  const words = useWords()
  const isRead = useStore(speech, (name) => name === turn)

  // Stops when the answer is removed from the page.
  useEffect(() => () => {
    if (speech.get() === turn) speech.stop()
  }, [turn])

  function onClick({ currentTarget }: MouseEvent) {
    const answer = currentTarget.closest('article')?.querySelector('[data-answer]')
    if (isRead) speech.stop()
    else if (answer) speech.read(turn, paragraphsIn(answer))
  }

  return <IconButton icon={isRead ? 'square' : 'speaker'} label={isRead ? words.stopReading : words.readAloud} onClick={onClick} />
}
