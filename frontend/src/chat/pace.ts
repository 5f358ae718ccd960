/** Often enough to look like writing. */
const BEAT_MS = 50

/** What is left is for the reader: a beat that takes long is followed by a longer pause. */
const SHARE = 1 / 12
/** Slower would not look like writing any more. */
const SLOWEST_BEAT_MS = 200

/** Half a frame early counts: frames are not exactly on time. */
const EARLY_MS = 8

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

  function onFrame() {
    if (latest === null) return
    const { value } = latest
    latest = null
    const start = performance.now()
    next = start + BEAT_MS - EARLY_MS
    show(value)
    // The first task after it comes when the frame is laid out and painted, which takes most of the time.
    afterFrame(() => {
      const beat = Math.min((performance.now() - start) / SHARE, SLOWEST_BEAT_MS)
      next = start + Math.max(beat, BEAT_MS) - EARLY_MS
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

/** Timers are held back for a few milliseconds; messages are not. */
function afterFrame(work: () => void) {
  const { port1, port2 } = new MessageChannel()
  port1.addEventListener('message', () => {
    work()
    port1.close()
  })
  port1.start()
  port2.postMessage(null)
}
