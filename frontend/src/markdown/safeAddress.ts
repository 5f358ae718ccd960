const allowed = new Set(['http:', 'https:', 'mailto:'])

/**
 * The address if a reader may be sent there, else nothing.
 *
 * A relative one counts as none: it would lead into this page, which the model knows nothing of.
 */
export function safeAddress(address: string): string {
  try {
    const url = new URL(address)
    return allowed.has(url.protocol) ? url.href : ''
  } catch {
    return ''
  }
}
