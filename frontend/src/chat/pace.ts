/** Often enough to look like writing, seldom enough to leave the page's thread free. */
const BEAT_MS = 50
const SLOW_BEAT_MS = 100
const FRAME_MS = 16

export interface Pace<Value> {
  /** Shows the latest value with the next beat; those in between are left out. */
  show(value: Value): void
  /** Forgets what is not shown yet. */
  stop(): void
}

/** Shows values no faster than the page can draw them: at a beat, and at the start of a frame. */
export function paced<Value>(show: (value: Value) => void): Pace<Value> {
  let latest: { value: Value } | null = null
  let timer: ReturnType<typeof setTimeout> | undefined
  let frame = 0
  let next = 0

  function onFrame(now: number) {
    if (latest === null) return
    const { value } = latest
    latest = null
    const start = performance.now()
    show(value)
    // React renders in a microtask that it queued before this one.
    queueMicrotask(() => {
      const isSlow = performance.now() - start > FRAME_MS
      // Half a frame early counts: frames are not exactly on time.
      next = now + (isSlow ? SLOW_BEAT_MS : BEAT_MS) - FRAME_MS / 2
    })
  }

  return {
    show(value) {
      const isUnderWay = latest !== null
      latest = { value }
      if (isUnderWay) return
      // A frame that shows nothing new costs all the same, so none is asked for until it is time.
      timer = setTimeout(() => {
        frame = requestAnimationFrame(onFrame)
      }, next - performance.now())
    },
    stop() {
      latest = null
      clearTimeout(timer)
      cancelAnimationFrame(frame)
    },
  }
}
