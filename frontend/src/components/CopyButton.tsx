import { useEffect, useState } from 'react'
import { useWords } from '../words/words.ts'
import styles from './IconButton.module.css'
import { Icon } from './Icon.tsx'

const SHOWN_MS = 2000

type Phase = 'ready' | 'copied' | 'failed'

export function CopyButton({ text, label }: { text: string; label: string }) {
  const words = useWords()
  const [phase, setPhase] = useState<Phase>('ready')

  useEffect(() => {
    if (phase === 'ready') return
    const timer = setTimeout(() => setPhase('ready'), SHOWN_MS)
    return () => clearTimeout(timer)
  }, [phase])

  const onClick = () => {
    void copy(text).then(setPhase)
  }

  return (
    <button type="button" className={styles.button} aria-label={label} title={label} onClick={onClick}>
      <Icon name={phase === 'copied' ? 'check' : 'copy'} />
      {/* The result for screen readers. The button's name does not change. */}
      <output className={phase === 'ready' ? 'visually-hidden' : undefined}>
        {{ ready: '', copied: words.copied, failed: words.copyFailed }[phase]}
      </output>
    </button>
  )
}

/** Browsers give the clipboard to pages under https or on this machine only, and may ask the user. */
async function copy(text: string): Promise<Phase> {
  try {
    await navigator.clipboard.writeText(text)
    return 'copied'
  } catch {
    return 'failed'
  }
}
