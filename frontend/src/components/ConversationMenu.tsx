import type { Conversation } from '../chat/conversation.ts'
import { usePage } from '../page/page.ts'
import { useWords } from '../words/words.ts'
import { Menu, type MenuItem } from './Menu.tsx'

interface Shown {
  conversation: Conversation
  label: string
  /** Called after a deletion, which removes the focused button: move the focus. */
  onRemoved: () => void
}

/** The actions on a conversation. */
export function ConversationMenu({ conversation: { id, isPinned }, label, onRemoved }: Shown) {
  const words = useWords()
  const page = usePage()

  const items: MenuItem[] = [
    { icon: 'pencil', name: words.rename, onChoose: () => page.panel.set({ name: 'rename', id }) },
    {
      icon: 'pin',
      name: isPinned ? words.unpin : words.pin,
      onChoose: () => void page.history.change(id, (latest) => ({ ...latest, isPinned: !isPinned })),
    },
    { icon: 'export', name: words.exportAs, onChoose: () => page.panel.set({ name: 'export', id }) },
    {
      icon: 'bin',
      name: words.remove,
      onChoose: () => {
        page.remove(id)
        onRemoved()
      },
    },
  ]
  return <Menu icon="more" label={label} items={items} />
}
