/** Drawn on a 24 px grid with one stroke, so that they look like one hand's. */
const paths = {
  copy: 'M9 9h10v11H9zM5 15V4h10',
  check: 'm5 13 4.5 4.5L19 7',
} as const

export type IconName = keyof typeof paths

/** Always beside a name in words: by itself an icon says nothing to those who do not see it. */
export function Icon({ name }: { name: IconName }) {
  return (
    <svg width="18" height="18" viewBox="0 0 24 24" fill="none" stroke="currentColor" strokeWidth="1.75" strokeLinecap="round" strokeLinejoin="round" aria-hidden="true">
      <path d={paths[name]} />
    </svg>
  )
}
