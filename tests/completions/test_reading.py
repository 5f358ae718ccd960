"""Cutting a text into what is written at once, and saying which part of it follows."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from relay.completions import Receipt, content_range
from relay.completions.reading import MAX_PIECE_BYTES, VERY_LARGE, piece_of
from relay.completions.receipt import State
from relay.errors import RangeNotSatisfiable

# Long enough to be cut, at places that fall between characters and into them.
LONG = st.builds(
    lambda head, unit: head + unit * (MAX_PIECE_BYTES // len(unit.encode()) + 1),
    st.text(st.characters(codec="utf-8"), max_size=4),
    st.text(st.characters(codec="utf-8"), min_size=1, max_size=3),
)


@settings(deadline=None)
@given(st.one_of(st.text(st.characters(codec="utf-8")), LONG))
@example("")
@example("🙂" * MAX_PIECE_BYTES)
def test_pieces_are_the_text(text: str) -> None:
    """Joined they are the text; each is whole characters, and none larger than is written."""
    data = text.encode()
    pieces, offset = [], 0
    while piece := piece_of(data, offset):
        pieces.append(piece.decode())
        assert len(piece) <= MAX_PIECE_BYTES
        offset += len(piece)
    assert "".join(pieces) == text


@given(st.binary(max_size=20), st.integers(0, 30))
def test_from_any_byte_on(data: bytes, offset: int) -> None:
    """Whoever asks for a byte within a character gets the bytes from there on."""
    assert piece_of(data, offset) == piece_of(bytearray(data), offset) == data[offset:]


@pytest.mark.parametrize(
    ("state", "offset", "value"),
    [
        ("finished", 0, "bytes 0-9/10"),
        ("finished", 9, "bytes 9-9/10"),
        ("stopped", 3, "bytes 3-9/10"),
        ("running", 0, f"bytes 0-{VERY_LARGE}/*"),
        ("running", 10, f"bytes 10-{VERY_LARGE}/*"),
        ("failed", 3, f"bytes 3-{VERY_LARGE}/*"),
        # The end of what there is is not its end: whoever asks for more has to see it break.
        ("failed", 10, f"bytes 10-{VERY_LARGE}/*"),
        ("failed", 99, f"bytes 99-{VERY_LARGE}/*"),
    ],
)
def test_the_rest_of_an_answer(state: State, offset: int, value: str) -> None:
    """Its length is said where it is known."""
    assert content_range(Receipt(state, 10), offset) == value


@pytest.mark.parametrize(
    ("state", "offset"), [("finished", 10), ("finished", 11), ("stopped", 10), ("running", 11)]
)
def test_nothing_there(state: State, offset: int) -> None:
    """Past the end of a whole answer there is nothing, and its length is said."""
    with pytest.raises(RangeNotSatisfiable) as caught:
        content_range(Receipt(state, 10), offset)
    assert caught.value.headers == {"Content-Range": "bytes */10"}


def test_an_empty_answer() -> None:
    """It has no first byte either."""
    with pytest.raises(RangeNotSatisfiable):
        content_range(Receipt("finished", 0), 0)
