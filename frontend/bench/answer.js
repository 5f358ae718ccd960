/**
 * What the scripted model says: always the same, and like what a real one says in its parts.
 * Every section carries its number, so that no page gets by with drawing one of them once.
 */

/** What the long answer ends with, and nothing else says. */
export const LAST_WORDS = 'Here the long answer ends.'

const LONG_ANSWER_CHARACTERS = 16_500
const OLD_ANSWER_WORDS = 230

/** @type {readonly ((number: number) => string)[]} */
const sections = [
  (number) => `## ${number}. Why the sky is blue

Sunlight holds every colour, and the air does not treat them alike. Its molecules scatter **short \
waves far more than long ones**: the strength goes with the *fourth power* of the frequency, which \
at ${400 + number} nm makes a factor of about nine. Violet is scattered even more, but there is less \
of it in sunlight, and [our eyes](https://example.com/eye/${number}) see it less well.

- Blue light reaches you from **all over** the sky.
- Red light comes mostly straight from the sun, through \`${number * 40}\` km of air.
  - At noon the way is short.
  - In the evening it is long, and what is left is red.
- Clouds are white, because drops scatter all colours alike.
`,
  (number) => `### ${number}. The same in numbers

| Colour | Wavelength | Scattered | Seen by |
|---|---:|---:|---|
| Violet | ${390 + number} nm | 9.4 × | **S** cones, a little |
| Blue | ${440 + number} nm | 5.9 × | **S** cones |
| Green | ${520 + number} nm | 3.0 × | **M** cones |
| Red | ${690 + number} nm | 1 × | **L** cones |

The following computes one column of the table:

\`\`\`python
from dataclasses import dataclass


@dataclass(frozen=True)
class Colour${number}:
    name: str
    wavelength_nm: float = ${number}.0

    def scattering(self, reference_nm: float = 700.0) -> float:
        """How much more of it is scattered than of red."""
        return (reference_nm / self.wavelength_nm) ** 4


for colour in [Colour${number}("violet", 400), Colour${number}("blue", 450)]:
    print(f"{colour.name}: {colour.scattering():.1f}")
\`\`\`
`,
  (number) => `### ${number}. In the browser

A page can show it as a gradient. Three things matter, in this order:

1. **Take the samples** once, not for each frame.
2. Draw them \`${number}\` at a time, and let the browser breathe between.
3. Leave what has not changed alone.

\`\`\`js
const samples = Array.from({ length: ${number} * 16 }, (_, index) => 380 + index * 2.5)

export async function draw${number}(context) {
  for (const [index, wavelength] of samples.entries()) {
    const strength = (700 / wavelength) ** 4 // as in the table
    context.fillStyle = \`hsl(\${240 - strength * 20} 80% 60%)\`
    context.fillRect(index * 4, 0, 4, 100)
    if (index % 32 === 31) await new Promise(requestAnimationFrame)
  }
}
\`\`\`

> The sky of part ${number} is drawn in less than a frame on most machines, and where it is not,
> nobody has to wait for it.
`,
  (number) => `### ${number}. 한국어로 한 번 더

하늘이 파란 까닭은 **레일리 산란(Rayleigh scattering)**이라고 합니다. 공기 분자는 **짧은 파장의 빛**을 \
긴 파장보다 훨씬 많이 흩어지게 하므로, ${number}번째 그림처럼 파란빛이 하늘 곳곳에서 눈에 들어옵니다.

Try it yourself, with what every system has:

\`\`\`bash
#!/usr/bin/env bash
set -euo pipefail
for wavelength in 400 450 550 700; do
  echo "part ${number}: $wavelength nm" | tee -a "sky-${number}.log"
done
curl --silent --fail "https://example.com/sky?part=${number}" | grep -c blue || echo 'not today'
\`\`\`

Each line tells one wavelength. If the last says *not today*, ask again after sunset: part ${number} is \
then about red, and \`grep\` has to look for **another word**.
`,
]

/** @param {number} number */
const formulas = (number) => `The intensity of part ${number} goes with \\(\\lambda_{${number}}^{-4}\\), and with the angle as \
\\(1 + \\cos^2 \\theta_{${number}}\\):

\\[
I_{${number}} = I_0 \\, \\frac{1 + \\cos^2 \\theta}{2 R^2} \\left( \\frac{2 \\pi}{\\lambda} \\right)^4 \
\\left( \\frac{n^2 - 1}{n^2 + 2} \\right)^2 \\left( \\frac{d}{${number + 1}} \\right)^6
\\]
`

/** About 4,300 tokens of Markdown. */
export function longAnswer() {
  return longAnswerOf(section)
}

/** The same, as long, but with three formulas after each section. */
export function answerWithFormulas() {
  return longAnswerOf((number) => `${section(number)}\n${formulas(number)}`)
}

/** @param {(number: number) => string} part */
function longAnswerOf(part) {
  let text = ''
  for (let number = 1; text.length < LONG_ANSWER_CHARACTERS; number++) text += `${part(number)}\n`
  return `${text}${LAST_WORDS}\n`
}

/** @param {number} turn */
export function oldAnswer(turn) {
  let text = ''
  for (let number = turn; text.split(/\s+/).length < OLD_ANSWER_WORDS; number++) text += `${section(number)}\n`
  return `${text}${lastWordsOfOld(turn)}\n`
}

/** @param {number} turn */
export function lastWordsOfOld(turn) {
  return `Here old answer ${turn} ends.`
}

/** @param {number} number */
function section(number) {
  return /** @type {(number: number) => string} */ (sections[number % sections.length])(number)
}
