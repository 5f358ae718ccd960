import type { Conversation } from '../chat/conversation.ts'
import { usePage } from '../page/page.ts'
import { languageOf } from '../words/languageOf.ts'
import { useWords } from '../words/words.ts'
import { ConversationMenu } from './ConversationMenu.tsx'
import { focusNext } from './focus.ts'
import styles from './Header.module.css'
import { IconButton } from './IconButton.tsx'
import { usePersona } from './usePersona.ts'

export function Header({ title, conversation, isWide }: { title: string; conversation: Conversation | undefined; isWide: boolean }) {
  const words = useWords()
  const page = usePage()
  const persona = usePersona(conversation?.persona ?? null)
  // The list says what is shown, and the first question says it itself.
  const isTold = isWide ? conversation?.title === '' || title === '' : conversation?.title === '' && conversation.turns.length < 2

  return (
    <header className={styles.header}>
      {!isWide && <IconButton icon="menu" label={words.conversations} onClick={() => page.panel.set({ name: 'conversations' })} />}
      <div className={styles.title}>
        <h1 className={isTold ? 'visually-hidden' : undefined} lang={languageOf(title)} dir="auto">{title || 'Askbot'}</h1>
        {conversation && persona && <p>{persona.name}</p>}
      </div>
      {conversation && <ConversationMenu conversation={conversation} label={words.options} onRemoved={focusNext} />}
      {!isWide && conversation && <IconButton icon="plus" label={words.newConversation} onClick={() => page.address.go(null)} />}
    </header>
  )
}
