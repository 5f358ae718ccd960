import { whenIn } from './when.ts'

export const en = {
  lang: 'en',
  name: 'English',

  // The conversation
  conversation: 'Conversation',
  greeting: 'What would you like to know?',
  youAsked: 'You asked',
  answered: (name: string) => `${name} answered`,
  waiting: 'Waiting for the first words',
  beingWritten: 'Being written',
  stillWriting: 'Still writing …',
  seconds: (seconds: number) => `${seconds} s`,
  latest: 'Jump to the latest',
  suggestions: 'Suggestions',
  whoAnswers: 'Who answers',

  // Asking
  question: 'Your question',
  placeholder: 'Ask anything',
  ask: 'Ask',
  stop: 'Stop',
  retry: 'Ask again',
  retryIn: (seconds: number) => `Ask again in ${seconds} s`,
  proceed: 'Continue',
  proceedInstruction: 'Continue your last answer exactly where it ends. Do not repeat any of it, and do not comment on this.',
  edit: 'Edit the question',
  editedQuestion: 'Edited question',
  cancel: 'Cancel',
  elsewhere: 'An answer is being written in another tab. Your question is still here.',
  tooEarly: 'An answer is still being written. Your question stays here until it has ended.',

  // What the status line says
  answering: 'Answering',
  finished: 'Answer complete',

  // How answers end
  stopped: 'You stopped this answer.',
  empty: 'The answer was empty.',
  cut: 'This answer broke off and is incomplete.',
  failed: 'There is no answer.',
  lost: 'The rest of this answer cannot be had just now. The server may still be writing, and keeps it for a while.',
  readOn: 'Read on',
  tooLong: 'The answer reached the longest length allowed here.',
  filtered: 'The model’s provider ended this answer.',
  details: 'Details',
  requestId: 'Request',
  retryAfter: (seconds: number) =>
    seconds === 1 ? 'Please wait a second before asking again.' : `Please wait ${seconds} seconds before asking again.`,

  // The receipt
  receipt: 'How this answer was made',
  firstText: (seconds: string) => `${seconds} s to the first words`,
  tokensPerSecond: (rate: string) => `${rate} tokens/s`,
  wordsPerSecond: (rate: string) => `${rate} words/s`,
  tokens: (question: string, answer: string) => `${question} + ${answer} tokens`,

  // Access
  accessCode: 'Access code',
  enter: 'Enter',
  wrongAccessCode: 'This code was not accepted.',

  // Copying
  copyCode: 'Copy the code',
  copyAnswer: 'Copy the answer',
  copied: 'Copied',
  copyFailed: 'Could not copy',

  // Inside answers
  code: 'Code',
  table: 'Table',
  formula: 'Formula',
  image: (description: string) => `Image: ${description || 'no description'}`,
  taskDone: 'done',
  taskOpen: 'to do',
  footnotes: 'Footnotes',
  footnoteBack: (index: number) => `Back to footnote mark ${index + 1}`,

  // The list of conversations
  conversations: 'Conversations',
  newConversation: 'New conversation',
  search: 'Search',
  nothingFound: 'Nothing found.',
  untitled: 'No title',
  noConversations: 'Your conversations will be listed here. They stay in this browser.',
  beingAnswered: 'being answered',
  newAnswer: 'new answer',
  remove: 'Delete',
  options: 'Options for this conversation',
  optionsFor: (title: string) => `Options for “${title}”`,
  rename: 'Rename',
  pin: 'Pin',
  unpin: 'Unpin',
  groups: { pinned: 'Pinned', today: 'Today', yesterday: 'Yesterday', earlier: 'Earlier' },
  when: whenIn('en'),

  // One conversation
  title: 'Title',
  save: 'Save',
  exportAs: 'Export',
  markdown: 'Markdown',
  json: 'JSON',
  you: 'You',

  // Settings
  settings: 'Settings',
  theme: 'Colours',
  themes: { system: 'Same as system', light: 'Light', dark: 'Dark' },
  language: 'Language',
  languageOfBrowser: 'Same as browser',
  data: 'Conversations',
  dataHint: 'They are kept in this browser only. A question goes to the server with its conversation; nothing else does.',
  exportAll: 'Export all',
  importFile: 'Import a file',
  imported: (count: number) => (count === 1 ? 'One conversation was imported.' : `${count} conversations were imported.`),
  importFailed: 'There are no Askbot conversations in this file.',
  nothingNew: 'Everything in this file is already here.',
  nothingToExport: 'There is nothing to export yet.',

  // Help
  help: 'Shortcuts',
  close: 'Close',
  shortcuts: {
    ask: 'Ask',
    newLine: 'Start a new line',
    stop: 'Stop the answer',
    editLast: 'Edit the last question, from an empty field',
    newConversation: 'New conversation',
    search: 'Search the conversations',
    help: 'Show these shortcuts',
  },

  // Notices
  deleted: (title: string) => `“${title}” was deleted.`,
  replaced: 'This took the place of what came before.',
  undo: 'Undo',
  dismiss: 'Dismiss',
  offline: 'You are offline. Your conversations are here; asking needs a connection.',
  notKept: 'This browser keeps nothing: conversations end with this page. Export what you want to keep.',
  notLoaded: 'Not loaded',
  notLoadedHint: 'This part of the page could not be loaded. Reload the page once there is a connection.',
  newVersion: 'There is a new version of this page.',
  reload: 'Reload',
  changingVersion: 'Changing to the new version …',
  away: 'The assistant cannot be reached. This page keeps trying.',
  tryAgain: 'Try again',

  // By the codes of the relay, of what may stand in front of it, and of the client.
  failures: {
    unreachable: 'The assistant cannot be reached.',
    relay_unreachable: 'The assistant cannot be reached.',
    unexpected_response: 'The assistant cannot be reached just now.',
    cut: 'The connection was lost, or the model stopped in the middle.',
    invalid_request: 'The server did not understand the question.',
    unknown_persona: 'The assistant that answered here is no longer available. Choose another in a new conversation.',
    unauthorized: 'This server asks for an access code.',
    origin_not_allowed: 'The server does not accept questions from this page’s address.',
    not_found: 'The question did not reach the server, or its answer is no longer kept there.',
    request_too_large: 'The conversation has grown too large for the server.',
    question_too_long: 'The conversation has grown too long for the model.',
    content_filtered: 'The model’s provider refused this question.',
    rate_limited: 'Too many questions in a short time.',
    too_many_streams: 'Too many answers are being written at the same time.',
    budget_exhausted: 'The allowance for today is used up.',
    upstream_rate_limited: 'The model is getting too many questions just now.',
    internal_error: 'Something went wrong on the server.',
    upstream_error: 'The model could not answer.',
    upstream_timeout: 'The model took too long to begin.',
    not_configured: 'The server has not been set up to answer yet.',
    overloaded: 'The server is busy.',
    shutting_down: 'The server is restarting.',
    store_unreachable: 'The server cannot reach its store just now.',
  },
}
