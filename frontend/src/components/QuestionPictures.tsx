import { useWords } from '../words/words.ts'
import styles from './QuestionPictures.module.css'

/** The pictures of a question, above its text. */
export function QuestionPictures({ pictures }: { pictures: readonly string[] }) {
  const words = useWords()
  return (
    <ul className={styles.pictures} aria-label={words.pictures}>
      {pictures.map((picture, place) => (
        // They never change their places, and one may be there twice.
        // oxlint-disable-next-line react/no-array-index-key
        <li key={place}>
          <img src={picture} alt={words.picture(place + 1)} />
        </li>
      ))}
    </ul>
  )
}
