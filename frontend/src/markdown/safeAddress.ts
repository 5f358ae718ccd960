const allowed = new Set(['http:', 'https:', 'mailto:'])

/**
 * The address if it is safe, otherwise nothing.
 *
 * A relative address is refused: it would lead into this page, which the model does not know.
 */
export function safeAddress(address: string): string {
  try {
    const url = new URL(address)
    return allowed.has(url.protocol) ? url.href : ''
  } catch {
    return ''
  }
}
