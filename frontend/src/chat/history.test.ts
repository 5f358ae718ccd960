import { describe, expect, test, vi } from 'vitest'
import { sharedStorage } from '../../tests/sharedStorage.ts'
import { newConversation } from './conversation.ts'
import { type Channel, createHistory, type Storage } from './history.ts'

const alone: Channel = { post: () => {}, listen: () => {} }

const broken: Storage = {
  all: async () => Promise.reject(new Error('No storage.')),
  read: async () => Promise.reject(new Error('No storage.')),
  change: async () => Promise.reject(new Error('No storage.')),
  remove: async () => Promise.reject(new Error('No storage.')),
}

const conversation = (id: string, changedAt = 1) => ({ ...newConversation(id, null, 1), title: id, changedAt })

const titled = (title: string) => (before: ReturnType<typeof conversation>) => ({ ...before, title })

describe('the history', () => {
  test('is there after a reload, the latest first', async () => {
    const storage = sharedStorage()
    const first = createHistory(storage, storage.channel())
    await first.put(conversation('old', 1))
    await first.put(conversation('new', 2))
    const again = createHistory(storage, storage.channel())
    await expect.poll(() => again.get().isLoaded).toBe(true)
    expect(again.get().conversations.map(({ id }) => id)).toEqual(['new', 'old'])
  })

  test('shows a change at once, and as the same object after it was kept', async () => {
    const storage = sharedStorage()
    const history = createHistory(storage, storage.channel())
    const changing = history.change('a', titled('A'), { create: conversation('a') })
    const shown = history.find('a')
    expect(shown?.title).toBe('A')
    expect(await changing).toBe(shown)
    expect(history.find('a')).toBe(shown)
    expect(storage.records.get('a')).toEqual(shown)
  })

  test('brings back what was deleted', async () => {
    const storage = sharedStorage()
    const history = createHistory(storage, storage.channel())
    await history.put(conversation('a'))
    const before = history.find('a')!
    await history.remove('a')
    expect([history.find('a'), storage.records.size]).toEqual([undefined, 0])
    await history.put(before)
    expect([history.find('a')?.title, storage.records.get('a')?.title]).toEqual(['a', 'a'])
  })
})

describe('two tabs', () => {
  test('see each other’s changes, new conversations and deletions', async () => {
    const storage = sharedStorage()
    const [one, two] = [createHistory(storage, storage.channel()), createHistory(storage, storage.channel())]
    await one.put(conversation('a'))
    await expect.poll(() => two.find('a')?.title).toBe('a')
    await two.change('a', titled('B'))
    await expect.poll(() => one.find('a')?.title).toBe('B')
    await one.remove('a')
    await expect.poll(() => two.find('a')).toBeUndefined()
  })

  test('that change one conversation at the same time both end with both changes', async () => {
    const storage = sharedStorage()
    const [one, two] = [createHistory(storage, storage.channel()), createHistory(storage, storage.channel())]
    await one.put(conversation('a'))
    await expect.poll(() => two.find('a')?.title).toBe('a')
    await Promise.all([
      one.change('a', (before) => ({ ...before, title: `${before.title}1` })),
      two.change('a', (before) => ({ ...before, title: `${before.title}2` })),
    ])
    for (const tab of [one, two]) await expect.poll(() => tab.find('a')?.title).toBe('a12')
    expect(storage.records.get('a')?.title).toBe('a12')
  })

  test('do not bring a conversation back by changing it after it was deleted', async () => {
    const storage = sharedStorage()
    const [one, two] = [createHistory(storage, storage.channel()), createHistory(storage, storage.channel())]
    await one.put(conversation('a'))
    await expect.poll(() => two.find('a')?.title).toBe('a')
    await Promise.all([one.remove('a'), two.change('a', titled('B'))])
    for (const tab of [one, two]) await expect.poll(() => tab.find('a')).toBeUndefined()
    expect(storage.records.size).toBe(0)
  })
})

test('what could not be written stays, and is written with the next change', async () => {
  const warn = vi.spyOn(console, 'warn').mockReturnValue()
  const storage = sharedStorage()
  let isFull = true
  const change: Storage['change'] = async (...options) => (isFull ? Promise.reject(new Error('Full.')) : storage.change(...options))
  const history = createHistory({ ...storage, change }, storage.channel())
  await history.change('a', titled('A'), { create: conversation('a') })
  await history.change('a', titled('B'))
  history.refresh('a')
  expect([history.find('a')?.title, history.get().isKept]).toEqual(['B', false])
  isFull = false
  await history.change('a', titled('C'))
  expect([history.find('a')?.title, storage.records.get('a')?.title, history.get().isKept]).toEqual(['C', 'C', true])
  warn.mockRestore()
})

test('a browser that keeps nothing still has the conversations until the page is closed, and says so', async () => {
  const warn = vi.spyOn(console, 'warn').mockReturnValue()
  const history = createHistory(broken, alone)
  const changed = await history.change('a', titled('A'), { create: conversation('a') })
  expect(changed?.title).toBe('A')
  expect(history.find('a')?.title).toBe('A')
  expect(history.get()).toMatchObject({ isLoaded: true, isKept: false })
  expect(warn).toHaveBeenCalled()
  warn.mockRestore()
})
