import { useEffect, useState } from 'react'
import type { Chat } from '../chat/chat.ts'
import type { Receipt } from '../client/askbot.js'

/** How long a silence lasts before the relay is asked for the first time, and then again. */
const ASKED_AFTER_SECONDS = 3

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

/** What the relay tells in a silence of a model that thinks; null for one that does not. */
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
  // The first time counts: another process of the relay knows it a little later.
  return { answer, startedAt: startedAt && (before?.startedAt ?? startedAt), text: thinking, now }
}
