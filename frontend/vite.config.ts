/// <reference types="vitest/config" />
import react from '@vitejs/plugin-react'
import { ServerResponse } from 'node:http'
import { fileURLToPath } from 'node:url'
import { defineConfig, type Plugin, type ProxyOptions } from 'vite'
import { VitePWA } from 'vite-plugin-pwa'
import { contentSecurityPolicy } from './contentSecurityPolicy.ts'

const relayUrl = process.env['RELAY_URL'] ?? 'http://127.0.0.1:2000'

const relay: ProxyOptions = {
  target: relayUrl,
  // The relay sees the page's own Host beside its Origin, as behind any reverse proxy.
  changeOrigin: false,
  configure(proxy) {
    proxy.on('proxyRes', (answer, _request, reply) => {
      // It speaks of the connection to the relay, and some clients take "close" for a whole answer.
      delete answer.headers.connection
      // Without this a broken answer would leave the browser waiting for ever.
      answer.on('close', () => {
        if (!answer.complete) reply.destroy()
      })
    })
    proxy.on('error', (_error, _request, reply) => {
      if (!(reply instanceof ServerResponse) || reply.headersSent) return
      const message = `No relay answers at ${relayUrl}. Start it, or name another in RELAY_URL.`
      const code = 'relay_unreachable'
      reply.writeHead(502, { 'Content-Type': 'application/json' }).end(JSON.stringify({ error: { code, message } }))
    })
  },
}

const proxy = { '/aiCompletion': relay, '/personas': relay, '/ready': relay }

/** What a page cannot say of itself; README.md lists it for other hosts. */
const headers = {
  'Content-Security-Policy': "frame-ancestors 'none'",
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Referrer-Policy': 'no-referrer',
  'X-Content-Type-Options': 'nosniff',
}

/** Formulas come with their letters in three formats; every browser that runs this page reads the first. */
const oneFormatOfFonts: Plugin = {
  name: 'one-format-of-fonts',
  enforce: 'pre',
  transform: (code, id) => (/katex.*\.css/.test(id) ? code.replaceAll(/,\s*url\([^)]*\.(?:woff|ttf)\)\s*format\([^)]*\)/g, '') : undefined),
}

/** Markdown makes no SVG elements, so the table of their attributes, 3 KB compressed, is not needed. */
const withoutSvg: Plugin = {
  name: 'without-svg',
  enforce: 'pre',
  transform: (_, id) => (id.endsWith('property-information/lib/svg.js') ? "export { html as svg } from './html.js'" : undefined),
}

const installable = VitePWA({
  // A new version waits until the reader asks for it: see src/pwa/pwa.ts, which registers the worker too.
  registerType: 'prompt',
  injectRegister: null,
  manifest: {
    name: 'Askbot',
    short_name: 'Askbot',
    description: 'Ask, and read the answer as it is written.',
    lang: 'en',
    id: '',
    start_url: '.',
    scope: '.',
    display: 'standalone',
    theme_color: '#fafbf8',
    background_color: '#fafbf8',
    icons: [
      { src: 'icon.svg', sizes: 'any', type: 'image/svg+xml' },
      { src: 'icon-192.png', sizes: '192x192', type: 'image/png' },
      { src: 'icon-512.png', sizes: '512x512', type: 'image/png' },
      { src: 'icon-maskable-512.png', sizes: '512x512', type: 'image/png', purpose: 'maskable' },
    ],
  },
  // The patterns below take the icons as well.
  includeManifestIcons: false,
  workbox: {
    // The manifest is added by the plugin itself.
    globPatterns: ['**/*.{js,css,html,svg,png,woff2}'],
    // Only what was built: questions and answers pass the worker by, and other pages of the host.
    navigateFallback: null,
    ignoreURLParametersMatching: [/.*/],
    cleanupOutdatedCaches: true,
    // One file: under a host's own security policy a worker may not be allowed to import another.
    inlineWorkboxRuntime: true,
  },
})

export default defineConfig({
  // Relative addresses: `dist` works in any folder of any host.
  base: './',
  plugins: [react(), oneFormatOfFonts, withoutSvg, installable, contentSecurityPolicy()],
  // The security policy allows files, not `data:` addresses.
  build: {
    assetsInlineLimit: 0,
    // Every browser that runs this page preloads modules by itself.
    modulePreload: { polyfill: false },
  },
  resolve: {
    alias: {
      // Its version for browsers assigns innerHTML, which the page's security policy forbids; the
      // other one, with a table of all names, is 12 KB more. Without a browser that one is taken.
      ...(!process.env['VITEST'] && {
        'decode-named-character-reference': fileURLToPath(new URL('src/markdown/entities.ts', import.meta.url)),
      }),
    },
  },
  server: { port: 5173, strictPort: true, proxy, headers },
  preview: { port: 5173, strictPort: true, proxy, headers },
  // Tests go on as soon as what they wait for is there; only a failure takes as long as this.
  test: { testTimeout: 120_000, hookTimeout: 120_000, expect: { poll: { timeout: 60_000 } } },
})
