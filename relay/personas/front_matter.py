"""YAML front matter, read strictly: anything unexpected is an error with file and line."""

import re
from dataclasses import dataclass
from pathlib import Path

import yaml


class PersonaError(Exception):
    """A persona or one of its settings is wrong. The message is a sentence for the operator."""


class PlainLoader(yaml.BaseLoader):
    """YAML without its traps.

    BaseLoader reads every scalar as text: `no` is "no", and 4.10 is "4.10". Tags, deep nesting, and
    anchors and aliases, which can grow without bound, are errors.
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
class Value:
    """A YAML value with its file and line. Each method reads one type or raises PersonaError."""

    path: Path
    line: int
    label: str
    node: yaml.Node | None

    def wrong(self, expected: str) -> PersonaError:
        return _error(self.path, self.line, f"{self.label} must be {expected}")

    def within(self, label: str, node: yaml.Node) -> "Value":
        # The front matter's first line is the file's second, and marks count from zero.
        return Value(self.path, node.start_mark.line + 2, label, node)

    def text(self) -> str:
        text = self.node.value.strip() if isinstance(self.node, yaml.ScalarNode) else ""
        if not text:
            raise self.wrong("a text")
        # JSON escapes an emoji as two surrogates. YAML would read each as half a character.
        if re.search(r"[\ud800-\udfff]", text):
            raise self.wrong("without escaped surrogates")
        return str(text)

    @property
    def is_mapping(self) -> bool:
        return isinstance(self.node, yaml.MappingNode)

    @property
    def is_text(self) -> bool:
        return isinstance(self.node, yaml.ScalarNode)

    def items(self) -> "list[Value]":
        if not isinstance(self.node, yaml.SequenceNode):
            raise self.wrong("a list")
        return [self.within(f"an item of {self.label}", item) for item in self.node.value]

    def mapping(
        self, required: tuple[str, ...], optional: tuple[str, ...] = ()
    ) -> "dict[str, Value]":
        allowed = (*required, *optional)
        if not isinstance(self.node, yaml.MappingNode):
            raise self.wrong(f"a mapping with the keys {', '.join(allowed)}")
        values: dict[str, Value] = {}
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

    def number(self, low: int, high: int) -> float:
        text = self.text()
        # float() would also take "nan", "1e3" and "1_0".
        if not re.fullmatch(r"[0-9]+(\.[0-9]+)?", text) or not low <= float(text) <= high:
            raise self.wrong(f"a number from {low} to {high}")
        return float(text)

    def flag(self) -> bool:
        text = self.text()
        if text not in ("true", "false"):
            raise self.wrong("true or false")
        return text == "true"

    def whole_number(self) -> int:
        text = self.text()
        if not re.fullmatch(r"[1-9][0-9]{0,8}", text):
            raise self.wrong("a whole number from 1 to 999999999")
        return int(text)


def split(path: Path, content: str, *, body: str) -> tuple[Value, str]:
    """Splits a file into its front matter and the text after it, which `body` names in errors."""
    lines = content.split("\n")
    fences = [number for number, line in enumerate(lines) if line.rstrip() == "---"]
    if fences[:1] != [0]:
        raise _error(path, 1, 'the first line must be "---", where the front matter begins')
    if len(fences) == 1:
        raise _error(path, 1, 'the front matter must be closed by another line "---"')
    end = fences[1]
    text = "\n".join(lines[end + 1 :]).strip()
    if not text:
        raise _error(path, end + 1, f"{body} must follow the front matter")
    front = "\n".join(lines[1:end])
    try:
        node = yaml.compose(front, Loader=PlainLoader)
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
    return Value(path, 1, "the front matter", node), text


def _error(path: Path, line: int, sentence: str) -> PersonaError:
    return PersonaError(f"{path}, line {line}: {sentence}.")
