import { describe, expect, test } from 'vitest'
import { AskbotError, type Answer, type ask, type resume } from '../client/askbot.js'
import { createChat, type ChatState, type Saved } from './chat.ts'

/** A client whose answers the test writes by hand. */
function scriptedClient(saved: Saved | null = null) {
  const asked: Asking[] = []
  const resumed: string[] = []
  const stopped: string[] = []
  const memory = { saved, load: () => memory.saved, save: (next: Saved) => void (memory.saved = next) }
  const fake: typeof ask = (request) =>
    new Promise((resolve, reject) => {
      asked.push({
        messages: 'messages' in request ? request.messages.map(({ content }) => content) : [],
        write: (text) => request.onText?.(text),
        finish: (text) => resolve(answer('finished', text)),
        fail: reject,
      })
      request.signal?.addEventListener('abort', () => resolve(answer('stopped', 'half')))
    })
  const fakeResume: typeof resume = async ({ key }) => {
    resumed.push(key)
    return answer('finished', 'All of it.')
  }
  const chat = createChat({
    ask: fake,
    resume: fakeResume,
    stop: async ({ key }) => void stopped.push(key),
    url: '',
    pace: (show) => ({ show, stop: () => {} }),
    memory,
  })
  return { asked, resumed, stopped, memory, chat }
}

interface Asking {
  messages: string[]
  write: (text: string) => void
  finish: (text: string) => void
  fail: (error: unknown) => void
}

const answer = (state: Answer['state'], text: string): Answer => ({ state, text, id: null, requestId: null, receipt: null })

describe('one question', () => {
  test('goes from waiting through answering to a settled turn', async () => {
    const { asked, chat } = scriptedClient()
    const states: ChatState[] = []
    chat.subscribe(() => states.push(chat.get()))

    const done = chat.ask('Why?')
    asked[0]!.write('Be')
    asked[0]!.write('Because')
    asked[0]!.finish('Because.')
    await done

    expect(states).toEqual([
      { turns: [], phase: { name: 'waiting', id: 1, question: 'Why?' } },
      { turns: [], phase: { name: 'answering', id: 1, question: 'Why?', answer: 'Be' } },
      { turns: [], phase: { name: 'answering', id: 1, question: 'Why?', answer: 'Because' } },
      {
        turns: [{ id: 1, question: 'Why?', answer: 'Because.', outcome: { name: 'finished' } }],
        phase: { name: 'idle' },
      },
    ])
  })

  test('settled turns stay the same objects while the next answer is written', async () => {
    const { asked, chat } = scriptedClient()
    const first = chat.ask('1')
    asked[0]!.finish('one')
    await first
    const { turns } = chat.get()
    void chat.ask('2')
    asked[1]!.write('t')
    expect(chat.get().turns).toBe(turns)
  })

  test('a second one is not asked while the first is being answered', async () => {
    const { asked, chat } = scriptedClient()
    void chat.ask('1')
    await chat.ask('2')
    await chat.retry()
    expect(asked.length).toBe(1)
  })
})

describe('how an answer ends', () => {
  test('stopping keeps what was written', async () => {
    const { chat, memory, stopped } = scriptedClient()
    const done = chat.ask('Why?')
    const key = memory.saved?.running?.key
    chat.stop()
    await done
    expect(chat.get().turns).toMatchObject([{ answer: 'half', outcome: { name: 'stopped' } }])
    expect(stopped).toEqual([key])
  })

  test('stopping when nothing is being written does nothing, then or to the next answer', async () => {
    const { asked, chat, stopped } = scriptedClient()
    chat.stop()
    const done = chat.ask('Why?')
    asked[0]!.finish('Because.')
    await done
    chat.stop()
    expect(stopped).toEqual([])
    expect(chat.get().turns).toMatchObject([{ outcome: { name: 'finished' } }])
  })

  test('a failure is kept as plain data', async () => {
    const { asked, chat } = scriptedClient()
    const done = chat.ask('Why?')
    const details = { status: 429, requestId: 'r', retryAfterSeconds: 7 }
    asked[0]!.fail(new AskbotError('rate_limited', 'Too many.', details))
    await done
    const failure = { code: 'rate_limited', message: 'Too many.', ...details }
    expect(chat.get().turns).toEqual([{ id: 1, question: 'Why?', answer: '', outcome: { name: 'failed', failure } }])
    expect(chat.get().phase).toEqual({ name: 'idle' })
  })

  test('a cut keeps the partial text beside the failure', async () => {
    const { asked, chat } = scriptedClient()
    const done = chat.ask('Why?')
    asked[0]!.fail(new AskbotError('cut', 'It broke off.', { text: 'Beca' }))
    await done
    expect(chat.get().turns).toMatchObject([{ answer: 'Beca', outcome: { name: 'cut', failure: { code: 'cut' } } }])
  })
})

describe('several turns', () => {
  test('are sent oldest first, without those that have no answer', async () => {
    const { asked, chat } = scriptedClient()
    const first = chat.ask('1')
    asked[0]!.finish('one')
    await first
    const second = chat.ask('2')
    asked[1]!.fail(new AskbotError('overloaded', 'Busy.'))
    await second
    void chat.ask('3')
    expect(asked[2]!.messages).toEqual(['1', 'one', '3'])
  })

  test('retry asks the last question in place of its turn', async () => {
    const { asked, chat } = scriptedClient()
    const first = chat.ask('1')
    asked[0]!.finish('one')
    await first
    const second = chat.ask('2')
    asked[1]!.fail(new AskbotError('cut', 'It broke off.', { text: 'tw' }))
    await second
    const again = chat.retry()
    expect(asked[2]!.messages).toEqual(['1', 'one', '2'])
    asked[2]!.finish('two')
    await again
    expect(chat.get().turns.map((turn) => turn.answer)).toEqual(['one', 'two'])
  })
})

describe('after a reload', () => {
  test('the turns are there, and an answer that was being written is read to its end', async () => {
    const first = scriptedClient()
    const done = first.chat.ask('1')
    first.asked[0]!.finish('one')
    await done
    void first.chat.ask('2')
    first.asked[1]!.write('tw')
    const saved = first.memory.saved
    const key = saved?.running?.key

    const again = scriptedClient(saved)
    await expect.poll(() => again.chat.get().phase).toEqual({ name: 'idle' })
    expect(again.resumed).toEqual([key])
    expect(again.asked).toEqual([])
    expect(again.chat.get().turns.map((turn) => [turn.id, turn.question, turn.answer])).toEqual([
      [1, '1', 'one'],
      [2, '2', 'All of it.'],
    ])
    void again.chat.ask('3')
    expect(again.chat.get().phase).toMatchObject({ name: 'waiting', id: 3 })
  })
})
