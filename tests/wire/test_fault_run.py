"""The run of failing answers (`python -m bench.faults`), as far as it takes to see it work."""

import os
import subprocess
import sys

import pytest

from helpers.limits import TEST_SECONDS
from helpers.relay_process import PROJECT


def test_every_outcome() -> None:
    """Every question meets the outcome it was asked for, and leaves neither memory nor open
    descriptors behind."""
    if len(os.sched_getaffinity(0)) < 2:
        pytest.skip("needs two cores")
    command = [sys.executable, "-m", "bench.faults", "--each", "40"]
    run = subprocess.run(
        command, cwd=PROJECT, capture_output=True, text=True, timeout=TEST_SECONDS, check=False
    )
    assert (run.returncode, run.stderr) == (0, "")
    names = ("whole", "refused 429", "cut in mid answer", "stopped", "abandoned", "bad input")
    for name in names:
        assert sum(line.startswith(name) for line in run.stdout.splitlines()) == 2
