/** Often enough to look like writing. */
const BEAT_MS = 50

/** The part of the time that drawing may take. A slow step is followed by a longer pause. */
const SHARE = 1 / 12
/** The longest beat: slower would not look like writing. */
const SLOWEST_BEAT_MS = 200

/** A frame may come half a frame early, because frames are not exactly on time. */
const EARLY_MS = 8

export interface Pace<Value> {
  /** Shows the latest value at the next beat, and skips those in between. */
  show(value: Value): void
  /** Drops a value that is not shown yet. */
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
    // The next task runs after layout and paint, which take most of the time.
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
      // Even an empty frame costs time, so none is requested before the beat.
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

/** Uses a message, because browsers delay timers by some milliseconds. */
function afterFrame(work: () => void) {
  const { port1, port2 } = new MessageChannel()
  port1.addEventListener('message', () => {
    work()
    port1.close()
  })
  port1.start()
  port2.postMessage(null)
}
