import { useState } from 'react'
import type { Chat, ChatState } from '../chat/chat.ts'
import { useStore } from '../useStore.ts'
import { useWords, type Words } from '../words/words.ts'

/** Tells screen readers what goes on, in two words and once; the transcript would be read out piece by piece. */
export function Status({ chat }: { chat: Chat }) {
  const words = useWords()
  // What was there before is no news.
  const [before] = useState(() => chat.get().turns)
  const status = useStore(chat, (state) => (state.turns === before && state.phase.name === 'idle' ? '' : statusOf(state, words)))
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
