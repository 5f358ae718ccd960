const types = { md: 'text/markdown', json: 'application/json', html: 'text/html' }

/** Has the browser save a text as a file. Characters that file systems refuse are left out of its name. */
export function download(name: string, extension: keyof typeof types, text: string): void {
  const address = URL.createObjectURL(new Blob([text], { type: `${types[extension]};charset=utf-8` }))
  const link = document.createElement('a')
  link.href = address
  link.download = `${name.replaceAll(/[\\/:*?"<>|\p{Cc}\s]+/gu, ' ').trim()}.${extension}`
  link.click()
  // Safari reads it only after the click is over.
  setTimeout(() => URL.revokeObjectURL(address), 10_000)
}
