/** Has the browser save a text as a file. Characters that file systems refuse are left out of the name. */
export function download(name: string, type: string, text: string): void {
  const address = URL.createObjectURL(new Blob([text], { type: `${type};charset=utf-8` }))
  const link = document.createElement('a')
  link.href = address
  link.download = name.replaceAll(/[\\/:*?"<>|\p{Cc}]+/gu, ' ').trim()
  link.click()
  // Safari reads it only after the click is over.
  setTimeout(() => URL.revokeObjectURL(address), 10_000)
}
