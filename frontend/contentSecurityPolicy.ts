import type { Plugin } from 'vite'

/** What the built page may load and do. Vite's own development server needs more than this. */
export function contentSecurityPolicy(): Plugin {
  let policy = ''
  return {
    name: 'content-security-policy',
    apply: 'build',
    configResolved({ env }) {
      policy = policyFor(env['VITE_API_URL'])
    },
    transformIndexHtml: {
      // Last, to come first: a policy holds only for what stands below it.
      order: 'post',
      handler: () => [
        {
          tag: 'meta',
          attrs: { 'http-equiv': 'Content-Security-Policy', content: policy },
          injectTo: 'head-prepend',
        },
      ],
    },
  }
}

function policyFor(relayUrl: string | undefined): string {
  return [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    // The reader's own pictures are in `data:` URLs.
    "img-src 'self' data:",
    "font-src 'self'",
    `connect-src 'self'${relayUrl ? ` ${originOf(relayUrl)}` : ''}`,
    "manifest-src 'self'",
    "worker-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    // No string becomes markup or script, but for what these two make: see src/trustedTypes.ts.
    "require-trusted-types-for 'script'",
    'trusted-types askbot-worker askbot-entities',
  ].join('; ')
}

function originOf(relayUrl: string): string {
  // "localhost:2000" is an address too, of the scheme "localhost".
  const isAddress = /^https?:\/\//i.test(relayUrl) && URL.canParse(relayUrl)
  if (!isAddress) {
    throw new Error(`VITE_API_URL has to be an address such as https://relay.example, and is "${relayUrl}".`)
  }
  return new URL(relayUrl).origin
}
