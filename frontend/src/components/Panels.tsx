import { useEffect } from 'react'
import { type Panel, usePage } from '../page/page.ts'
import { useStore } from '../useStore.ts'
import { ExportPanel } from './ExportPanel.tsx'
import { HelpPanel } from './HelpPanel.tsx'
import { RenamePanel } from './RenamePanel.tsx'
import { SettingsPanel } from './SettingsPanel.tsx'

export default function Panels({ panel }: { panel: Panel }) {
  if (panel.name === 'settings') return <SettingsPanel />
  if (panel.name === 'rename' || panel.name === 'export') return <ConversationPanel {...panel} />
  return <HelpPanel />
}

function ConversationPanel({ name, id }: { name: 'rename' | 'export'; id: string }) {
  const { history, panel } = usePage()
  const conversation = useStore(history, () => history.find(id))
  const isGone = conversation === undefined

  useEffect(() => {
    // It was deleted in another tab.
    if (isGone) panel.set(null)
  }, [isGone, panel])

  if (isGone) return null
  return name === 'rename' ? <RenamePanel conversation={conversation} /> : <ExportPanel conversation={conversation} />
}
