"""The history of a conversation: its turns, and how much of it the model is sent.

A turn is a user's message with the answers to it. History is cut at turns, so that no answer is
sent without its question. The last turn is the question and is always sent.
"""

import itertools
from collections.abc import Sequence
from dataclasses import replace

from relay.questions.message import Message
from relay.questions.picture import MAX_PICTURES

Turn = tuple[Message, ...]


def turns_of(conversation: Sequence[Message]) -> tuple[Turn, ...]:
    """Groups a conversation, oldest message first, into turns."""
    turns: list[list[Message]] = []
    for message in conversation:
        # A greeting of the page, before the first question, is a turn of its own.
        if message.role == "user" or not turns:
            turns.append([message])
        else:
            turns[-1].append(message)
    return tuple(map(tuple, turns))


def newest_turns(turns: tuple[Turn, ...], *, characters: int, most: int) -> tuple[Turn, ...]:
    """The newest turns: at most `most`, with at most so many characters together.

    0 is no limit. The last turn always stays.
    """
    kept = turns[-most:] if most else turns
    if not characters:
        return kept
    sums = itertools.accumulate(_characters(turn) for turn in reversed(kept))
    return kept[-max(1, sum(size <= characters for size in sums)) :]


def newer_half(turns: tuple[Turn, ...]) -> tuple[Turn, ...] | None:
    """The question with the newer half of the turns before it; None if there are none."""
    history = len(turns) - 1
    return turns[-(history // 2 + 1) :] if history else None


def with_newest_pictures(conversation: Sequence[Message]) -> list[Message]:
    """The conversation with at most MAX_PICTURES pictures, those of its newest messages.

    A model is paid for each picture of each request. The pictures of one message stay together.
    """
    kept: list[Message] = []
    room = MAX_PICTURES
    for message in reversed(conversation):
        room -= len(message.pictures)
        fits = room >= 0 or not message.pictures
        kept.append(message if fits else _without_pictures(message))
    return kept[::-1]


def _without_pictures(message: Message) -> Message:
    # The model is told, so that it does not answer as if there had been none.
    note = f"[pictures that are no longer sent: {len(message.pictures)}]"
    return replace(message, content=f"{message.content}\n\n{note}".strip(), pictures=())


def _characters(turn: Turn) -> int:
    return sum(len(message.content) for message in turn)
