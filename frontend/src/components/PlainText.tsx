import styles from './TurnView.module.css'

/** An answer as it was written, without its Markdown. */
export function PlainText({ text }: { text: string }) {
  return <p className={styles.plain}>{text}</p>
}
