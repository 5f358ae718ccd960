import { describe, expect, test } from 'vitest'
import { formulasIn, PENDING, withFormulas, withoutFormulas } from './formulas.ts'

/** The formulas of a text, each in brackets that tell how it stands. */
function seen(text: string, isLive = false): string {
  const { text: put, isPending } = withFormulas(text, isLive)
  const parts = formulasIn(put + (isPending ? PENDING : ''))
  return parts.map((part) => (typeof part === 'string' ? part : part.isDisplay ? `[[${part.tex}]]` : `[${part.tex}]`)).join('')
}

describe('a formula', () => {
  test.for([
    [String.raw`It is \(a\).`, 'It is [a].'],
    [String.raw`\(a_1\,b\)과`, String.raw`[a_1\,b]과`],
    [String.raw`\[ x = 1 \]`, '[[ x = 1 ]]'],
    [String.raw`\[
x
\]`, '[[\nx\n]]'],
    ['$$x$$', '[[x]]'],
    ['$$\nx\n=\ny\n$$\n', '[[\nx\n=\ny\n]]\n'],
    ['$x$ and $y_1$, $a*b*c$', '[x] and [y_1], [a*b*c]'],
    ['값은 $x$는, 또 값은$5$', '값은 [x]는, 또 값은[5]'],
    ['| $|x|$ | 1 |', '| [|x|] | 1 |'],
    [String.raw`$\text{값 \$5}$`, String.raw`[\text{값 \$5}]`],
    ['$2n + 1$', '[2n + 1]'],
  ] as const)('is found: %j', ([text, found]) => {
    expect(seen(text)).toBe(found)
  })

  test.for([
    'It costs $5.',
    'It costs $5 and $10, or $5-$10, or $5/$6, or US$5 and CA$6.',
    'Between $5k and 6k$ a month',
    'It is 5$ here and 6$ there.',
    String.raw`Escaped: \$x\$ and \\(a\\).`,
    String.raw`\[citation needed\] and \[1\]`,
    '$HOME/$PATH and $USER',
    '`$x$` and ``\\(a\\)``',
    '```sh\necho $x$ \\(a\\)\n```\n',
    '- list\n  ~~~\n  $x$\n  ~~~\n',
    '$$$',
    'An open $x + 1',
    String.raw`An open \(x + 1`,
    'Not $x\n\nbeyond$ a blank line.',
  ])('is not: %j', (text) => {
    expect(seen(text)).toBe(text)
  })

  test('after code is found', () => {
    expect(seen('```\n$x$\n```\n`$x$` $y$')).toBe('```\n$x$\n```\n`$x$` [y]')
  })

  test.for([
    [String.raw`So \(a + `, 'So []'],
    [String.raw`So \[`, 'So []'],
    ['So $$\nx', 'So []'],
    ['So $x^2 + y', 'So []'],
    ['So $', 'So []'],
    ['It costs $5 and', 'It costs $5 and'],
    ['It is $HOME that', 'It is $HOME that'],
    ['$x$ and `$y', '[x] and `$y'],
  ] as const)('is waited for while it is written: %j', ([text, found]) => {
    expect(seen(text, true)).toBe(found)
  })

  test('is what it was, where it is no text', () => {
    const text = String.raw`[\(a\)](https://example.org/$a$) $$한글^2$$`
    expect(withoutFormulas(withFormulas(text, false).text)).toBe(text)
  })
})
