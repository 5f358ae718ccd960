import { useId, useLayoutEffect, useRef, useState, type RefObject, type ToggleEvent } from 'react'
import { Icon, type IconName } from './Icon.tsx'
import { IconButton } from './IconButton.tsx'
import styles from './Menu.module.css'

export interface MenuItem {
  icon: IconName
  name: string
  onChoose: () => void
}

interface Shown {
  icon: IconName
  label: string
  items: readonly MenuItem[]
}

/** A button with a few choices. The browser's own popover closes by Escape and by a click beside it. */
export function Menu({ icon, label, items }: Shown) {
  const menu = useRef<HTMLDivElement>(null)
  const button = useRef<HTMLButtonElement>(null)
  const [isOpen, setOpen] = useState(false)
  const id = useId()

  function onToggle({ newState }: ToggleEvent<HTMLDivElement>) {
    setOpen(newState === 'open')
  }

  return (
    <>
      <IconButton ref={button} icon={icon} label={label} aria-expanded={isOpen} popoverTarget={id} />
      <div ref={menu} id={id} popover="auto" className={styles.menu} onToggle={onToggle}>
        {isOpen && <Items label={label} items={items} menu={menu} button={button} />}
      </div>
    </>
  )
}

interface Inside extends Omit<Shown, 'icon'> {
  menu: RefObject<HTMLDivElement | null>
  button: RefObject<HTMLButtonElement | null>
}

function Items({ label, items, menu, button }: Inside) {
  // Before its choices are seen, which would jump.
  useLayoutEffect(() => {
    place(menu.current!, button.current!)
    menu.current!.querySelector('button')?.focus()
  }, [menu, button])

  function choose({ onChoose }: MenuItem) {
    menu.current?.hidePopover()
    onChoose()
  }

  return (
    <ul aria-label={label}>
      {items.map((item) => (
        <li key={item.name}>
          <button type="button" onClick={() => choose(item)}>
            <Icon name={item.icon} />
            {item.name}
          </button>
        </li>
      ))}
    </ul>
  )
}

const GAP = 4

/** Places the menu below its button, or above if there is no room. Their ends align if possible. */
function place(menu: HTMLElement, button: HTMLElement) {
  const { top, bottom, right } = button.getBoundingClientRect()
  const { offsetWidth, offsetHeight } = menu
  const hasRoom = bottom + GAP + offsetHeight < innerHeight
  menu.style.top = `${Math.max(0, hasRoom ? bottom + GAP : top - GAP - offsetHeight)}px`
  menu.style.left = `${Math.max(GAP, right - offsetWidth)}px`
}
