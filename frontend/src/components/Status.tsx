import { useEffect, useState } from 'react'
import type { Chat, ChatState } from '../chat/chat.ts'
import { useWords, type Words } from '../words/words.ts'

/** Tells screen readers what goes on, in two words and once; the transcript would be read out piece by piece. */
export function Status({ chat }: { chat: Chat }) {
  const words = useWords()
  const [status, setStatus] = useState('')

  useEffect(() => {
    let before = chat.get().phase.name
    return chat.subscribe(() => {
      const state = chat.get()
      // Only what begins and ends here is news: turns also come out of the history, and from other tabs.
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
