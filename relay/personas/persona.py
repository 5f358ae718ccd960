"""One persona: its instructions for the model, its card for a page, and its file.

A persona file is Markdown: front matter between two `---` lines, then the system message.
docs/personas.md lists the keys. A mistake in a file stops the start and is reported with file and
line, so that readers never meet a persona that half works.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from relay.personas.front_matter import PersonaError, Value, split
from relay.personas.owner import Owner
from relay.personas.text import Language, Text, read_text
from relay.questions import Message, Prompt, newest_turns, turns_of, with_newest_pictures
from relay.settings import Settings, effort

_HANGUL = re.compile(r"[ㄱ-ㆎ가-힣]")
_REQUIRED = ("name", "description", "greeting", "suggestions")
_OPTIONAL = (
    "model",
    "temperature",
    "reasoning_effort",
    "max_answer_tokens",
    "accept_images",
    "examples",
)


@dataclass(frozen=True, slots=True)
class Example:
    """A question and a model answer to it."""

    user: Text
    assistant: Text


@dataclass(frozen=True, slots=True)
class Persona:
    """Who answers, as its file says. None leaves a value to the settings.

    `temperature` is 0 to 2. `system` is the system message, without its examples.
    """

    id: str
    name: Text
    description: Text
    greeting: Text
    suggestions: tuple[Text, ...]
    system: str
    examples: tuple[Example, ...]
    model: str | None
    temperature: float | None
    reasoning_effort: str | None
    max_answer_tokens: int | None
    accept_images: bool | None = None

    def takes_pictures(self, settings: Settings) -> bool:
        return settings.accept_images if self.accept_images is None else self.accept_images

    def opening(self, question: str) -> tuple[Message, ...]:
        """The messages before a conversation: the system message, then the example turns.

        The examples are in the language of the question. A small model answers in the language of
        the last text before it, whatever its instructions say.
        """
        language: Language = "ko" if _HANGUL.search(question) else "en"
        turns = [
            message
            for example in self.examples
            for message in (
                Message("user", example.user.in_language(language)),
                Message("assistant", example.assistant.in_language(language)),
            )
        ]
        return (Message("system", self.system), *turns)

    def prompt(self, conversation: Sequence[Message], settings: Settings) -> Prompt:
        """The prompt for a conversation whose last message is the question."""
        limits = [self.max_answer_tokens or 0, settings.max_answer_tokens]
        return Prompt(
            opening=self.opening(conversation[-1].content),
            turns=newest_turns(
                turns_of(with_newest_pictures(conversation)),
                characters=settings.history_chars,
                most=settings.history_turns,
            ),
            model=self.model or settings.openai_model,
            max_answer_tokens=min(filter(None, limits), default=0),
            temperature=self.temperature,
            reasoning_effort=self.reasoning_effort or settings.reasoning_effort or None,
        )

    def card(self, language: Language) -> dict[str, object]:
        """The public part as JSON: id, name, description, greeting and suggestions."""
        return {
            "id": self.id,
            "name": self.name.in_language(language),
            "description": self.description.in_language(language),
            "greeting": self.greeting.in_language(language),
            "suggestions": [text.in_language(language) for text in self.suggestions],
        }


def preferred_language(tags: Iterable[str]) -> Language:
    """The first supported language of a reader's tags, best first; otherwise English.

    From a request: `tag for tag, quality in request.accept_languages if quality > 0`.
    Werkzeug's own `best_match` prefers a later `en` to an earlier `ko-KR`.
    """
    for tag in tags:
        match tag.lower().partition("-")[0]:
            case "ko":
                return "ko"
            case "en":
                return "en"
    return "en"


def parse_persona(path: Path, content: str, owner: Owner) -> Persona:
    """Parses a persona file. Its name is the id, and the owner takes the place of `{{owner}}`.

    Raises PersonaError.
    """
    if not re.fullmatch(r"[a-z0-9-]+", path.stem):
        raise PersonaError(
            f"{path}: a persona's file name must be lower-case letters, digits and hyphens."
        )
    front, system = split(path, content, body="the system message")
    values = front.mapping(_REQUIRED, _OPTIONAL)
    model, temperature, thinking, tokens = map(
        values.get, ("model", "temperature", "reasoning_effort", "max_answer_tokens")
    )
    images = values.get("accept_images")
    examples = values["examples"].items() if "examples" in values else []
    return Persona(
        id=path.stem,
        name=owner.named_in(read_text(values["name"])),
        description=owner.named_in(read_text(values["description"])),
        greeting=owner.named_in(read_text(values["greeting"])),
        suggestions=tuple(
            owner.named_in(read_text(item)) for item in values["suggestions"].items()
        ),
        system=owner.described_in(system),
        examples=tuple(_example(item, owner) for item in examples),
        model=model.text() if model else None,
        temperature=temperature.number(0, 2) if temperature else None,
        reasoning_effort=_effort(thinking) if thinking else None,
        max_answer_tokens=tokens.whole_number() if tokens else None,
        accept_images=images.flag() if images else None,
    )


def _effort(value: Value) -> str:
    try:
        return effort(value.text())
    except ValueError as error:
        raise value.wrong(str(error)) from error


def _example(value: Value, owner: Owner) -> Example:
    texts = value.mapping(("user", "assistant"))
    return Example(
        owner.named_in(read_text(texts["user"])), owner.named_in(read_text(texts["assistant"]))
    )
