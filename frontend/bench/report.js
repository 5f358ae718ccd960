import { median } from './goals.js'

/** @param {ReturnType<typeof import('./goals.js').judge>} verdicts */
export function verdictTable(verdicts) {
  const rows = verdicts.map(({ title, unit, median: middle, low, high, bound, isMet }) => [
    title,
    `${digits(middle)} ${unit}`.trimEnd(),
    `${digits(low)} - ${digits(high)}`,
    `${bound} ${unit}`.trimEnd(),
    isMet ? 'met' : 'missed',
  ])
  return markdown([['', 'median', 'min - max', 'goal', ''], ...rows])
}

/**
 * What the main thread's time goes to, with what an idle page takes of it.
 *
 * @param {import('./goals.js').Samples} samples
 */
export function threadTable({ empty, long, formulas }) {
  const rows = [
    { title: 'Empty page', samples: empty },
    { title: 'After 120 messages', samples: long },
    { title: 'With formulas', samples: formulas },
  ].map(({ title, samples }) => {
    const middle = (/** @type {(sample: import('./thread.js').ThreadSample) => number} */ of) => digits(median(samples.map(of)))
    return [
      title,
      middle(({ answer }) => answer.task),
      middle(({ idle }) => idle.task),
      middle(({ answer }) => answer.script),
      middle(({ answer }) => answer.layout),
      middle(({ answer }) => answer.style),
      middle(({ tasksOver50Ms }) => tasksOver50Ms),
      middle(({ tasksOver100Ms }) => tasksOver100Ms),
    ]
  })
  return markdown([['Main thread, median', 'tasks s', 'idle s', 'script s', 'layout s', 'style s', 'over 50 ms', 'over 100 ms'], ...rows])
}

/**
 * A first column of names, and others of numbers.
 *
 * @param {string[][]} rows
 */
function markdown(rows) {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)))
  const lines = rows.map((row) => row.map((cell, column) => (column === 0 ? cell.padEnd(widths[0]) : cell.padStart(widths[column]))))
  lines.splice(1, 0, widths.map((width, column) => (column === 0 ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`)))
  return lines.map((cells) => `| ${cells.join(' | ')} |`).join('\n')
}

/** @param {number} value */
function digits(value) {
  return value >= 100 || Number.isInteger(value) ? value.toFixed(0) : value.toPrecision(3)
}
