import { useEffect, useState } from 'react'

/** A model that says nothing for this long may have stalled, and the reader wants to know. */
const NOTICED_SECONDS = 5

/** For how many whole seconds a text has stayed as it is; 0 until that is worth telling. */
export function useSilence(text: string): number {
  const [counted, setCounted] = useState({ text, seconds: 0 })

  useEffect(() => {
    const start = Date.now()
    const timer = setInterval(() => setCounted({ text, seconds: Math.round((Date.now() - start) / 1000) }), 1000)
    return () => clearInterval(timer)
  }, [text])

  return counted.text === text && counted.seconds >= NOTICED_SECONDS ? counted.seconds : 0
}
