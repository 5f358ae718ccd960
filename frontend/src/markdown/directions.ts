import type { Root } from 'hast'

/** Has the browser find out which way each block is written: Arabic and Hebrew begin at the right. */
export function withDirections() {
  return ({ children }: Root) => {
    for (const child of children) if (child.type === 'element') child.properties['dir'] = 'auto'
  }
}
