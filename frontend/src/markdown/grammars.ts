import bash from 'highlight.js/lib/languages/bash'
import css from 'highlight.js/lib/languages/css'
import java from 'highlight.js/lib/languages/java'
import javascript from 'highlight.js/lib/languages/javascript'
import json from 'highlight.js/lib/languages/json'
import python from 'highlight.js/lib/languages/python'
import typescript from 'highlight.js/lib/languages/typescript'
import xml from 'highlight.js/lib/languages/xml'
import { createLowlight } from 'lowlight'

export const lowlight = createLowlight({ bash, css, java, javascript, json, python, typescript, xml })

/** Rarer languages, each loaded at its first use. */
const rarer = {
  c: () => import('highlight.js/lib/languages/c'),
  cpp: () => import('highlight.js/lib/languages/cpp'),
  diff: () => import('highlight.js/lib/languages/diff'),
  go: () => import('highlight.js/lib/languages/go'),
  ini: () => import('highlight.js/lib/languages/ini'),
  rust: () => import('highlight.js/lib/languages/rust'),
  sql: () => import('highlight.js/lib/languages/sql'),
  yaml: () => import('highlight.js/lib/languages/yaml'),
}

const aliases: Record<string, keyof typeof rarer> = {
  'c++': 'cpp',
  'cc': 'cpp',
  'golang': 'go',
  'h': 'c',
  'hpp': 'cpp',
  'patch': 'diff',
  'rs': 'rust',
  'toml': 'ini',
  'yml': 'yaml',
}

const underWay = new Map<string, Promise<string | null>>()

/** Loads a language. Resolves to lowlight's name for it, or null if unsupported. Cached. */
export function grammarFor(language: string): Promise<string | null> {
  const asked = language.toLowerCase()
  const promise = underWay.get(asked) ?? load(asked)
  underWay.set(asked, promise)
  return promise
}

async function load(asked: string): Promise<string | null> {
  if (lowlight.registered(asked)) return asked
  const name = aliases[asked] ?? asked
  if (!Object.hasOwn(rarer, name)) return null
  try {
    const { default: grammar } = await rarer[name as keyof typeof rarer]()
    lowlight.register(name, grammar)
    return name
  } catch {
    // Without a network code stays plain.
    return null
  }
}
