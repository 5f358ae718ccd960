import { useEffect, useRef, useState, type RefObject } from 'react'

/** The distance from the end, in pixels, that counts as the end. */
const NEAR = 24

/**
 * The part that stays in view while texts grow: the end of the conversation, the beginning of the last
 * turn, or the place that the reader has scrolled to.
 */
type Held = 'end' | 'question' | 'nothing'

/**
 * Opens a conversation at its end. A new question, `live`, is scrolled to the top of the view, and its
 * answer grows below it. The view follows the answer only after the reader scrolls to the end.
 *
 * `isAtEnd` says whether the end of the last text is in view.
 */
export function useScrollFollow(scroller: RefObject<HTMLElement | null>, list: RefObject<HTMLOListElement | null>, live: string | null) {
  const following = useRef<{ hold(what: Held): void } | null>(null)
  const [isAtEnd, setAtEnd] = useState(true)

  useEffect(() => {
    const view = scroller.current!
    let held: Held = 'end'
    let scrollTop = topOf(view)
    let { scrollHeight } = view

    function remember() {
      scrollTop = topOf(view)
      scrollHeight = view.scrollHeight
    }

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
      // Its scroll event comes later, and may be merged with the reader's own scrolling.
      remember()
    }

    function onScroll() {
      const top = topOf(view)
      const isNear = view.scrollHeight - top - view.clientHeight < NEAR
      // A text that gets shorter also scrolls up. Otherwise only the reader does.
      if (top < scrollTop && view.scrollHeight >= scrollHeight) held = 'nothing'
      else if (top > scrollTop) held = isNear ? whatEnds() : 'nothing'
      remember()
      lookForEnd()
    }

    /** The part to hold after the reader scrolls to the end: a turn shorter than the view keeps its beginning. */
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

/** How far a view is scrolled. Safari also tells of its bounce beyond either end. */
const topOf = (view: Element) => Math.max(0, Math.min(view.scrollTop, view.scrollHeight - view.clientHeight))

/** The gap above a question in the layout, which is kept at the top of the view. */
const gapOf = (turn: Element) => parseFloat(getComputedStyle(turn.parentElement!).paddingTop)
