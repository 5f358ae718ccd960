"""The version of Askbot, which `pyproject.toml` names."""

import tomllib
from functools import cache
from pathlib import Path

PROJECT_FILE = Path(__file__).resolve().parent.parent / "pyproject.toml"


@cache
def version() -> str:
    """Such as `0.1.0`."""
    project = tomllib.loads(PROJECT_FILE.read_text(encoding="utf-8"))["project"]
    return str(project["version"])
