"""What the tests of completions share."""

from collections.abc import Iterator

import pytest

from helpers.sources import ScriptedSource


@pytest.fixture(autouse=True)
def leave_no_source_open() -> Iterator[None]:
    yield
    while ScriptedSource.opened:
        ScriptedSource.opened.pop().close_sockets()
