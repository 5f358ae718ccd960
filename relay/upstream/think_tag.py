"""Thoughts that a model writes into its text: `<think>...</think>` at the very start.

Many models do so on servers that do not take their thoughts apart. A tag later in the text is part
of the answer, which may be about the tag.
"""

from typing import Literal

OPENING, CLOSING = "<think>", "</think>"
# A text that begins with more white space does not begin with thoughts.
MAX_SPACE_CHARS = 64


class ThinkTag:
    """Separates the thoughts from the text. The white space around the tags is part of neither.

    `is_over` is set once no more thoughts can come. The caller then stops calling
    `split`: all further text is answer.
    """

    __slots__ = ("_held", "_state", "is_over")

    def __init__(self) -> None:
        self.is_over = False
        self._held = ""
        self._state: Literal["before", "inside", "after"] = "before"

    def split(self, text: str) -> tuple[str, str | None]:
        """The text of the answer, and the thoughts or None. Holds back what may be half a tag."""
        text, self._held = self._held + text, ""
        thoughts: str | None = None
        if self._state == "before":
            start = text.lstrip()
            is_indented = len(text) - len(start) > MAX_SPACE_CHARS
            if is_indented or not start.startswith(OPENING):
                if OPENING.startswith(start) and not is_indented:
                    self._held = text
                    return "", None
                self.is_over = True
                return text, None
            self._state, text = "inside", start.removeprefix(OPENING)
        if self._state == "inside":
            thoughts, tag, text = text.partition(CLOSING)
            if not tag:
                self._held = half_of(CLOSING, thoughts)
                return "", thoughts.removesuffix(self._held)
            self._state = "after"
        text = text.lstrip()
        self.is_over = bool(text)
        return text, thoughts

    def end(self) -> str:
        """The text that was held back for a tag that has not come."""
        held, self._held = self._held, ""
        return held if self._state == "before" else ""


def half_of(tag: str, text: str) -> str:
    """The longest end of the text with which the tag may begin."""
    sizes = range(min(len(tag) - 1, len(text)), 0, -1)
    return next((tag[:size] for size in sizes if text.endswith(tag[:size])), "")
