interface Policy {
  createHTML(input: string): string
}

declare const trustedTypes: { createPolicy(name: string, rules: Policy): Policy } | undefined

const rules: Policy = {
  // The value of a name is a character or two, whatever name it is: nothing here can be an element.
  createHTML: (name) => (/^[A-Za-z0-9]+$/.test(name) ? `&${name};` : ''),
}
const policy = typeof trustedTypes === 'undefined' ? rules : trustedTypes.createPolicy('askbot-entities', rules)
const element = document.createElement('i')

/** The character that HTML calls `name`, as in `&rarr;`, or false. The browser has the table of 2,125 names. */
export function decodeNamedCharacterReference(name: string): string | false {
  element.innerHTML = policy.createHTML(name)
  const text = element.textContent
  // Some names need no semicolon: `&notit;` is read as `&not` and "it;".
  const isWhole = text !== '' && !text.startsWith('&') && !text.endsWith(';')
  return isWhole ? text : name === 'semi' ? ';' : name === 'amp' || name === 'AMP' ? '&' : false
}
