/**
 * @typedef {object} Samples One of each per round.
 * @property {import('./thread.js').ThreadSample[]} empty
 * @property {import('./thread.js').ThreadSample[]} long
 * @property {import('./thread.js').ThreadSample[]} formulas
 * @property {{ scriptBytes: number, styleBytes: number }[]} weights
 * @property {import('./load.js').Scores[]} audits
 */

/**
 * @typedef {object} Goal
 * @property {string} title
 * @property {string} unit
 * @property {number} [atMost]
 * @property {number} [atLeast]
 * @property {(samples: Samples) => number[]} values
 */

/** @type {readonly Goal[]} */
const goals = [
  { title: 'Main thread, net, empty page', unit: 's', atMost: 2, values: ({ empty }) => empty.map(({ netSeconds }) => netSeconds) },
  {
    title: 'The same after 120 messages, over empty',
    unit: '',
    atMost: 1.2,
    // Each with its neighbour in time: what slows the machine down for a while slows both.
    values: ({ empty, long }) => long.map(({ netSeconds }, round) => netSeconds / empty[round].netSeconds),
  },
  { title: 'Main thread, net, with formulas', unit: 's', atMost: 2.4, values: ({ formulas }) => formulas.map(({ netSeconds }) => netSeconds) },
  { title: 'Longest task, empty page', unit: 'ms', atMost: 100, values: ({ empty }) => empty.map(({ longestTaskMs }) => longestTaskMs) },
  { title: 'Longest task after 120 messages', unit: 'ms', atMost: 100, values: ({ long }) => long.map(({ longestTaskMs }) => longestTaskMs) },
  { title: 'JavaScript at first load, gzip', unit: 'KB', atMost: 165, values: ({ weights }) => weights.map(({ scriptBytes }) => scriptBytes / 1000) },
  { title: 'CSS at first load, gzip', unit: 'KB', atMost: 12, values: ({ weights }) => weights.map(({ styleBytes }) => styleBytes / 1000) },
  { title: 'Lighthouse, performance', unit: '', atLeast: 95, values: ({ audits }) => audits.map(({ performance }) => performance) },
  { title: 'Lighthouse, accessibility', unit: '', atLeast: 100, values: ({ audits }) => audits.map(({ accessibility }) => accessibility) },
  { title: 'Lighthouse, best practices', unit: '', atLeast: 100, values: ({ audits }) => audits.map(({ bestPractices }) => bestPractices) },
  { title: 'Lighthouse, SEO', unit: '', atLeast: 100, values: ({ audits }) => audits.map(({ seo }) => seo) },
]

/** @param {Samples} samples */
export function judge(samples) {
  return goals.map(({ title, unit, atMost = Infinity, atLeast = -Infinity, values }) => {
    const all = values(samples)
    const middle = median(all)
    const bound = atMost === Infinity ? `at least ${atLeast}` : `at most ${atMost}`
    return { title, unit, median: middle, low: Math.min(...all), high: Math.max(...all), bound, isMet: middle <= atMost && middle >= atLeast }
  })
}

/** @param {readonly number[]} values An odd number of them. */
export function median(values) {
  return values.toSorted((one, other) => one - other)[(values.length - 1) / 2]
}
