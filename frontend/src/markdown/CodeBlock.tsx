import { lazy, Suspense, use, type ComponentProps, type ComponentType } from 'react'
import type { ExtraProps } from 'react-markdown'
import { CopyButton } from '../components/CopyButton.tsx'
import { useWords } from '../words/words.ts'
import styles from './CodeBlock.module.css'
import { IsOpen } from './contexts.ts'
import { ScrollRegion } from './ScrollRegion.tsx'

interface Code {
  code: string
  language: string
}

/** Loaded with the first complete code block. If that fails, code stays plain. */
const Highlighted = lazy(async (): Promise<{ default: ComponentType<Code> }> => {
  try {
    return await import('./Highlighted.tsx')
  } catch {
    return { default: ({ code }) => code }
  }
})

/** In place of `pre`; react-markdown puts one `code` with one text into it. */
export function CodeBlock({ node }: ComponentProps<'pre'> & ExtraProps) {
  const words = useWords()
  const isOpen = use(IsOpen)
  const { code, language } = codeIn(node)

  return (
    <div className={styles.block}>
      <div className={styles.bar}>
        <span>{language}</span>
        <CopyButton text={code} label={words.copyCode} />
      </div>
      <ScrollRegion label={words.code}>
        <pre lang="en" translate="no">
          <code>
            {isOpen || language === '' ? (
              code
            ) : (
              <Suspense fallback={<span aria-busy="true">{code}</span>}>
                <Highlighted code={code} language={language} />
              </Suspense>
            )}
          </code>
        </pre>
      </ScrollRegion>
    </div>
  )
}

function codeIn(pre: ExtraProps['node']): Code {
  const element = pre?.children[0]
  if (element?.type !== 'element') return { code: '', language: '' }
  const text = element.children[0]
  const className = String(element.properties['className'] ?? '')
  return {
    code: text?.type === 'text' ? text.value.replace(/\n$/, '') : '',
    language: /language-(\S+)/.exec(className)?.[1] ?? '',
  }
}
