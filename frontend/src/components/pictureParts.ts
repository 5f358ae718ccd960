import { lazyPart } from './lazyPart.ts'

/** Loaded where pictures are accepted, or a question has some. */
const load = () => import('./PictureTools.tsx')

export const PictureRow = lazyPart(load, 'PictureRow')
export const AddPicture = lazyPart(load, 'AddPicture')
export const PictureNote = lazyPart(load, 'PictureNote')
export const QuestionPictures = lazyPart(load, 'QuestionPictures')
