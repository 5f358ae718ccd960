"""Programs beside the tests' own Python, such as uv and hadolint."""

import subprocess
import sys
from pathlib import Path

from helpers.limits import WORK_SECONDS

TOOLS = Path(sys.executable).parent
PROJECT = Path(__file__).resolve().parents[2]


def run(tool: str, *arguments: str, folder: Path = PROJECT, seconds: float = WORK_SECONDS) -> str:
    """What the tool prints. It must succeed."""
    done = subprocess.run(
        [TOOLS / tool, *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
