import { loadText, saveText } from './stored.ts'

const NAME = 'askbot.access-code'

/** The access code that the reader has typed in this tab. */
export const loadAccessCode = () => loadText('sessionStorage', NAME) ?? undefined

/** Keeps an access code until the tab is closed. */
export const saveAccessCode = (code: string) => saveText('sessionStorage', NAME, code)
