"""The files in which workers count: room of their own, which they give back at their end."""

import os
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import mmap_dict

from relay.metrics_folder import FILE_BYTES, VARIABLE, allocate_files, close_files

PID = 12345
# The package gives it no types.
MmapedDict: Any = mmap_dict.MmapedDict


def values(file: Path) -> list[float]:
    return [value for _, value, *_ in MmapedDict.read_all_values_from_file(file)]


def test_the_files_of_a_worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are large from the start. At the end the counts stay, and the rest goes."""
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    allocate_files(PID)
    sizes = {file.name: file.stat().st_size for file in tmp_path.iterdir()}
    assert sizes == {f"{kind}_{PID}.db": size for kind, size in FILE_BYTES.items()}
    counts = MmapedDict(tmp_path / f"histogram_{PID}.db")
    counts.write_value("a metric", 3.0, 0.0)
    counts.close()
    close_files(PID)
    kept = {file.name: values(file) for file in tmp_path.iterdir()}
    assert kept == {f"counter_{PID}.db": [], f"histogram_{PID}.db": [3.0]}
    assert sum(file.stat().st_size for file in tmp_path.iterdir()) < 4096


def test_no_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker without files counts in memory."""
    monkeypatch.setenv(VARIABLE, str(tmp_path / "gone"))
    with pytest.raises(FileNotFoundError):
        allocate_files(PID)
    assert VARIABLE not in os.environ
    close_files(PID)
