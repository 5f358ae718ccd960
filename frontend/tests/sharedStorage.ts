import type { Conversation } from '../src/chat/conversation.ts'
import type { Channel, Storage } from '../src/chat/history.ts'

export interface SharedStorage extends Storage {
  records: Map<string, Conversation>
  /** One more tab. */
  channel(): Channel
}

/** What IndexedDB and BroadcastChannel are to the tabs of a browser: one thing at a time, in order, as copies. */
export function sharedStorage(): SharedStorage {
  const records = new Map<string, Conversation>()
  const listeners: ((id: string) => void)[] = []
  let last: Promise<unknown> = Promise.resolve()

  function inTurn<Result>(work: () => Result): Promise<Result> {
    const result = last.then(work)
    last = result
    return result
  }

  return {
    records,
    all: () => inTurn(() => structuredClone([...records.values()])),
    read: (id) => inTurn(() => structuredClone(records.get(id))),
    change: (id, change) =>
      inTurn(() => {
        const after = change(structuredClone(records.get(id)))
        if (after !== undefined) records.set(id, structuredClone(after))
        return after
      }),
    remove: (id) => inTurn(() => void records.delete(id)),
    channel() {
      let mine: ((id: string) => void) | undefined
      return {
        post: (id) => listeners.filter((listener) => listener !== mine).forEach((listener) => queueMicrotask(() => listener(id))),
        listen(listener) {
          mine = listener
          listeners.push(listener)
        },
      }
    },
  }
}
