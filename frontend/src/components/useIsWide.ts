import { useSyncExternalStore } from 'react'

/** As in App.module.css: there the list of conversations has a place of its own. */
const wide = matchMedia('(min-width: 60rem)')

const subscribe = (listener: () => void) => {
  wide.addEventListener('change', listener)
  return () => wide.removeEventListener('change', listener)
}

export const useIsWide = () => useSyncExternalStore(subscribe, () => wide.matches)
