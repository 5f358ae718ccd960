import type { Persona } from '../client/askbot.js'
import { usePage } from '../page/page.ts'
import { useStore } from '../useStore.ts'

/** The persona called `id`, or the relay's default without one; undefined while, or where, nobody tells. */
export function usePersona(id: string | null): Persona | undefined {
  return useStore(usePage().relay, ({ known }) => known?.personas.find((persona) => persona.id === (id ?? known.defaultPersona)))
}
