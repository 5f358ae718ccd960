import { usePage } from '../page/page.ts'
import type { PictureLimits } from '../page/relayDescription.ts'
import { useStore } from '../useStore.ts'
import { usePersona } from './usePersona.ts'

/** The limits for pictures in a question to the persona of a conversation; null if it accepts none. */
export function usePictureLimits(conversationId: string): PictureLimits | null {
  const page = usePage()
  const persona = useStore(page.history, () => page.history.find(conversationId)?.persona)
  // A new conversation gets the reader's choice.
  const chosen = useStore(page.settings, () => page.chosenPersona())
  const limits = useStore(page.relay, ({ known }) => known?.limits.pictures ?? null)
  const accepts = usePersona(persona === undefined ? chosen : persona)?.accepts_images ?? false
  return accepts ? limits : null
}
