import { useEffect, useId, useRef, useState, type RefObject, type ToggleEvent } from 'react'
import { type Conversation, titleOf } from '../chat/conversation.ts'
import { usePage } from '../page/page.ts'
import { useWords } from '../words/words.ts'
import styles from './ConversationMenu.module.css'
import { Icon, type IconName } from './Icon.tsx'
import { IconButton } from './IconButton.tsx'

interface Menu {
  conversation: Conversation
  label: string
  /** It takes the focus along, so that has to be given to something else. */
  onRemoved: () => void
}

/** What can be done with a conversation. The browser's own popover closes by Escape and by a click beside it. */
export function ConversationMenu({ conversation, label, onRemoved }: Menu) {
  const menu = useRef<HTMLDivElement>(null)
  const button = useRef<HTMLButtonElement>(null)
  const [isOpen, setOpen] = useState(false)
  const id = useId()

  function onToggle({ newState }: ToggleEvent<HTMLDivElement>) {
    setOpen(newState === 'open')
  }

  return (
    <>
      <IconButton ref={button} icon="more" label={label} aria-expanded={isOpen} popoverTarget={id} />
      <div ref={menu} id={id} popover="auto" className={styles.menu} onToggle={onToggle}>
        {isOpen && <Choices conversation={conversation} menu={menu} button={button} onRemoved={onRemoved} />}
      </div>
    </>
  )
}

interface Inside {
  conversation: Conversation
  menu: RefObject<HTMLDivElement | null>
  button: RefObject<HTMLButtonElement | null>
  onRemoved: () => void
}

function Choices({ conversation, menu, button, onRemoved }: Inside) {
  const words = useWords()
  const page = usePage()
  const { id, isPinned } = conversation

  useEffect(() => {
    place(menu.current!, button.current!)
    menu.current!.querySelector('button')?.focus()
  }, [menu, button])

  function choose(action: () => void) {
    menu.current?.hidePopover()
    action()
  }

  return (
    <ul aria-label={titleOf(conversation) || words.untitled}>
      <Choice icon="pencil" name={words.rename} onChoose={() => choose(() => page.panel.set({ name: 'rename', id }))} />
      <Choice
        icon="pin"
        name={isPinned ? words.unpin : words.pin}
        onChoose={() => choose(() => void page.history.change(id, (latest) => ({ ...latest, isPinned: !isPinned })))}
      />
      <Choice icon="export" name={words.exportAs} onChoose={() => choose(() => page.panel.set({ name: 'export', id }))} />
      <Choice
        icon="bin"
        name={words.remove}
        onChoose={() =>
          choose(() => {
            page.remove(id)
            onRemoved()
          })
        }
      />
    </ul>
  )
}

function Choice({ icon, name, onChoose }: { icon: IconName; name: string; onChoose: () => void }) {
  return (
    <li>
      <button type="button" onClick={onChoose}>
        <Icon name={icon} />
        {name}
      </button>
    </li>
  )
}

const GAP = 4

/** Below its button, or above where there is no room; its end at the end of the button. */
function place(menu: HTMLElement, button: HTMLElement) {
  const { top, bottom, right } = button.getBoundingClientRect()
  const { offsetWidth, offsetHeight } = menu
  const hasRoom = bottom + GAP + offsetHeight < innerHeight
  menu.style.top = `${Math.max(0, hasRoom ? bottom + GAP : top - GAP - offsetHeight)}px`
  menu.style.left = `${Math.max(0, right - offsetWidth)}px`
}
