import { useEffect, useState } from 'react'

/** After this silence the model may have stalled, and the page says so. */
const NOTICED_SECONDS = 5

/** The whole seconds since the text last changed; 0 during a short silence. */
export function useSilence(text: string): number {
  const [counted, setCounted] = useState({ text, seconds: 0 })

  useEffect(() => {
    const start = Date.now()
    const timer = setInterval(() => setCounted({ text, seconds: Math.round((Date.now() - start) / 1000) }), 1000)
    return () => clearInterval(timer)
  }, [text])

  return counted.text === text && counted.seconds >= NOTICED_SECONDS ? counted.seconds : 0
}
