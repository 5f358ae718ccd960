/** The reader's regional form of `language`, such as en-GB; undefined if the browser names none. */
export function localeFor(language: string): string | undefined {
  return navigator.languages.find((each) => (each === language || each.startsWith(`${language}-`)) && isTag(each))
}

/** Some browsers pass on names of the system's, such as en-US@posix, which `Intl` does not take. */
function isTag(name: string): boolean {
  try {
    return Intl.getCanonicalLocales(name).length > 0
  } catch {
    return false
  }
}
