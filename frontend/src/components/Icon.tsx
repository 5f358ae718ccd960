/** Drawn on a 24 px grid with one stroke width, for a common look. */
const paths = {
  copy: 'M9 9h10v11H9zM5 15V4h10',
  check: 'm5 13 4.5 4.5L19 7',
  menu: 'M4 7h16M4 12h16M4 17h10',
  more: 'M5 12h.01M12 12h.01M19 12h.01',
  plus: 'M12 5v14M5 12h14',
  search: 'M10.5 17a6.5 6.5 0 1 1 0-13 6.5 6.5 0 0 1 0 13zM20 20l-4.9-4.9',
  pencil: 'M5 19l.9-4.1L15.5 5.3a1.6 1.6 0 0 1 2.3 0l.9.9a1.6 1.6 0 0 1 0 2.3L9.1 18.1z',
  again: 'M19 12a7 7 0 1 1-2.2-5.1M19 4v4h-4',
  pin: 'M9 4h6M10 4v5l-3 4h10l-3-4V4M12 13v7',
  export: 'M12 15V4M8 8l4-4 4 4M5 13v6h14v-6',
  people: 'M9 11a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7zM3 20c0-3.6 2.4-6 6-6s6 2.4 6 6M16 4.6a3.5 3.5 0 0 1 0 5.8M17.5 14.4c2.2.8 3.5 2.8 3.5 5.6',
  speaker: 'M4 10v4h3.5L12 18V6L7.5 10zM15.5 9.5a3.5 3.5 0 0 1 0 5M18 7a7 7 0 0 1 0 10',
  square: 'M7 7h10v10H7z',
  microphone: 'M12 15a3 3 0 0 1-3-3V6a3 3 0 0 1 6 0v6a3 3 0 0 1-3 3zM5.5 11.5a6.5 6.5 0 0 0 13 0M12 18v3',
  picture: 'M4 5h16v14H4zM4 16l4.5-5 4 4.5 2.5-2.5 5 5M15.5 9.5h.01',
  bin: 'M5 7h14M10 7V4h4v3M7 7l.8 13h8.4L17 7',
  back: 'm14 6-6 6 6 6',
  forth: 'm10 6 6 6-6 6',
  down: 'M12 5v14M6 13l6 6 6-6',
  cross: 'M6 6l12 12M18 6 6 18',
  sliders: 'M4 8h9M17 8h3M4 16h3M11 16h9M15 6v4M9 14v4',
  keys: 'M3 7h18v10H3zM7 13.5h10M7 10.2h.01M11 10.2h.01M15 10.2h.01',
} as const

export type IconName = keyof typeof paths

/** Use it beside a name in words, because screen readers do not read an icon. */
export function Icon({ name }: { name: IconName }) {
  return (
    <svg width="18" height="18" viewBox="0 0 24 24" fill="none" stroke="currentColor" strokeWidth={name === 'more' ? 3 : 1.75} strokeLinecap="round" strokeLinejoin="round" aria-hidden="true">
      <path d={paths[name]} />
    </svg>
  )
}
