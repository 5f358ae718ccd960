"""Whom the secretary works for: the owner's name, and the facts that the model is sent.

The owner's file has the form of a persona's: front matter with the `name`, then the facts.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from relay.personas.front_matter import split
from relay.personas.text import Text, read_text

_NAME = re.compile(r"\{\{ *owner\.name *\}\}")
_FACTS = re.compile(r"\{\{ *owner *\}\}")


@dataclass(frozen=True, slots=True)
class Owner:
    """The secretary's owner: a name in each language, and facts as text."""

    name: Text
    facts: str

    def named_in(self, text: Text) -> Text:
        """The text with the owner's name in place of `{{owner.name}}`, in each language."""
        # Functions, because backslashes in a replacement string would be escapes.
        return Text(
            en=_NAME.sub(lambda _: self.name.en, text.en),
            ko=_NAME.sub(lambda _: self.name.ko, text.ko),
        )

    def described_in(self, system: str) -> str:
        """The system message with the name in both languages, and the facts for `{{owner}}`."""
        en, ko = self.name.en, self.name.ko
        names = en if en == ko else f"{en} ({ko})"
        return _FACTS.sub(lambda _: self.facts, _NAME.sub(lambda _: names, system))


def parse_owner(path: Path, content: str) -> Owner:
    """Raises PersonaError."""
    front, facts = split(path, content, body="the facts about the owner")
    values = front.mapping(("name",))
    return Owner(read_text(values["name"]), facts)
