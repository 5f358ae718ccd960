"""The personas of a server: the shipped ones, then the operator's own.

The folder of the same name beside this module holds the shipped files and is no package.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from relay.errors import UnknownPersona
from relay.personas.front_matter import PersonaError
from relay.personas.owner import Owner, parse_owner
from relay.personas.persona import Persona, parse_persona
from relay.personas.text_file import read_text_file

SHIPPED = Path(__file__).with_name("shipped")
EXAMPLE_OWNER = SHIPPED / "owner.example.txt"

_MAX_PERSONA_BYTES = 64 * 1024
# The owner's facts go to the model with every question: a page or two, not a book.
_MAX_OWNER_BYTES = 16 * 1024


@dataclass(frozen=True, slots=True)
class Personas:
    """All personas by id, one of them the default. Iteration keeps the order of loading."""

    default: Persona
    by_id: Mapping[str, Persona]

    @classmethod
    def load(
        cls,
        default_id: str = "askbot",
        personas_dir: Path | None = None,
        owner_file: Path | None = None,
    ) -> "Personas":
        """Read every persona: the shipped ones, then `personas_dir`, where the same id overrides.

        Arguments are the settings PERSONA, PERSONAS_DIR and OWNER_FILE.

        Raises PersonaError.
        """
        owner = _owner(owner_file)
        by_id = {
            path.stem: parse_persona(path, read_text_file(path, _MAX_PERSONA_BYTES), owner)
            for path in _persona_paths(personas_dir)
        }
        if default_id not in by_id:
            raise PersonaError(
                f'PERSONA must be one of {", ".join(by_id)}, and there is no "{default_id}".'
            )
        return cls(default=by_id[default_id], by_id=by_id)

    def get(self, persona_id: str) -> Persona | None:
        return self.by_id.get(persona_id)

    def asked(self, persona_id: str | None) -> Persona:
        """The persona that a question names, or the default. Raises UnknownPersona."""
        if not persona_id:
            return self.default
        persona = self.get(persona_id)
        if persona is None:
            known = ", ".join(self.by_id)
            raise UnknownPersona(f"There is no persona of that name here: ask one of {known}.")
        return persona

    def __iter__(self) -> Iterator[Persona]:
        return iter(self.by_id.values())


@cache
def kept_personas(default_id: str, personas_dir: Path | None, owner_file: Path | None) -> Personas:
    """As `Personas.load`, but only once in a process and those that it forks.

    So a new worker needs no file, which may be broken by now.
    """
    return Personas.load(default_id, personas_dir, owner_file)


def persona_files(
    personas_dir: Path | None = None, owner_file: Path | None = None
) -> tuple[Path, ...]:
    """The files that `Personas.load` reads, for a reloader to watch. Raises PersonaError."""
    return (*_persona_paths(personas_dir), owner_file or EXAMPLE_OWNER)


def _persona_paths(personas_dir: Path | None) -> list[Path]:
    if personas_dir and not personas_dir.is_dir():
        raise PersonaError(f"PERSONAS_DIR must be a folder, and {personas_dir} is not.")
    folders = [SHIPPED, personas_dir] if personas_dir else [SHIPPED]
    return [
        path
        for folder in folders
        for path in sorted(folder.glob("*.md"))
        if not path.name.startswith(".")  # Editors and macOS leave such files behind.
    ]


def _owner(owner_file: Path | None) -> Owner:
    path = owner_file or EXAMPLE_OWNER
    try:
        return parse_owner(path, read_text_file(path, _MAX_OWNER_BYTES))
    except PersonaError as error:
        raise PersonaError(f"OWNER_FILE: {error}") from error
