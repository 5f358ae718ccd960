"""Reads a text file, whatever editor has written it."""

from pathlib import Path

from relay.personas.front_matter import PersonaError


def read_text_file(path: Path, max_bytes: int) -> str:
    """The text of a UTF-8 file, with `\\n` as line end. Raises PersonaError."""
    try:
        with path.open("rb") as file:
            content = file.read(max_bytes + 1)
    except OSError as error:
        raise PersonaError(f"{path}: the file must be readable: {error.strerror}.") from error
    if len(content) > max_bytes:
        raise PersonaError(f"{path}: the file must not be larger than {max_bytes} bytes.")
    try:
        text = content.decode("utf-8-sig")  # Windows' Notepad may put a byte order mark first.
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise PersonaError(f"{path}, line {line}: the file must be saved as UTF-8.") from error
    return text.replace("\r\n", "\n")
