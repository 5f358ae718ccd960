"""The soak (`python -m bench.soak`), as far as it takes to see it work, and what is wrong to it."""

import os
import subprocess
import sys

import pytest

from bench.soak.exchange import End, Read
from bench.soak.order import Order, Way
from bench.soak.readers import Wrong, check
from helpers.limits import TEST_SECONDS
from helpers.relay_process import PROJECT

WHOLE, BROKEN, REFUSED = Order(Way.SLOW, 3, 1), Order(Way.CUT, 3, 2), Order(Way.REFUSED, 3, 3)


def test_a_quick_run() -> None:
    """Readers who drop, stop, reload and ask again are served right, and every figure is there."""
    if len(os.sched_getaffinity(0)) < 2:
        pytest.skip("needs two cores")
    run = subprocess.run(
        [sys.executable, "-m", "bench.soak", "--quick"],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        timeout=TEST_SECONDS,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    assert " 0 wrong answers" in run.stdout
    for title in ("RSS", "PSS", "descriptors", "threads", "greenlets", "state file"):
        assert title in run.stdout


@pytest.mark.parametrize(
    ("order", "read"),
    [
        (WHOLE, Read(200, WHOLE.text(), End.WHOLE)),
        (WHOLE, Read(200, WHOLE.text()[:10], End.LEFT)),
        (BROKEN, Read(200, BROKEN.text()[:10], End.CUT)),
        (REFUSED, Read(429, b"", End.REFUSED)),
    ],
)
def test_right(order: Order, read: Read) -> None:
    """A text with the end that the upstream gave it is right, and so is a part of it."""
    check(order, read)


@pytest.mark.parametrize(
    ("order", "read"),
    [
        (WHOLE, Read(200, BROKEN.text(), End.WHOLE)),
        (WHOLE, Read(200, WHOLE.text()[:-1], End.WHOLE)),
        (WHOLE, Read(200, WHOLE.text() * 2, End.WHOLE)),
        (WHOLE, Read(200, WHOLE.text(), End.CUT)),
        (WHOLE, Read(502, b"", End.REFUSED)),
        (BROKEN, Read(200, BROKEN.text(), End.WHOLE)),
        (REFUSED, Read(502, b"", End.REFUSED)),
    ],
)
def test_wrong(order: Order, read: Read) -> None:
    """Another text, a missing or doubled part, a whole answer that is called cut, a cut one that is
    called whole, and a wrong refusal are wrong."""
    with pytest.raises(Wrong):
        check(order, read)
