import { useId } from 'react'
import type { Chat } from '../chat/chat.ts'
import { usePage } from '../page/page.ts'
import { useStore } from '../useStore.ts'
import { languageOf } from '../words/languageOf.ts'
import { useWords } from '../words/words.ts'
import { focusNext } from './focus.ts'
import styles from './Greeting.module.css'

/** A new conversation: the persona's greeting and suggestions. */
export function Greeting({ chat }: { chat: Chat }) {
  const words = useWords()
  const page = usePage()
  const known = useStore(page.relay, (relay) => relay.known)
  const hasFailed = useStore(page.relay, ({ contact }) => contact.name === 'failed')
  const chosen = useStore(page.settings, (settings) => settings.persona)
  const group = useId()

  function onSuggestion(suggestion: string) {
    void page.ask(chat, suggestion)
    focusNext()
  }

  if (known === null) {
    return <div className={styles.greeting}>{hasFailed && <p className={styles.hello}>{words.greeting}</p>}</div>
  }
  const persona = known.personas.find(({ id }) => id === chosen) ?? known.personas.find(({ id }) => id === known.defaultPersona)

  return (
    <div className={styles.greeting}>
      {known.personas.length > 1 && (
        <fieldset className={styles.personas}>
          <legend className="visually-hidden">{words.whoAnswers}</legend>
          {known.personas.map(({ id, name }) => (
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
