import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { AskbotError } from '../client/askbot.js'
import { createRelay, LONGEST_PAUSE_MS } from './relayContact.ts'

/** A relay that cannot be reached, before a page that is visible. */
async function awayRelay() {
  vi.useFakeTimers()
  onTestFinished(() => void vi.useRealTimers())
  const document = { visibilityState: 'visible' }
  vi.stubGlobal('document', document)
  onTestFinished(() => void vi.unstubAllGlobals())
  const fetchPersonas = vi.fn(async () => Promise.reject(new AskbotError('unreachable', 'Nobody is there.')))
  const relay = createRelay('', fetchPersonas, 'en')
  await relay.meet()
  return { relay, document, fetchPersonas }
}

describe('a relay that cannot be reached', () => {
  test('is asked again and again, at first soon, and at least every 15 s', async () => {
    const { relay, fetchPersonas } = await awayRelay()
    expect(relay.get().contact).toMatchObject({ name: 'failed', code: 'unreachable' })
    await vi.advanceTimersByTimeAsync(2000)
    expect(fetchPersonas.mock.calls.length).toBeGreaterThan(1)
    await vi.advanceTimersByTimeAsync(60_000)
    expect(LONGEST_PAUSE_MS).toBe(15_000)
    const before = fetchPersonas.mock.calls.length
    await vi.advanceTimersByTimeAsync(LONGEST_PAUSE_MS)
    expect(fetchPersonas).toHaveBeenCalledTimes(before + 1)
  })

  test('is not asked while nobody sees the page', async () => {
    const { document, fetchPersonas } = await awayRelay()
    document.visibilityState = 'hidden'
    await vi.advanceTimersByTimeAsync(600_000)
    expect(fetchPersonas).toHaveBeenCalledTimes(1)
  })
})
