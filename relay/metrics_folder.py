"""The folder in which all workers of a host count, for the multi-process mode of prometheus_client.

Each worker maps files of its own into memory. Where the file system has no room left, the first
write to a part of a file that has no blocks yet ends the process (SIGBUS). So the blocks are
allocated before a file is mapped, and a worker for whose files there is no room counts in memory.
"""

import contextlib
import fcntl
import os
import shutil
import sys
import tempfile
from pathlib import Path

# The variable of prometheus_client. It is read when the package is imported.
VARIABLE = "PROMETHEUS_MULTIPROC_DIR"

# Bytes of each kind of file. A file with more series than usual grows, without blocks of its own.
FILE_BYTES = {
    "counter": 64 * 1024,
    "gauge_livemax": 64 * 1024,
    "gauge_livesum": 64 * 1024,
    "histogram": 512 * 1024,
}
# What a file without a count has to have.
HEAD_BYTES = 8


def make_folder() -> None:
    """Makes a new folder, in which the counts begin at 0, and names it in VARIABLE.

    Raises OSError.
    """
    os.environ.pop(VARIABLE, None)
    folder = tempfile.mkdtemp(prefix="askbot-metrics-")
    # systemd-tmpfiles deletes old files from the temporary folder, but none of a locked folder.
    fcntl.flock(os.open(folder, os.O_RDONLY), fcntl.LOCK_SH)
    os.environ[VARIABLE] = folder


def allocate_files(pid: int) -> None:
    """Makes the files of a worker. Raises OSError, and then the worker is to count in memory."""
    folder = os.environ.get(VARIABLE)
    if folder is None:
        return
    files = {Path(folder, f"{kind}_{pid}"): size for kind, size in FILE_BYTES.items()}
    try:
        for file, size in files.items():
            file.write_bytes(bytes(size))
    except OSError:
        for file in files:
            with contextlib.suppress(OSError):
                file.unlink()
        del os.environ[VARIABLE]
        raise
    # Named last: whoever is asked for the metrics meanwhile reads all files with this ending.
    for file in files:
        file.rename(file.with_suffix(".db"))


def close_files(pid: int) -> None:
    """Forgets what a worker that has ended was doing, and keeps what it has counted.

    What its files did not use of their blocks is given back. prometheus_client can do the first,
    but it must not be imported in the master: workers would inherit where it counts. Raises
    OSError.
    """
    folder = os.environ.get(VARIABLE)
    if folder is None:
        return
    for file in Path(folder).glob(f"*_{pid}.db"):
        if file.name.startswith("gauge_live"):
            file.unlink()
        else:
            with file.open("r+b") as counts:
                # The first four bytes say how many are used: 0 before the first count.
                used = int.from_bytes(counts.read(4), sys.byteorder)
                counts.truncate(max(used, HEAD_BYTES))


def remove_folder() -> None:
    """Removes the folder, if there is one."""
    folder = os.environ.get(VARIABLE)
    if folder is not None:
        shutil.rmtree(folder, ignore_errors=True)
