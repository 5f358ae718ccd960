import { useId } from 'react'
import type { Chat } from '../chat/chat.ts'
import { usePage } from '../page/page.ts'
import { useStore } from '../useStore.ts'
import { languageOf } from '../words/languageOf.ts'
import { useWords } from '../words/words.ts'
import { focusNext } from './focus.ts'
import styles from './Greeting.module.css'

/** A conversation that has not begun: who would answer, and what one could ask. */
export function Greeting({ chat }: { chat: Chat }) {
  const words = useWords()
  const page = usePage()
  const relay = useStore(page.relay, (state) => state)
  const chosen = useStore(page.settings, (settings) => settings.persona)
  const group = useId()

  function onSuggestion(suggestion: string) {
    void page.ask(chat, suggestion)
    focusNext()
  }

  if (relay.name !== 'reached') {
    return <div className={styles.greeting}>{relay.name === 'failed' && <p className={styles.hello}>{words.greeting}</p>}</div>
  }
  const persona = relay.personas.find(({ id }) => id === chosen) ?? relay.personas.find(({ id }) => id === relay.defaultPersona)

  return (
    <div className={styles.greeting}>
      {relay.personas.length > 1 && (
        <fieldset className={styles.personas}>
          <legend className="visually-hidden">{words.whoAnswers}</legend>
          {relay.personas.map(({ id, name }) => (
            <label key={id}>
              <input type="radio" name={group} checked={id === persona?.id} onChange={() => page.settings.change({ persona: id })} />
              {name}
            </label>
          ))}
        </fieldset>
      )}
      <p className={styles.hello} lang={languageOf(persona?.greeting ?? '')}>
        {persona?.greeting || words.greeting}
      </p>
      {persona && <p className={styles.description}>{persona.description}</p>}
      {persona && persona.suggestions.length > 0 && (
        <ul className={styles.suggestions} aria-label={words.suggestions}>
          {persona.suggestions.map((suggestion) => (
            <li key={suggestion}>
              <button type="button" lang={languageOf(suggestion)} onClick={() => onSuggestion(suggestion)}>
                {suggestion}
              </button>
            </li>
          ))}
        </ul>
      )}
    </div>
  )
}
