import { describe, expect, test } from 'vitest'
import { AskbotError, type Answer, type ask } from '../client/askbot.js'
import { createChat, type ChatState } from './chat.ts'

/** A client whose answers the test writes by hand. */
function scriptedClient() {
  const asked: Asking[] = []
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
  return { asked, chat: createChat({ ask: fake, url: '', pace: (show) => ({ show, stop: () => {} }) }) }
}

interface Asking {
  messages: string[]
  write: (text: string) => void
  finish: (text: string) => void
  fail: (error: unknown) => void
}

const answer = (state: Answer['state'], text: string): Answer => ({ state, text, id: null, requestId: null })

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
    const { chat } = scriptedClient()
    const done = chat.ask('Why?')
    chat.stop()
    await done
    expect(chat.get().turns).toMatchObject([{ answer: 'half', outcome: { name: 'stopped' } }])
  })

  test('stopping when nothing is being written does nothing, then or to the next answer', async () => {
    const { asked, chat } = scriptedClient()
    chat.stop()
    const done = chat.ask('Why?')
    asked[0]!.finish('Because.')
    await done
    chat.stop()
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
