export class ImportError extends Error {
  constructor(options?: ErrorOptions) {
    super('The file holds no conversations of Askbot.', options)
    this.name = 'ImportError'
  }
}
