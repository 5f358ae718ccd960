import { localeFor } from './localeFor.ts'

const shapes = {
  time: { hour: 'numeric', minute: '2-digit' },
  day: { day: 'numeric', month: 'short' },
  date: { day: 'numeric', month: 'short', year: 'numeric' },
} satisfies Record<string, Intl.DateTimeFormatOptions>

/** When something was, as shortly as it can be told from others: the time today and yesterday, else the day. */
export function whenIn(language: string): (time: number) => string {
  // Kept, because making one takes a hundred times as long as using it, and a list has hundreds of dates.
  const formats: Partial<Record<keyof typeof shapes, Intl.DateTimeFormat>> = {}
  // As it is written where the reader is: not all English has AM and PM.
  const format = (shape: keyof typeof shapes) => (formats[shape] ??= new Intl.DateTimeFormat(localeFor(language) ?? language, shapes[shape]))
  return (time) => {
    const now = new Date()
    const yesterday = new Date(now.getFullYear(), now.getMonth(), now.getDate() - 1).getTime()
    const isThisYear = new Date(time).getFullYear() === now.getFullYear()
    return format(time >= yesterday ? 'time' : isThisYear ? 'day' : 'date').format(time)
  }
}
