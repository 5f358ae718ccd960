import type { Persona } from '../client/askbot.js'
import { loadText, saveText } from './stored.ts'

/** A relay's description of itself. */
export interface Known {
  defaultPersona: string
  personas: readonly Persona[]
  limits: Limits
}

/** The relay's limits; null if unknown or unlimited. */
export interface Limits {
  questionChars: number | null
  messages: number | null
  /** Null if no persona accepts pictures. */
  pictures: PictureLimits | null
}

/** The limits for the pictures of one question. */
export interface PictureLimits {
  max: number
  maxBytes: number
}

const NAME = 'askbot.known'

/** The relay's last description in this language, possibly from an earlier visit. */
export function loadKnown(language: string): Known | null {
  try {
    const kept = JSON.parse(loadText('localStorage', NAME) ?? 'null') as unknown
    return isObject(kept) && kept['language'] === language ? knownFrom(kept['told']) : null
  } catch {
    return null
  }
}

export function saveKnown(language: string, told: unknown): void {
  saveText('localStorage', NAME, JSON.stringify({ language, told }))
}

/** Null if the value has another shape. */
export function knownFrom(told: unknown): Known | null {
  if (!isObject(told) || !Array.isArray(told['personas'])) return null
  const personas = told['personas'].map(personaFrom)
  if (!personas.every((persona) => persona !== null)) return null
  return { defaultPersona: textOr(told['default'], ''), personas, limits: limitsFrom(told['limits']) }
}

function personaFrom(value: unknown): Persona | null {
  if (!isObject(value) || typeof value['id'] !== 'string') return null
  const { id, name, description, greeting, suggestions, accepts_images } = value
  return {
    id,
    name: textOr(name, id),
    description: textOr(description, ''),
    greeting: textOr(greeting, ''),
    suggestions: Array.isArray(suggestions) ? suggestions.filter((each) => typeof each === 'string') : [],
    accepts_images: accepts_images === true,
  }
}

function limitsFrom(value: unknown): Limits {
  const { max_question_chars: questionChars, max_messages: messages, images } = isObject(value) ? value : {}
  return { questionChars: limitOr(questionChars), messages: limitOr(messages), pictures: pictureLimitsFrom(images) }
}

function pictureLimitsFrom(value: unknown): PictureLimits | null {
  if (!isObject(value)) return null
  const [max, maxBytes] = [limitOr(value['max']), limitOr(value['max_bytes'])]
  return max === null || maxBytes === null ? null : { max, maxBytes }
}

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null
const textOr = (value: unknown, otherwise: string) => (typeof value === 'string' ? value : otherwise)
const limitOr = (value: unknown) => (typeof value === 'number' && value > 0 ? value : null)
