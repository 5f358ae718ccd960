interface ImportMetaEnv {
  /** The relay's address, if it is not the page's origin. */
  readonly VITE_API_URL?: string
}
