"""The relay as the doctor's tests deploy it, before the doctor's own model."""

import contextlib
from collections.abc import Iterator

from doctor.scripted_model import Model
from doctor.streaming import QUESTION, write_steadily
from helpers.relay_process import KEY, RelayProcess

# A page's origin that the relay allows. Nothing is served there.
ORIGIN = "https://page.example"


@contextlib.contextmanager
def scripted_model() -> Iterator[Model]:
    """The doctor's model. It answers the doctor's question at any time."""
    model = Model("127.0.0.1", 0)
    model.answers(QUESTION, write_steadily)
    yield model
    model.close()


@contextlib.contextmanager
def deployed(model: Model, **settings: str) -> Iterator[str]:
    """The address of a relay that asks `model`, and trusts one proxy."""
    fixed = {"OPENAI_BASE_URL": model.url, "OPENAI_API_KEY": KEY}
    fixed |= {"CORS_ORIGINS": ORIGIN, "TRUSTED_PROXIES": "1"}
    relay = RelayProcess(fixed | settings)
    try:
        url = relay.wait_for_url()
        # A proxy with a short limit would not wait until the worker has started.
        assert relay.is_ready()
        yield url
    finally:
        relay.stop()
