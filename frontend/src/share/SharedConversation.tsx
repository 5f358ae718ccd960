import { type Conversation, titleOf, type Turn } from '../chat/conversation.ts'
import { allTurns } from '../chat/exportImport.ts'
import { Boundary } from '../components/Boundary.tsx'
import { isLong } from '../components/isLong.ts'
import { QuestionPictures } from '../components/QuestionPictures.tsx'
import note from '../components/OutcomeNote.module.css'
import { PlainText } from '../components/PlainText.tsx'
import question from '../components/QuestionText.module.css'
import transcript from '../components/Transcript.module.css'
import turnView from '../components/TurnView.module.css'
import { HeadingLevel } from '../markdown/contexts.ts'
import { Markdown } from '../markdown/Markdown.tsx'
import { languageOf } from '../words/languageOf.ts'
import { useWords } from '../words/words.ts'

/** A conversation for reading only, without buttons. */
export function SharedConversation({ conversation, nameOf }: { conversation: Conversation; nameOf: (persona: string | null) => string }) {
  const title = titleOf(conversation)
  return (
    <main>
      {/* Its default name is the first question, which stands right below. */}
      <h1 className={conversation.title === '' ? 'visually-hidden' : undefined} lang={languageOf(title)} dir="auto">
        {title}
      </h1>
      <ol className={transcript.turns}>
        {allTurns(conversation).map((turn) => (
          <li key={turn.id}>
            <SharedTurn turn={turn} name={nameOf(turn.persona)} />
          </li>
        ))}
      </ol>
    </main>
  )
}

function SharedTurn({ turn, name }: { turn: Turn; name: string }) {
  const words = useWords()
  const { outcome, answer } = turn
  return (
    <article className={turnView.turn}>
      <h2 className="visually-hidden">{words.youAsked}</h2>
      {turn.pictures.length > 0 && <QuestionPictures pictures={turn.pictures} />}
      {isLong(turn.question) ? (
        <div className={question.text} data-open lang={languageOf(turn.question)}>
          <HeadingLevel value="h3">
            <SharedText text={turn.question} />
          </HeadingLevel>
        </div>
      ) : (
        <p className={question.short} lang={languageOf(turn.question)} dir="auto">
          {turn.question}
        </p>
      )}
      <h3 className="visually-hidden">{words.answered(name)}</h3>
      {answer !== '' && (
        <div lang={languageOf(answer)}>
          <SharedText text={answer} />
        </div>
      )}
      {outcome.name !== 'finished' && <p className={note.note}>{words[outcome.name]}</p>}
    </article>
  )
}

function SharedText({ text }: { text: string }) {
  return (
    <Boundary fallback={<PlainText text={text} />}>
      <Markdown text={text} isLive={false} />
    </Boundary>
  )
}
