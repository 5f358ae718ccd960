import type { Persona } from '../client/askbot.js'
import { usePage } from '../page/page.ts'
import { useStore } from '../useStore.ts'

/** The persona with `id`, or the relay's default; undefined while unknown. */
export function usePersona(id: string | null): Persona | undefined {
  return useStore(usePage().relay, ({ known }) => known?.personas.find((persona) => persona.id === (id ?? known.defaultPersona)))
}
