const types = { md: 'text/markdown', json: 'application/json', html: 'text/html' }

/** Saves a text as a file. Leaves out characters that file systems refuse in names. */
export function download(name: string, extension: keyof typeof types, text: string): void {
  const address = URL.createObjectURL(new Blob([text], { type: `${types[extension]};charset=utf-8` }))
  const link = document.createElement('a')
  link.href = address
  link.download = `${name.replaceAll(/[\\/:*?"<>|\p{Cc}\s]+/gu, ' ').trim()}.${extension}`
  link.click()
  // Safari reads the URL only after the click.
  setTimeout(() => URL.revokeObjectURL(address), 10_000)
}
