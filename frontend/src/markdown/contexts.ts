import { createContext } from 'react'

/** Whether the block around is still being written. */
export const IsOpen = createContext(false)

/** Whether the text around is already a link: links do not nest. */
export const InLink = createContext(false)

/** The heading level below that of the surrounding text. */
export const HeadingLevel = createContext<'h3' | 'h4'>('h4')
