"""Access tokens are compared by their digests."""

import pickle

from relay.access.token import holder
from relay.settings import AccessToken, Settings, token_digest

TOKEN = "a-token-of-ana-0001"


class Digest(bytes):
    """A digest that nobody may compare byte by byte: how long that takes tells where it differs."""

    def __eq__(self, other: object) -> bool:
        raise AssertionError("compared byte by byte")

    __hash__ = bytes.__hash__


def test_a_comparison_tells_nothing_by_its_time() -> None:
    """It is left to the standard library, and goes on to the end after a match."""
    tokens = (AccessToken(name, Digest(token_digest(name + TOKEN))) for name in ("", "bo", "cy"))
    assert holder({"HTTP_AUTHORIZATION": f"Bearer {TOKEN}"}, tokens) == ""
    assert list(tokens) == []
    again = [AccessToken("ana", Digest(token_digest(TOKEN)))]
    assert holder({"HTTP_AUTHORIZATION": "Bearer another-token-00001"}, again) is None


def test_settings_hold_no_token() -> None:
    """They hold its digest, so nothing that prints or keeps them can give it away."""
    settings = Settings.from_environ({"ACCESS_TOKENS": f"ana:{TOKEN}"})
    assert TOKEN.encode() not in pickle.dumps(settings)
    assert "ana" in repr(settings.access_tokens)
    assert TOKEN not in repr(settings)
