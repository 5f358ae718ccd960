import { useEffect, useRef, type RefObject } from 'react'

/** How far from the end, in pixels, a reader still counts as being at it. */
const NEAR = 48

/**
 * Keeps the end of a growing text in sight while the reader is there, leaves them alone once
 * they scroll away, and goes to the end when `start` changes to something new.
 */
export function useFollow(
  scroller: RefObject<HTMLElement | null>,
  content: RefObject<HTMLElement | null>,
  start: number | null,
) {
  const follows = useRef(true)

  useEffect(() => {
    const view = scroller.current!
    const onScroll = () => {
      follows.current = view.scrollHeight - view.scrollTop - view.clientHeight < NEAR
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

  useEffect(() => {
    if (start === null) return
    const view = scroller.current!
    follows.current = true
    view.scrollTo(0, view.scrollHeight)
  }, [scroller, start])
}
