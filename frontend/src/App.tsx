import { useEffect, useState } from 'react'
import styles from './App.module.css'
import { createChat } from './chat/chat.ts'
import { tabMemory } from './chat/memory.ts'
import { paced } from './chat/pace.ts'
import { ask, resume, stop } from './client/askbot.js'
import { Composer } from './components/Composer.tsx'
import { Status } from './components/Status.tsx'
import { Transcript } from './components/Transcript.tsx'
import { WordsContext, wordsFor } from './words/words.ts'

const chat = createChat({ ask, resume, stop, url: import.meta.env.VITE_API_URL ?? '', pace: paced, memory: tabMemory })

export function App() {
  const [words] = useState(() => wordsFor(navigator.languages))

  useEffect(() => {
    document.documentElement.lang = words.lang
  }, [words])

  return (
    <WordsContext value={words}>
      <div className={styles.page}>
        <header className={styles.header}>
          <img src={`${import.meta.env.BASE_URL}icon.svg`} alt="" width="28" height="28" />
          <h1>Askbot</h1>
        </header>
        <Transcript chat={chat} />
        <Composer chat={chat} />
        <Status chat={chat} />
      </div>
    </WordsContext>
  )
}
