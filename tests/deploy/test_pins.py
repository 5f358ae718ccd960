"""The files of exact versions: complete, of the input, and what an install gives."""

import shutil
import sys
from importlib.metadata import version as installed_version
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from helpers.relay_process import PROJECT
from helpers.tools import run

# Each as `make pins` writes it.
PINNED = ["requirements.txt", "requirements-dev.txt", "requirements-node.txt"]
PINNED += ["bench/requirements.txt"]


def pins(file: str) -> dict[str, str]:
    """The versions that the file has for this machine, by name. All have hashes."""
    found: dict[str, str] = {}
    text = (PROJECT / file).read_text(encoding="utf-8").replace("\\\n", "")
    for line in text.splitlines():
        if line.startswith(("#", " ")) or not line:
            continue
        requirement, *hashes = line.split(" --hash=")
        assert all(each.startswith("sha256:") for each in hashes), line
        assert hashes, line
        parsed = Requirement(requirement.strip())
        if parsed.marker is None or parsed.marker.evaluate():
            exact = str(parsed.specifier)
            assert exact.startswith("=="), line
            found[canonicalize_name(parsed.name)] = exact.removeprefix("==")
    return found


@pytest.mark.parametrize("file", PINNED)
def test_they_are_of_the_input(file: str, tmp_path: Path) -> None:
    """Made again from pyproject.toml they are the same: nobody forgot `make pins`."""
    text = (PROJECT / file).read_text(encoding="utf-8")
    _, header, rest = text.split("\n", 2)
    again = tmp_path / "again.txt"
    # What is there is kept, as long as it fits.
    shutil.copy(PROJECT / file, again)
    command = header.removeprefix("#").replace(f"={file}", f"={again}").split()
    run("uv", *command[1:], "--quiet", "--no-header")
    assert again.read_text(encoding="utf-8") == rest


def test_a_fresh_install(tmp_path: Path) -> None:
    """It is what the file says, every package of it and nothing else."""
    fresh = tmp_path / "fresh"
    run("uv", "venv", "--quiet", "--python", sys.executable, str(fresh))
    run(
        "uv",
        "pip",
        "install",
        "--quiet",
        "--python",
        str(fresh),
        "--require-hashes",
        "-r",
        PINNED[0],
    )
    frozen = run("uv", "pip", "freeze", "--python", str(fresh)).split()
    assert dict(line.split("==") for line in frozen) == pins(PINNED[0])


def test_what_is_tested() -> None:
    """The tests run with the versions that are installed elsewhere."""
    everything = pins("requirements-dev.txt")
    assert everything.items() >= pins("requirements.txt").items()
    assert {name: installed_version(name) for name in everything} == everything


def test_new_versions() -> None:
    """Renovate, which proposes them, understands what it is told."""
    run("check-jsonschema", "--builtin-schema", "vendor.renovate", "renovate.json")
