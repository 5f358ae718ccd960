// Names every task of a thread and hardly slows it down, which "toplevel" does.
export const CATEGORIES = ['-*', 'disabled-by-default-devtools.timeline']

/**
 * @typedef {object} TraceEvent Times are in microseconds.
 * @property {string} name
 * @property {number} pid
 * @property {number} tid
 * @property {number} ts
 * @property {number} [dur]
 * @property {any} args
 */

/**
 * How long each task took, in milliseconds, that ran on the page's main thread between two times
 * of its clock in seconds.
 *
 * @param {Uint8Array | undefined} trace
 * @param {number} from
 * @param {number} to
 */
export function tasksOfPage(trace, from, to) {
  /** @type {{ traceEvents: TraceEvent[] }} */
  const { traceEvents } = JSON.parse(new TextDecoder().decode(trace))
  // There are other renderers: one that Chromium keeps ready for the next page, say.
  const frames = traceEvents.find(({ name }) => name === 'TracingStartedInBrowser')?.args.data.frames ?? []
  const pid = frames.find((/** @type {any} */ frame) => frame.isOutermostMainFrame)?.processId
  const tid = traceEvents.find((event) => event.pid === pid && event.name === 'thread_name' && event.args.name === 'CrRendererMain')?.tid
  const durations = []
  for (const { name, pid: process, tid: thread, ts, dur = 0 } of traceEvents) {
    const isOfPage = name === 'RunTask' && process === pid && thread === tid
    if (isOfPage && ts + dur > from * 1e6 && ts < to * 1e6) durations.push(dur / 1000)
  }
  if (durations.length === 0) throw new Error('The trace shows no task of the page.')
  return durations
}
