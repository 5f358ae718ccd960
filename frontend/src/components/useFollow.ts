import { useEffect, useRef, useState, type RefObject } from 'react'

/** How far from the end, in pixels, counts as being there. */
const NEAR = 24

/**
 * What stays in sight while texts grow: the end of the conversation, the beginning of the last turn,
 * or whatever the reader has scrolled to.
 */
type Held = 'end' | 'question' | 'nothing'

/**
 * Opens a conversation at its end. A question that is asked, `live`, goes to the top of the view,
 * where its answer is read from its beginning. Only a reader who goes to the end follows it.
 *
 * `isAtEnd` tells whether the last text ends in sight, whatever brought it there.
 */
export function useFollow(scroller: RefObject<HTMLElement | null>, list: RefObject<HTMLOListElement | null>, live: string | null) {
  const following = useRef<{ hold(what: Held): void } | null>(null)
  const [isAtEnd, setAtEnd] = useState(true)

  useEffect(() => {
    const view = scroller.current!
    let held: Held = 'end'
    let { scrollTop, scrollHeight } = view

    const remember = () => ({ scrollTop, scrollHeight } = view)

    /** The text of the last turn: the room below it is not part of it. */
    const lastTurn = () => list.current!.lastElementChild?.firstElementChild

    function lookForEnd() {
      const end = lastTurn()?.getBoundingClientRect().bottom ?? 0
      setAtEnd(end < view.getBoundingClientRect().bottom + NEAR)
    }

    function hold(what: Held) {
      held = what
      const turn = lastTurn()
      // A greeting is read from its beginning.
      if (held === 'nothing' || !turn) return
      if (held === 'end') view.scrollTo(0, view.scrollHeight)
      else view.scrollBy(0, turn.getBoundingClientRect().top - view.getBoundingClientRect().top - gapOf(turn))
      // The event of it comes later, and may be one with the reader's own scrolling.
      remember()
    }

    function onScroll() {
      const isNear = view.scrollHeight - view.scrollTop - view.clientHeight < NEAR
      // A text that gets shorter scrolls by itself; only the reader goes up in one that does not.
      if (view.scrollTop < scrollTop && view.scrollHeight >= scrollHeight) held = 'nothing'
      else if (view.scrollTop > scrollTop) held = isNear ? whatEnds() : 'nothing'
      remember()
      lookForEnd()
    }

    /** What the reader goes to who goes to the end: an answer that is not as long as the view is read from its beginning. */
    function whatEnds(): Held {
      return (lastTurn()?.clientHeight ?? 0) < view.clientHeight ? 'question' : 'end'
    }

    const observer = new ResizeObserver(() => {
      hold(held)
      lookForEnd()
    })
    view.addEventListener('scroll', onScroll, { passive: true })
    observer.observe(view)
    observer.observe(list.current!)
    following.current = { hold }
    return () => {
      view.removeEventListener('scroll', onScroll)
      observer.disconnect()
    }
  }, [scroller, list])

  useEffect(() => {
    if (live !== null) following.current!.hold('question')
  }, [live])

  return { isAtEnd, toEnd: () => following.current?.hold('end') }
}

/** As much above a question as between it and the line before it. */
const gapOf = (turn: Element) => parseFloat(getComputedStyle(turn.parentElement!).paddingTop)
