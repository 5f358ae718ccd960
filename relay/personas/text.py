"""Texts for people, in each language."""

from dataclasses import dataclass
from typing import Literal

from relay.personas.front_matter import Value

Language = Literal["en", "ko"]


@dataclass(frozen=True, slots=True)
class Text:
    """A text in each language."""

    en: str
    ko: str

    def in_language(self, language: Language) -> str:
        return self.ko if language == "ko" else self.en


def read_text(value: Value) -> Text:
    """A plain text for both languages, or one for each. Raises PersonaError."""
    if value.is_mapping:
        texts = value.mapping(("en", "ko"))
        return Text(en=texts["en"].text(), ko=texts["ko"].text())
    if not value.is_text:
        raise value.wrong("a text, or one for each of en and ko")
    return Text(en=value.text(), ko=value.text())
