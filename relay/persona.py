"""One persona: who answers, what a page shows of it, and how a file describes both.

A persona file is Markdown: front matter between two `---` lines, then the system message.
docs/personas.md lists the keys. Whatever the file gets wrong is told with file and line before
the server answers anybody, because a persona that half works is found out by its readers.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import yaml

from relay.message import Message

Language = Literal["en", "ko"]

_HANGUL = re.compile(r"[ㄱ-ㆎ가-힣]")
_OWNER = re.compile(r"\{\{ *owner *\}\}")
_REQUIRED = ("name", "description", "greeting", "suggestions")
_OPTIONAL = ("model", "temperature", "max_answer_tokens", "examples")


class PersonaError(Exception):
    """A persona, or a setting about personas, is wrong: one sentence for the operator."""


@dataclass(frozen=True, slots=True)
class Text:
    """What a person sees, in each language."""

    en: str
    ko: str

    def in_language(self, language: Language) -> str:
        return self.ko if language == "ko" else self.en


@dataclass(frozen=True, slots=True)
class Example:
    """A question and how it should be answered."""

    user: Text
    assistant: Text


@dataclass(frozen=True, slots=True)
class Persona:
    id: str
    name: Text
    description: Text
    greeting: Text
    suggestions: tuple[Text, ...]
    system: str
    examples: tuple[Example, ...]
    model: str | None
    temperature: float | None
    max_answer_tokens: int | None

    @property
    def opening(self) -> tuple[Message, ...]:
        """What is sent before a conversation in no known language: `opening_for` without turns."""
        return (Message("system", self.system),)

    def opening_for(self, question: str) -> tuple[Message, ...]:
        """What is sent before a conversation: the system message, then the example turns.

        The turns are those in the language of the question (the last one asked). A small model
        answers in the language of what it has just read, whatever its instructions say.
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
        return (*self.opening, *turns)

    def card(self, language: Language) -> dict[str, object]:
        """What a page may know, as JSON: id, name, description, greeting and suggestions."""
        return {
            "id": self.id,
            "name": self.name.in_language(language),
            "description": self.description.in_language(language),
            "greeting": self.greeting.in_language(language),
            "suggestions": [text.in_language(language) for text in self.suggestions],
        }


def preferred_language(tags: Iterable[str]) -> Language:
    """The first of a reader's language tags, best first, that we speak; otherwise English.

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


def parse_persona(path: Path, content: str, owner: str) -> Persona:
    """The persona that a file's content describes; the path gives the id and names the file.

    `owner` takes the place of `{{owner}}` in the system message. Raises PersonaError.
    """
    if not re.fullmatch(r"[a-z0-9-]+", path.stem):
        raise PersonaError(
            f"{path}: a persona's file name must be lower-case letters, digits and hyphens."
        )
    front, system = _split(path, content)
    values = front.mapping(_REQUIRED, _OPTIONAL)
    model, temperature, tokens = map(values.get, ("model", "temperature", "max_answer_tokens"))
    examples = values["examples"].items() if "examples" in values else []
    return Persona(
        id=path.stem,
        name=values["name"].both_languages(),
        description=values["description"].both_languages(),
        greeting=values["greeting"].both_languages(),
        suggestions=tuple(item.both_languages() for item in values["suggestions"].items()),
        # A function as replacement: in a string, a backslash of the owner's would be an escape.
        system=_OWNER.sub(lambda _: owner, system),
        examples=tuple(item.example() for item in examples),
        model=model.text() if model else None,
        temperature=temperature.number(0, 2) if temperature else None,
        max_answer_tokens=tokens.whole_number() if tokens else None,
    )


class _PlainLoader(yaml.BaseLoader):
    """YAML without its traps.

    BaseLoader takes every scalar as the text that is written (`no` is "no", 4.10 is "4.10").
    Anchors and aliases (which can grow without bound), tags and deep nesting are errors.
    """

    max_depth = 8
    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        event = self.peek_event()  # type: ignore[no-untyped-call]  # The stubs leave it bare.
        if getattr(event, "anchor", None) or getattr(event, "tag", None):
            raise yaml.MarkedYAMLError(
                problem="anchors, aliases and tags are not allowed, expected a plain value",
                problem_mark=event.start_mark,
            )
        if self.depth == self.max_depth:
            raise yaml.MarkedYAMLError(
                problem="values are nested too deeply", problem_mark=event.start_mark
            )
        self.depth += 1
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node


@dataclass(frozen=True, slots=True)
class _Value:
    """A YAML value that knows its place; a method reads it as one type or raises PersonaError."""

    path: Path
    line: int
    label: str
    node: yaml.Node | None

    def wrong(self, expected: str) -> PersonaError:
        return _error(self.path, self.line, f"{self.label} must be {expected}")

    def within(self, label: str, node: yaml.Node) -> "_Value":
        # The front matter's first line is the file's second, and marks count from zero.
        return _Value(self.path, node.start_mark.line + 2, label, node)

    def text(self) -> str:
        text = self.node.value.strip() if isinstance(self.node, yaml.ScalarNode) else ""
        if not text:
            raise self.wrong("a text")
        # JSON writes an emoji as two escapes; in YAML each would be half a character.
        if re.search(r"[\ud800-\udfff]", text):
            raise self.wrong("without escaped surrogates")
        return str(text)

    def both_languages(self) -> Text:
        if isinstance(self.node, yaml.MappingNode):
            texts = self.mapping(("en", "ko"))
            return Text(en=texts["en"].text(), ko=texts["ko"].text())
        if not isinstance(self.node, yaml.ScalarNode):
            raise self.wrong("a text, or one for each of en and ko")
        return Text(en=self.text(), ko=self.text())

    def items(self) -> "list[_Value]":
        if not isinstance(self.node, yaml.SequenceNode):
            raise self.wrong("a list")
        return [self.within(f"an item of {self.label}", item) for item in self.node.value]

    def mapping(
        self, required: tuple[str, ...], optional: tuple[str, ...] = ()
    ) -> "dict[str, _Value]":
        allowed = (*required, *optional)
        if not isinstance(self.node, yaml.MappingNode):
            raise self.wrong(f"a mapping with the keys {', '.join(allowed)}")
        values: dict[str, _Value] = {}
        for key_node, value_node in self.node.value:
            key = self.within("a key", key_node)
            name = key.text()
            if name not in allowed:
                raise key.wrong(f'one of {", ".join(allowed)}, not "{name}"')
            if name in values:
                raise key.wrong(f'given once, and "{name}" is given again')
            values[name] = self.within(f'"{name}"', value_node)
        for name in required:
            if name not in values:
                raise self.wrong(f'given a "{name}"')
        return values

    def example(self) -> Example:
        texts = self.mapping(("user", "assistant"))
        return Example(texts["user"].both_languages(), texts["assistant"].both_languages())

    def number(self, low: int, high: int) -> float:
        text = self.text()
        # float() would also take "nan", "1e3" and "1_0".
        if not re.fullmatch(r"[0-9]+(\.[0-9]+)?", text) or not low <= float(text) <= high:
            raise self.wrong(f"a number from {low} to {high}")
        return float(text)

    def whole_number(self) -> int:
        text = self.text()
        if not re.fullmatch(r"[1-9][0-9]{0,8}", text):
            raise self.wrong("a whole number from 1 to 999999999")
        return int(text)


def _split(path: Path, content: str) -> tuple[_Value, str]:
    """The front matter, still to be read, and the system message below it."""
    lines = content.split("\n")
    fences = [number for number, line in enumerate(lines) if line.rstrip() == "---"]
    if fences[:1] != [0]:
        raise _error(path, 1, 'the first line must be "---", where the front matter begins')
    if len(fences) == 1:
        raise _error(path, 1, 'the front matter must be closed by another line "---"')
    end = fences[1]
    body = "\n".join(lines[end + 1 :]).strip()
    if not body:
        raise _error(path, end + 1, "the system message must follow the front matter")
    front = "\n".join(lines[1:end])
    try:
        node = yaml.compose(front, Loader=_PlainLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 2 if mark else 1
        raise _error(path, line, f"the front matter must be YAML, but {error.problem}") from error
    except yaml.reader.ReaderError as error:
        line = front.count("\n", 0, error.position) + 2
        raise _error(path, line, "the front matter must not hold control characters") from error
    except (
        ValueError,
        OverflowError,
    ) as error:  # What PyYAML lets through of an escape such as "\U00110000".
        raise _error(path, 1, "the front matter must not escape what is no character") from error
    return _Value(path, 1, "the front matter", node), body


def _error(path: Path, line: int, sentence: str) -> PersonaError:
    return PersonaError(f"{path}, line {line}: {sentence}.")
