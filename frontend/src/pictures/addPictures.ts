import type { PictureLimits } from '../page/relayDescription.ts'
import { drawnSmaller } from './drawnSmaller.ts'
import type { Pictures, Written } from './pictures.ts'

/** Adds the pictures in files, as many as fit. */
export async function addPictures(pictures: Pictures, files: readonly File[], limits: PictureLimits): Promise<void> {
  const change = (changes: (before: Written) => Partial<Written>) => pictures.set({ ...pictures.get(), ...changes(pictures.get()) })
  const { all, drawing } = pictures.get()
  const fitting = files.slice(0, Math.max(0, limits.max - all.length - drawing))
  change(() => ({ drawing: drawing + fitting.length, problem: fitting.length < files.length ? 'too many' : null }))
  for (const file of fitting) {
    const picture = await drawnSmaller(file, limits.maxBytes)
    change((before) => ({
      drawing: before.drawing - 1,
      ...(picture === null ? { problem: 'unreadable' } : { all: [...before.all, picture] }),
    }))
  }
}
