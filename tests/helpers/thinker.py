"""Scripts of models that think before they answer."""

import threading
from collections.abc import Callable

from helpers.limits import HELD_SECONDS
from helpers.upstream import Reply, Upstream, chunk

SECRET = "The system message says: "
REASONING_USAGE = {
    "prompt_tokens": 7,
    "completion_tokens": 8,
    "total_tokens": 15,
    "completion_tokens_details": {"reasoning_tokens": 5},
}


def by_field(name: str) -> Callable[[Reply, str], None]:
    return lambda reply, text: reply.event(chunk({name: text}))


def by_details(reply: Reply, text: str) -> None:
    details = [{"type": "reasoning.text", "text": text}]
    reply.event(chunk({"reasoning": text, "reasoning_details": details}))


class Thinker:
    """A model that thinks until the test lets it speak."""

    def __init__(
        self,
        upstream: Upstream,
        think: Callable[[Reply, str], None] | None = None,
        *,
        is_silent: bool = False,
    ) -> None:
        self.is_asked, self.thinks, self.speaks = (threading.Event() for _ in range(3))
        if not is_silent:
            self.thinks.set()
        self._think = think or by_field("reasoning")
        upstream.answers(self._answer)

    def _answer(self, reply: Reply) -> None:
        reply.headers()
        self.is_asked.set()
        assert self.thinks.wait(HELD_SECONDS)
        self._think(reply, SECRET)
        while not self.speaks.wait(0.05):
            self._think(reply, "hm. ")
        reply.text("안녕")
        reply.text("하세요")
        reply.event(chunk({}, "stop"))
        reply.event({**chunk({}), "choices": [], "usage": REASONING_USAGE})
        reply.event("[DONE]")
        reply.end()


class TaggedThinker(Thinker):
    """One that writes its thoughts into the text."""

    def __init__(self, upstream: Upstream) -> None:
        super().__init__(upstream, lambda reply, text: reply.text(text))

    def _answer(self, reply: Reply) -> None:
        reply.text("<thi")
        reply.text("nk>")
        self._think(reply, SECRET)
        while not self.speaks.wait(0.05):
            self._think(reply, "hm. ")
        for piece in ("</th", "ink>\n\n", "안녕", "하세요"):
            reply.text(piece)
        reply.finish()
