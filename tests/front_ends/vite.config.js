// Builds the pages that the tests make of the code in docs/clients.md.
import { readdirSync } from 'node:fs'

const pages = readdirSync('dist/pages').filter((name) => name.endsWith('.html'))

export default {
  root: 'dist/pages',
  build: {
    outDir: '../built',
    emptyOutDir: true,
    // Modules may wait at their top level.
    target: 'esnext',
    minify: false,
    rolldownOptions: { input: pages.map((name) => `dist/pages/${name}`) },
  },
}
