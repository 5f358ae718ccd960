/** When something was, as shortly as it can be told from others: the time today and yesterday, else the day. */
export function whenIn(language: string): (time: number) => string {
  // As it is written where the reader is: not all English has AM and PM.
  const format = (options: Intl.DateTimeFormatOptions) =>
    new Intl.DateTimeFormat(navigator.languages.find((each) => each.startsWith(`${language}-`)) ?? language, options)
  return (time) => {
    const now = new Date()
    const yesterday = new Date(now.getFullYear(), now.getMonth(), now.getDate() - 1).getTime()
    if (time >= yesterday) return format({ hour: 'numeric', minute: '2-digit' }).format(time)
    const isThisYear = new Date(time).getFullYear() === now.getFullYear()
    return format({ day: 'numeric', month: 'short', ...(!isThisYear && { year: 'numeric' }) }).format(time)
  }
}
