import { useEffect, useState } from 'react'
import type { Chat, ChatState } from '../chat/chat.ts'
import { useWords, type Words } from '../words/words.ts'

/** Announces an answer's progress to screen readers, in few words: the transcript would be read piece by piece. */
export function Status({ chat }: { chat: Chat }) {
  const words = useWords()
  const [status, setStatus] = useState('')

  useEffect(() => {
    let before = chat.get().phase.name
    return chat.subscribe(() => {
      const state = chat.get()
      // Announces only answers of this tab: turns also come from the history and from other tabs.
      if ((state.phase.name === 'idle') !== (before === 'idle')) setStatus(statusOf(state, words))
      before = state.phase.name
    })
  }, [chat, words])

  return <output className="visually-hidden">{status}</output>
}

function statusOf({ turns, phase }: ChatState, words: Words): string {
  if (phase.name !== 'idle') return words.answering
  const outcome = turns.at(-1)?.outcome.name
  if (outcome === 'finished') return words.finished
  if (outcome === 'stopped') return words.stopped
  // A failure is an alert of its own.
  return ''
}
