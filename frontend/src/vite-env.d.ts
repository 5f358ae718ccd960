interface ImportMetaEnv {
  /** Where the relay is, when it is not where the page is. */
  readonly VITE_API_URL?: string
}
