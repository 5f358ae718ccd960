import type { Root } from 'hast'

/** Lets the browser find the direction of each block, for Arabic and Hebrew. */
export function withDirections() {
  return ({ children }: Root) => {
    for (const child of children) if (child.type === 'element') child.properties['dir'] = 'auto'
  }
}
