import { useEffect, useRef, useState, type RefObject } from 'react'

/** How far from the end, in pixels, counts as being there. */
const NEAR = 24

/**
 * Keeps the end of a growing text in sight until the reader scrolls up, and again once they come
 * back to it; goes to the end when `start` changes to something new.
 */
export function useFollow(scroller: RefObject<HTMLElement | null>, content: RefObject<HTMLElement | null>, start: string | null) {
  const follows = useRef(true)
  const [isAtEnd, setAtEnd] = useState(true)

  useEffect(() => {
    const view = scroller.current!
    let { scrollTop, scrollHeight } = view
    const onScroll = () => {
      const isNear = view.scrollHeight - view.scrollTop - view.clientHeight < NEAR
      // A text that gets shorter scrolls by itself; only the reader goes up in one that does not.
      if (view.scrollTop < scrollTop && view.scrollHeight >= scrollHeight && !isNear) follows.current = false
      if (isNear) follows.current = true
      ;({ scrollTop, scrollHeight } = view)
      setAtEnd(isNear || follows.current)
    }
    const observer = new ResizeObserver(() => {
      if (follows.current) view.scrollTo(0, view.scrollHeight)
    })
    view.addEventListener('scroll', onScroll, { passive: true })
    observer.observe(view)
    observer.observe(content.current!)
    return () => {
      view.removeEventListener('scroll', onScroll)
      observer.disconnect()
    }
  }, [scroller, content])

  function toEnd() {
    follows.current = true
    scroller.current?.scrollTo(0, scroller.current.scrollHeight)
  }

  useEffect(() => {
    if (start === null) return
    follows.current = true
    scroller.current!.scrollTo(0, scroller.current!.scrollHeight)
  }, [scroller, start])

  return { isAtEnd, toEnd }
}
