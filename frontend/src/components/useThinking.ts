import { useEffect, useState } from 'react'
import type { Chat } from '../chat/chat.ts'
import type { Receipt } from '../client/askbot.js'

/** How long a silence lasts before the relay is asked for the first time, and then again. */
const ASKED_AFTER_SECONDS = 3
const LATE_MS = 3000

export interface Thinking {
  seconds: number
  /** The thoughts so far; '' unless the relay shows them. */
  text: string
}

interface Found {
  /** The answer at that time. With the next text the model no longer thinks. */
  answer: string
  startedAt: number | null
  text: string
  now: number
}

/** How long the model has been thinking, and what; null if it is not thinking. */
export function useThinking(chat: Chat, answer: string): Thinking | null {
  const [found, setFound] = useState<Found>({ answer, startedAt: null, text: '', now: 0 })

  useEffect(() => {
    let silentSeconds = 0
    let isOver = false

    async function ask() {
      const receipt = await chat.progress()
      if (receipt !== null && !isOver) setFound((before) => afterReceipt(before.answer === answer ? before : null, answer, receipt))
    }

    const timer = setInterval(() => {
      silentSeconds++
      if (silentSeconds % ASKED_AFTER_SECONDS === 0) void ask()
      setFound((before) => ({ ...before, now: Date.now() }))
    }, 1000)
    return () => {
      isOver = true
      clearInterval(timer)
    }
  }, [chat, answer])

  if (found.answer !== answer || found.startedAt === null) return null
  return { seconds: Math.max(1, Math.round((found.now - found.startedAt) / 1000)), text: found.text }
}

function afterReceipt(before: Found | null, answer: string, { phase, thinking_ms, thinking = '' }: Receipt): Found {
  const now = Date.now()
  const startedAt = phase === 'thinking' ? now - (thinking_ms ?? 0) : null
  const known = before?.startedAt ?? null
  // Another process of the relay may know the time a little later. One that is much later is another writing's.
  const isKnown = startedAt !== null && known !== null && startedAt < known + LATE_MS
  return { answer, startedAt: isKnown ? known : startedAt, text: thinking, now }
}
