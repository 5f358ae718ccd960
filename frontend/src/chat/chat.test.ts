import { describe, expect, test, vi } from 'vitest'
import { sharedStorage, type SharedStorage } from '../../tests/sharedStorage.ts'
import { type Answer, type ask, AskbotError, type Message, type Receipt, type resume } from '../client/askbot.js'
import { type ChatState, createChat } from './chat.ts'
import type { Conversation, TurnReceipt } from './conversation.ts'
import { createHistory } from './history.ts'

interface Asking {
  key: string
  messages: Message['content'][]
  persona: string | undefined
  from: string
  etag: string | null
  write: (text: string, etag?: string | null) => void
  finish: (text: string, receipt?: Answer['receipt']) => void
  fail: (error: unknown) => void
}

const id = 'c1'

const thinking: Receipt = {
  state: 'running',
  phase: 'thinking',
  bytes: 0,
  finish_reason: null,
  usage: null,
  error: null,
  first_token_ms: null,
  thinking_ms: 12_000,
  duration_ms: 13_000,
  model: null,
}

/** One tab with a conversation open, and a client whose answers the test writes by hand. */
function openTab(storage: SharedStorage = sharedStorage(), persona: string | null = null, hears = true, mostPictures = 4) {
  const asked: Asking[] = []
  const resumed: Asking[] = []
  const stopped: string[] = []
  const told: { receipt: Receipt } = { receipt: thinking }

  const begin = (list: Asking[], options: Parameters<typeof resume>[0], sent: Pick<Asking, 'messages' | 'persona'>) =>
    new Promise<Answer>((resolve, reject) => {
      let arrived = options.text ?? ''
      list.push({
        ...sent,
        key: options.key,
        from: arrived,
        etag: options.etag ?? null,
        write: (text, etag = null) => options.onText?.((arrived = text), etag),
        finish: (text, receipt = null) => resolve(answer('finished', text, receipt)),
        fail: reject,
      })
      options.signal?.addEventListener('abort', () => resolve(answer('stopped', arrived)))
    })
  const fakeAsk: typeof ask = (request) =>
    begin(asked, request as Parameters<typeof resume>[0], {
      messages: 'messages' in request ? request.messages.map(({ content }) => content) : [],
      persona: request.persona,
    })
  const fakeResume: typeof resume = (request) => begin(resumed, request, { messages: [], persona: undefined })

  const history = createHistory(storage, hears ? storage.channel() : { post: () => {}, listen: () => {} })
  const chat = createChat(id, history, {
    ask: fakeAsk,
    resume: fakeResume,
    stop: async ({ key }) => void stopped.push(key),
    progress: async ({ key }) => {
      if (key !== asked.at(-1)?.key) throw new AskbotError('not_found', 'There is no such answer here.')
      return told.receipt
    },
    url: '',
    token: () => undefined,
    persona: () => persona,
    pace: (show) => ({ show, stop: () => {} }),
    mostMessages: () => null,
    mostPictures: () => mostPictures,
    onMiss: () => {},
  })
  // Somebody looks at it.
  chat.subscribe(() => {})
  const turns = () => chat.get().turns.map(({ question, answer: text, outcome }) => [question, text, outcome.name])
  return { asked, resumed, stopped, told, history, chat, turns, storage }
}

type Tab = ReturnType<typeof openTab>

const answer = (state: Answer['state'], text: string, receipt: Answer['receipt'] = null): Answer => ({
  state,
  text,
  id: null,
  requestId: null,
  receipt,
})

const nth = async (list: Asking[], place: number) => {
  await expect.poll(() => list.length).toBeGreaterThan(place)
  return list[place]!
}

const ended = (tab: Tab) => expect.poll(() => tab.chat.get().phase.name).toBe('idle')

/** Asks, and has the answer be `text`. */
async function exchange(tab: Tab, question: string, text: string) {
  expect(await tab.chat.ask(question)).toBe(true)
  tab.asked.at(-1)!.finish(text)
  await ended(tab)
}

const kept = (tab: Tab): Conversation => tab.storage.records.get(id)!

describe('one question', () => {
  test('has the progress that the relay tells, and none if it knows nothing of it', async () => {
    const tab = openTab()
    expect(await tab.chat.progress()).toBe(null)
    await tab.chat.ask('Why?')
    expect(await tab.chat.progress()).toBe(thinking)
    tab.asked.pop()
    expect(await tab.chat.progress()).toBe(null)
  })

  test('ends at one time, though its record was changed behind its back', async () => {
    let now = 1
    vi.spyOn(Date, 'now').mockImplementation(() => now++)
    const tab = openTab(sharedStorage(), null, false)
    void tab.chat.ask('Why?')
    const asking = await nth(tab.asked, 0)
    tab.storage.records.set(id, { ...kept(tab), revision: 'another', title: 'Another' })
    const ends: number[] = []
    tab.chat.subscribe(() => ends.push(...tab.chat.get().turns.map(({ endedAt }) => endedAt)))
    asking.finish('Because.')
    await expect.poll(() => kept(tab).turns.map(({ answer: text }) => text)).toEqual(['Because.'])
    await expect.poll(() => tab.history.find(id)?.title).toBe('Another')
    expect(new Set([...ends, kept(tab).turns[0]!.endedAt]).size).toBe(1)
    vi.restoreAllMocks()
  })

  test('goes from waiting through answering to a settled turn', async () => {
    const tab = openTab()
    const states: ChatState['phase'][] = []
    tab.chat.subscribe(() => states.push(tab.chat.get().phase))
    void tab.chat.ask('Why?')
    const asking = await nth(tab.asked, 0)
    asking.write('Be')
    asking.write('Because')
    asking.finish('Because.')
    await ended(tab)

    const turn = expect.any(String) as string
    expect(states.filter((phase, place) => phase.name !== states[place - 1]?.name || phase.name === 'answering')).toEqual([
      { name: 'waiting', turn, question: 'Why?', pictures: [], persona: null },
      { name: 'answering', turn, question: 'Why?', pictures: [], persona: null, answer: 'Be' },
      { name: 'answering', turn, question: 'Why?', pictures: [], persona: null, answer: 'Because' },
      { name: 'idle' },
    ])
    expect(tab.turns()).toEqual([['Why?', 'Because.', 'finished']])
  })

  test('settled turns stay the same objects while the next answer is written', async () => {
    const tab = openTab()
    await exchange(tab, '1', 'one')
    const { turns } = tab.chat.get()
    void tab.chat.ask('2')
    const asking = await nth(tab.asked, 1)
    asking.write('t')
    expect(tab.chat.get().phase).toMatchObject({ answer: 't' })
    expect(tab.chat.get().turns[0]).toBe(turns[0])
  })

  test('a second one is not asked while the first is being answered', async () => {
    const tab = openTab()
    void tab.chat.ask('1')
    expect(await tab.chat.ask('2')).toBe(false)
    expect(await tab.chat.proceed('Go on.')).toBe(false)
    await nth(tab.asked, 0)
    expect(tab.asked.length).toBe(1)
  })

  test('goes to the persona that the conversation began with', async () => {
    const storage = sharedStorage()
    await exchange(openTab(storage, 'secretary'), '1', 'one')
    const later = openTab(storage, 'askbot')
    await expect.poll(() => later.chat.get().turns.length).toBe(1)
    void later.chat.ask('2')
    expect(await nth(later.asked, 0)).toMatchObject({ persona: 'secretary' })
  })
})

describe('how an answer ends', () => {
  test('stopping keeps what was written, and tells the relay', async () => {
    const tab = openTab()
    void tab.chat.ask('Why?')
    const { key, write } = await nth(tab.asked, 0)
    write('half')
    tab.chat.stop()
    await ended(tab)
    expect(tab.turns()).toEqual([['Why?', 'half', 'stopped']])
    expect(tab.stopped).toEqual([key])
  })

  test('stopping when nothing is being written does nothing, then or to the next answer', async () => {
    const tab = openTab()
    tab.chat.stop()
    await exchange(tab, 'Why?', 'Because.')
    tab.chat.stop()
    expect(tab.stopped).toEqual([])
    expect(tab.turns()).toEqual([['Why?', 'Because.', 'finished']])
  })

  test('a failure is kept as plain data', async () => {
    const tab = openTab()
    void tab.chat.ask('Why?')
    const details = { status: 429, requestId: 'r', retryAfterSeconds: 7 }
    ;(await nth(tab.asked, 0)).fail(new AskbotError('rate_limited', 'Too many.', details))
    await ended(tab)
    expect(kept(tab).turns).toMatchObject([
      { answer: '', outcome: { name: 'failed', failure: { code: 'rate_limited', message: 'Too many.', ...details } } },
    ])
    expect(tab.chat.get().phase).toEqual({ name: 'idle' })
  })

  test('a cut keeps the partial text beside the failure', async () => {
    const tab = openTab()
    void tab.chat.ask('Why?')
    ;(await nth(tab.asked, 0)).fail(new AskbotError('cut', 'It broke off.', { text: 'Beca' }))
    await ended(tab)
    expect(tab.turns()).toEqual([['Why?', 'Beca', 'cut']])
  })

  test('the relay’s receipt is kept with the turn', async () => {
    const tab = openTab()
    void tab.chat.ask('Why?')
    const usage = { prompt_tokens: 7, completion_tokens: 3, total_tokens: 10 }
    const receipt: Receipt = { ...thinking, state: 'finished', phase: null, bytes: 4, finish_reason: 'length', usage, first_token_ms: 5, duration_ms: 9, model: 'm' }
    ;(await nth(tab.asked, 0)).finish('Text', receipt)
    await ended(tab)
    const seen: TurnReceipt = { firstTextMs: 5, durationMs: 9, promptTokens: 7, answerTokens: 3, finishReason: 'length', model: 'm' }
    expect(tab.chat.get().turns).toMatchObject([{ receipt: seen }])
  })
})

describe('several turns', () => {
  test('are sent oldest first, without those that have no answer', async () => {
    const tab = openTab()
    await exchange(tab, '1', 'one')
    void tab.chat.ask('2')
    ;(await nth(tab.asked, 1)).fail(new AskbotError('overloaded', 'Busy.'))
    await ended(tab)
    void tab.chat.ask('3')
    expect((await nth(tab.asked, 2)).messages).toEqual(['1', 'one', '3'])
  })

  test('a question that is asked in other words takes the place of its turn and of those after it', async () => {
    const tab = openTab()
    await exchange(tab, '1', 'one')
    await exchange(tab, '2', 'two')
    await exchange(tab, '3', 'three')
    void tab.chat.askInstead(tab.chat.get().turns[1]!.id, 'two?')
    const asking = await nth(tab.asked, 3)
    expect(asking.messages).toEqual(['1', 'one', 'two?'])
    asking.finish('zwei')
    await ended(tab)
    expect(tab.turns()).toEqual([
      ['1', 'one', 'finished'],
      ['two?', 'zwei', 'finished'],
    ])
  })

  test('pictures are asked about, kept, and sent again with the questions after them', async () => {
    const tab = openTab()
    void tab.chat.ask('1', ['data:a', 'data:b'])
    const asking = await nth(tab.asked, 0)
    const shown = [{ type: 'text', text: '1' }, ...['data:a', 'data:b'].map((url) => ({ type: 'image_url', image_url: { url } }))]
    expect(asking.messages).toEqual([shown])
    expect(tab.chat.get().phase).toMatchObject({ pictures: ['data:a', 'data:b'] })
    asking.finish('one')
    await ended(tab)
    await exchange(tab, '2', 'two')
    expect(tab.asked[1]!.messages).toEqual([shown, 'one', '2'])
    void tab.chat.askInstead(tab.chat.get().turns[0]!.id, 'One?')
    const again = await nth(tab.asked, 2)
    expect(again.messages).toEqual([[{ type: 'text', text: 'One?' }, ...shown.slice(1)]])
    again.finish('uno')
    await ended(tab)
    void tab.chat.askInstead(tab.chat.get().turns[0]!.id, 'None?', { pictures: [] })
    expect((await nth(tab.asked, 3)).messages).toEqual(['None?'])
  })

  test('a question is sent with all of its pictures, whatever the relay accepts', async () => {
    const tab = openTab(sharedStorage(), null, true, 1)
    void tab.chat.ask('1', ['data:a', 'data:b'])
    const asking = await nth(tab.asked, 0)
    expect(asking.messages[0]).toHaveLength(3)
    asking.finish('one')
    await ended(tab)
    void tab.chat.ask('2', ['data:c'])
    const [first, , second] = (await nth(tab.asked, 1)).messages
    expect(first).toBe('1\n\n[pictures that are no longer sent: 2]')
    expect(second).toHaveLength(2)
  })

  test('an answer that broke off is continued in its place', async () => {
    const tab = openTab()
    void tab.chat.ask('Count.')
    ;(await nth(tab.asked, 0)).fail(new AskbotError('cut', 'It broke off.', { text: 'one, two,' }))
    await ended(tab)
    const { id: turn } = tab.chat.get().turns[0]!
    void tab.chat.proceed('Go on.')
    const asking = await nth(tab.asked, 1)
    expect(asking.messages).toEqual(['Count.', 'one, two,', 'Go on.'])
    asking.write(' three')
    expect(tab.chat.get().phase).toEqual({ name: 'answering', turn, question: 'Count.', pictures: [], persona: null, answer: 'one, two, three' })
    asking.finish(' three.')
    await ended(tab)
    expect(tab.turns()).toEqual([['Count.', 'one, two, three.', 'finished']])
  })

  test('what there was of it stays when it cannot be continued', async () => {
    const tab = openTab()
    await exchange(tab, 'Count.', 'one, two,')
    void tab.chat.proceed('Go on.')
    ;(await nth(tab.asked, 1)).fail(new AskbotError('overloaded', 'Busy.'))
    await ended(tab)
    expect(tab.turns()).toEqual([['Count.', 'one, two,', 'cut']])
  })
})

describe('a connection that has died in silence', () => {
  test('is given up when the relay says again that the answer has ended, and the rest is read over another', async () => {
    const tab = openTab()
    void tab.chat.ask('Why?')
    const asking = await nth(tab.asked, 0)
    tab.told.receipt = { ...thinking, state: 'finished', phase: null, bytes: 8 }
    await tab.chat.progress()
    asking.write('Be', '"1"')
    await tab.chat.progress()
    expect(tab.resumed).toEqual([])
    await tab.chat.progress()
    const resuming = await nth(tab.resumed, 0)
    expect(resuming).toMatchObject({ key: asking.key, from: 'Be', etag: '"1"' })
    for (let times = 0; times < 3; times++) await tab.chat.progress()
    expect(tab.resumed.length).toBe(1)
    resuming.finish('Because.')
    await ended(tab)
    expect(tab.turns()).toEqual([['Why?', 'Because.', 'finished']])
    expect(tab.stopped).toEqual([])
  })
})

const away = (text: string, etag: string | null = null) => new AskbotError('unreachable', 'Nobody there.', { text, etag, canResume: true })

describe('a relay that cannot be reached', () => {
  test('does not end an answer: it is read on when the relay is back', async () => {
    const tab = openTab()
    void tab.chat.ask('Why?')
    const asking = await nth(tab.asked, 0)
    asking.write('Be', '"1"')
    asking.fail(away('Be', '"1"'))
    await expect.poll(() => tab.chat.get().phase).toMatchObject({ name: 'lost', answer: 'Be', failure: { code: 'unreachable' } })
    expect(await tab.chat.ask('Another?')).toBe(false)
    tab.chat.resume()
    expect(tab.chat.get().phase).toMatchObject({ name: 'answering', answer: 'Be' })
    const resuming = await nth(tab.resumed, 0)
    expect(resuming).toMatchObject({ key: asking.key, from: 'Be', etag: '"1"' })
    resuming.finish('Because.')
    await ended(tab)
    expect(tab.turns()).toEqual([['Why?', 'Because.', 'finished']])
  })

  test('and then has the answer written again, takes back what it had shown', async () => {
    const tab = openTab()
    void tab.chat.ask('Why?')
    const asking = await nth(tab.asked, 0)
    asking.write('Be', '"1"')
    asking.write('', null)
    asking.write('As', '"2"')
    expect(tab.chat.get().phase).toMatchObject({ name: 'answering', answer: 'As' })
    asking.fail(away('As', '"2"'))
    await expect.poll(() => kept(tab).running).toMatchObject({ text: 'As', etag: '"2"' })
  })

  test('keeps what there was of it when the reader gives it up', async () => {
    const tab = openTab()
    void tab.chat.ask('Why?')
    ;(await nth(tab.asked, 0)).fail(away('Be'))
    await expect.poll(() => tab.chat.get().phase.name).toBe('lost')
    expect(kept(tab).running?.text).toBe('Be')
    tab.chat.stop()
    await ended(tab)
    expect(tab.turns()).toEqual([['Why?', 'Be', 'stopped']])
    expect(tab.stopped.length).toBe(1)
  })

  test('in one tab takes nothing from the other', async () => {
    const storage = sharedStorage()
    const [one, two] = [openTab(storage), openTab(storage)]
    void one.chat.ask('Why?')
    const asking = await nth(one.asked, 0)
    asking.write('Be')
    ;(await nth(two.resumed, 0)).fail(away(''))
    await expect.poll(() => two.chat.get().phase.name).toBe('lost')
    expect(one.chat.get().phase).toMatchObject({ name: 'answering', answer: 'Be' })
    asking.finish('Because.')
    await ended(one)
    await ended(two)
    expect(two.turns()).toEqual([['Why?', 'Because.', 'finished']])
  })
})

describe('turns that this tab does not know of', () => {
  test('because it has not read them yet, are there when it asks', async () => {
    const storage = sharedStorage()
    await exchange(openTab(storage), '1', 'one')
    const early = openTab(storage)
    void early.chat.ask('2')
    const asking = await nth(early.asked, 0)
    expect(asking.messages).toEqual(['1', 'one', '2'])
    asking.finish('two')
    await ended(early)
    expect(kept(early).turns.map(({ answer: text }) => text)).toEqual(['one', 'two'])
  })

  test('because it heard nothing of them, are there when it asks', async () => {
    const storage = sharedStorage()
    const [one, deaf] = [openTab(storage), openTab(storage, null, false)]
    await deaf.history.loaded
    await exchange(one, '1', 'one')
    expect(deaf.turns()).toEqual([])
    void deaf.chat.ask('2')
    const asking = await nth(deaf.asked, 0)
    expect(asking.messages).toEqual(['1', 'one', '2'])
    asking.finish('two')
    await ended(deaf)
    expect(deaf.turns().map(([question]) => question)).toEqual(['1', '2'])
  })
})

describe('after a reload', () => {
  test('what had arrived is there, though the relay is not', async () => {
    const storage = sharedStorage()
    const first = openTab(storage)
    void first.chat.ask('Why?')
    ;(await nth(first.asked, 0)).write('Be', '"1"')
    await expect.poll(() => kept(first).running?.text).toBe('Be')
    const again = openTab(storage)
    expect(await nth(again.resumed, 0)).toMatchObject({ from: 'Be', etag: '"1"' })
    expect(again.chat.get().phase).toMatchObject({ name: 'answering', answer: 'Be' })
  })

  test('an answer that was being written is read on from what is kept of it', async () => {
    const storage = sharedStorage()
    const first = openTab(storage)
    await exchange(first, '1', 'one')
    void first.chat.ask('2')
    const { key } = await nth(first.asked, 1)
    const running = kept(first).running!
    storage.records.set(id, { ...kept(first), running: { ...running, text: 'tw' } })

    const again = openTab(storage)
    const resuming = await nth(again.resumed, 0)
    expect(resuming).toMatchObject({ key, from: 'tw' })
    expect(again.chat.get().phase).toMatchObject({ name: 'answering', answer: 'tw' })
    resuming.finish('two')
    await expect.poll(again.turns).toEqual([
      ['1', 'one', 'finished'],
      ['2', 'two', 'finished'],
    ])
    expect(again.asked).toEqual([])
  })

  test('a relay that has forgotten it does not take away what is kept of it', async () => {
    const storage = sharedStorage()
    const first = openTab(storage)
    void first.chat.ask('1')
    await nth(first.asked, 0)
    storage.records.set(id, { ...kept(first), running: { ...kept(first).running!, text: 'on' } })
    const again = openTab(storage)
    ;(await nth(again.resumed, 0)).fail(new AskbotError('cut', 'Forgotten.', { text: 'on' }))
    await expect.poll(again.turns).toEqual([['1', 'on', 'cut']])
  })
})

describe('in two tabs', () => {
  test('both see an answer, and it becomes one turn', async () => {
    const storage = sharedStorage()
    const [one, two] = [openTab(storage), openTab(storage)]
    void one.chat.ask('Why?')
    const mine = await nth(one.asked, 0)
    const theirs = await nth(two.resumed, 0)
    expect(theirs.key).toBe(mine.key)
    theirs.write('Be')
    expect(two.chat.get().phase).toMatchObject({ name: 'answering', answer: 'Be' })
    theirs.finish('Because.')
    mine.finish('Because.')
    await ended(one)
    await expect.poll(one.turns).toEqual([['Why?', 'Because.', 'finished']])
    await expect.poll(two.turns).toEqual([['Why?', 'Because.', 'finished']])
    expect(one.stopped).toEqual([])
  })

  test('only one of two questions at the same time is asked, and the other tab is told', async () => {
    const storage = sharedStorage()
    const [one, two] = [openTab(storage), openTab(storage)]
    const results = [one.chat.ask('1'), two.chat.ask('2')]
    ;(await nth(one.asked, 0)).finish('one')
    expect(await Promise.all(results)).toEqual([true, false])
    expect(two.asked).toEqual([])
    ;(await nth(two.resumed, 0)).finish('one')
    await expect.poll(two.turns).toEqual([['1', 'one', 'finished']])
  })

  test('a stop in one ends the answer in the other', async () => {
    const storage = sharedStorage()
    const [one, two] = [openTab(storage), openTab(storage)]
    void one.chat.ask('Why?')
    ;(await nth(one.asked, 0)).write('Be')
    ;(await nth(two.resumed, 0)).write('Be')
    two.chat.stop()
    await ended(one)
    expect(two.stopped.length).toBe(1)
    await expect.poll(one.turns).toEqual([['Why?', 'Be', 'stopped']])
    expect(one.chat.get().phase).toEqual({ name: 'idle' })
  })

  test('a question that has not reached the relay yet is waited for', async () => {
    const storage = sharedStorage()
    const [one, two] = [openTab(storage), openTab(storage)]
    void one.chat.ask('Why?')
    ;(await nth(two.resumed, 0)).fail(new AskbotError('not_found', 'Not yet.'))
    ;(await nth(two.resumed, 1)).write('Be')
    expect(two.chat.get().phase).toMatchObject({ name: 'answering', answer: 'Be' })
    expect(two.turns()).toEqual([])
  })
})
