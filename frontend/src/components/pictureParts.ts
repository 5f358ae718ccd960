import { lazy, type ComponentProps, type ComponentType } from 'react'

type Tools = typeof import('./PictureTools.tsx')

const Nothing = () => null

/** Loaded where pictures are accepted, or a question has some. The page works without them too. */
function part<Name extends keyof Tools>(name: Name) {
  return lazy(async () => {
    const tools = await import('./PictureTools.tsx').catch((error: unknown) => {
      console.warn('Pictures cannot be shown:', error)
      return null
    })
    return { default: (tools?.[name] ?? Nothing) as ComponentType<ComponentProps<Tools[Name]>> }
  })
}

export const PictureRow = part('PictureRow')
export const AddPicture = part('AddPicture')
export const PictureNote = part('PictureNote')
export const QuestionPictures = part('QuestionPictures')
