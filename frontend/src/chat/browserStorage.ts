import { createStore, del, entries, get, type UseStore } from 'idb-keyval'
import type { Conversation } from './conversation.ts'
import type { Channel, Storage } from './history.ts'
import { conversationFrom } from './parseConversation.ts'

let opened: UseStore | undefined

/** Opened at the first use, because a browser without IndexedDB throws at once. */
const database = () => (opened ??= createStore('askbot', 'conversations'))

/** IndexedDB has enough room, and its transactions are safe between tabs. */
export const browserStorage: Storage = {
  async all() {
    const records = await entries<string, unknown>(database())
    // An unreadable record stays, for a version of the page that can read it.
    return records.map(([, record]) => conversationFrom(record)).filter((conversation) => conversation !== null)
  },
  async read(id) {
    return conversationFrom(await get(id, database())) ?? undefined
  },
  async change(id, change) {
    let after: Conversation | undefined
    await database()('readwrite', async (records) => {
      await new Promise<void>((resolve, reject) => {
        const { transaction } = records
        const fail = () => reject(transaction.error ?? new Error('The transaction was aborted.'))
        transaction.addEventListener('complete', () => resolve())
        transaction.addEventListener('abort', fail)
        const reading: IDBRequest<unknown> = records.get(id)
        reading.addEventListener('success', () => {
          const there = conversationFrom(reading.result) ?? undefined
          after = change(there)
          if (after !== undefined && after !== there) records.put(after, id)
        })
      })
    })
    return after
  },
  async remove(id) {
    await del(id, database())
  },
}

const tabs = 'BroadcastChannel' in globalThis ? new BroadcastChannel('askbot') : null

export const browserChannel: Channel = {
  // A BroadcastChannel reaches this origin only, and takes no other.
  // oxlint-disable-next-line unicorn/require-post-message-target-origin
  post: (id) => tabs?.postMessage(id),
  listen(listener) {
    tabs?.addEventListener('message', ({ data }) => listener(String(data)))
  },
}
