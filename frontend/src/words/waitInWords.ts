const MINUTE = 60
const HOUR = 60 * MINUTE

/** A wait in words, from its seconds: in seconds, minutes or hours, rounded up. */
export function waitIn(language: string): (seconds: number) => string {
  const format = (unit: string, count: number) =>
    new Intl.NumberFormat(language, { style: 'unit', unit, unitDisplay: 'long' }).format(count)
  return (seconds) => {
    if (seconds > 2 * HOUR) return format('hour', Math.ceil(seconds / HOUR))
    if (seconds > 2 * MINUTE) return format('minute', Math.ceil(seconds / MINUTE))
    return format('second', seconds)
  }
}
