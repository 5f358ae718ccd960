import type { Conversation } from '../chat/conversation.ts'
import type { Panel } from '../page/page.ts'
import { ConversationPanel } from './ConversationPanel.tsx'
import { HelpPanel } from './HelpPanel.tsx'
import { SettingsPanel } from './SettingsPanel.tsx'

export default function Panels({ panel, conversation }: { panel: Panel; conversation: Conversation | undefined }) {
  if (panel === 'settings') return <SettingsPanel />
  if (panel === 'help') return <HelpPanel />
  return conversation && <ConversationPanel conversation={conversation} />
}
