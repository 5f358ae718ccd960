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

/** Met less often, so each comes when it is met. */
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

/** What lowlight calls a language once it knows it; null for one that nobody here does. Always the same promise. */
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
    // There is no network: code stays plain.
    return null
  }
}
