const MOST_CHARACTERS = 280
const MOST_LINES = 4

/** Whether a question is set as text and not as a heading. */
export const isLong = (question: string) => question.length > MOST_CHARACTERS || question.split('\n', MOST_LINES + 1).length > MOST_LINES
