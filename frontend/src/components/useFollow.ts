import { useEffect, useRef, useState, type RefObject } from 'react'

/** How far from the end, in pixels, counts as being there. */
const NEAR = 24

/**
 * Keeps the end of a growing text in sight until the reader scrolls up, and again once they come
 * back to it; goes to the end when `start` changes to something new.
 */
export function useFollow(scroller: RefObject<HTMLElement | null>, content: RefObject<HTMLElement | null>, start: string | null) {
  const following = useRef<{ toEnd(): void } | null>(null)
  const [isAtEnd, setAtEnd] = useState(true)

  useEffect(() => {
    const view = scroller.current!
    let follows = true
    let { scrollTop, scrollHeight } = view

    const remember = () => ({ scrollTop, scrollHeight } = view)

    function toEnd() {
      follows = true
      view.scrollTo(0, view.scrollHeight)
      // The event of it comes later, and may be one with the reader's own scrolling.
      remember()
    }

    function onScroll() {
      const isNear = view.scrollHeight - view.scrollTop - view.clientHeight < NEAR
      // A text that gets shorter scrolls by itself; only the reader goes up in one that does not.
      if (view.scrollTop < scrollTop && view.scrollHeight >= scrollHeight) follows = false
      if (isNear && view.scrollTop >= scrollTop) follows = true
      remember()
      setAtEnd(isNear || follows)
    }

    const observer = new ResizeObserver(() => {
      // A greeting is read from its beginning.
      if (follows && content.current!.childElementCount > 0) toEnd()
    })
    view.addEventListener('scroll', onScroll, { passive: true })
    observer.observe(view)
    observer.observe(content.current!)
    following.current = { toEnd }
    return () => {
      view.removeEventListener('scroll', onScroll)
      observer.disconnect()
    }
  }, [scroller, content])

  const toEnd = () => following.current?.toEnd()

  useEffect(() => {
    if (start !== null) following.current!.toEnd()
  }, [start])

  return { isAtEnd, toEnd }
}
