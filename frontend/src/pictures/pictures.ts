import { createStore, type WritableStore } from '../store.ts'

/** The pictures of a question that is being written. */
export interface Written {
  all: readonly string[]
  /** The number of pictures that are being drawn. */
  drawing: number
  problem: 'too many' | 'unreadable' | null
}

export type Pictures = WritableStore<Written>

export const createPictures = (all: readonly string[] = []): Pictures => createStore<Written>({ all, drawing: 0, problem: null })

export const replacePictures = (pictures: Pictures, all: readonly string[]) => pictures.set({ ...pictures.get(), all, problem: null })

const drafts = new Map<string, Pictures>()

/** The unsent pictures of a draft. They end with the page, because there is no room for them beside its text. */
export function picturesOf(draft: string): Pictures {
  const pictures = drafts.get(draft) ?? createPictures()
  drafts.set(draft, pictures)
  return pictures
}
