"""The soak (`python -m bench.soak`): a quick run, and what it takes for wrong and for grown."""

import os
import subprocess
import sys
from dataclasses import fields, replace

import pytest

from bench.soak.exchange import End, Read
from bench.soak.looks import Look
from bench.soak.order import Order, Way
from bench.soak.readers import Wrong, check
from bench.soak.verdict import complaints, courses
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
    for title in ("RSS", "PSS", "descriptors", "threads", "greenlets", "state file", "running"):
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


def look(second: float, **figures: float) -> Look:
    """A look with these figures; all others are 0."""
    none = dict.fromkeys((field.name for field in fields(Look)), 0.0)
    return Look(**none | figures | {"second": second})


def looks(**growing: float) -> list[Look]:
    """Ten minutes of looks. These figures begin at 100, and grow by so much a minute."""
    figures = {"running_answers": 0.0} | growing
    return [
        look(60 * minute, **{name: 100 + minute * more for name, more in figures.items()})
        for minute in range(11)
    ]


LEFT = look(620)


@pytest.mark.parametrize(
    ("growing", "found"),
    [
        ({}, []),
        ({"rss_megabytes": 0.5}, []),
        ({"rss_megabytes": 5}, ["RSS of all processes, MB: grown by 14.0%"]),
        ({"greenlets": 5}, ["greenlets: grown by 14.0%"]),
        ({"greenlets": 5, "running_answers": 5}, []),
        ({"kept_megabytes": 0, "file_megabytes": 10}, []),
        (
            {"kept_megabytes": 0, "file_megabytes": 20},
            ["state file and its WAL, MB: 300.0, far more than was in use"],
        ),
    ],
)
def test_growth(growing: dict[str, float], found: list[str]) -> None:
    """What grows is found, but not what the number of running answers explains."""
    assert list(complaints(courses(looks(**growing), LEFT))) == found


def test_what_is_left() -> None:
    """A reader that the relay still counts when all have left is found."""
    assert list(complaints(courses(looks(), replace(LEFT, readers=1)))) == [
        "connected readers: 1 when all have left"
    ]
