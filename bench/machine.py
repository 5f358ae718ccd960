"""A description of the machine, because the figures hold only for it."""

import os
import platform
import subprocess
from pathlib import Path

from bench.peers import PEERS, ROOT


def machine() -> dict[str, str]:
    """Processor, memory and kernel. Without the machine's name."""
    memory_bytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "processor": _processor(),
        "cores": str(len(os.sched_getaffinity(0))),
        "memory": f"{memory_bytes / 2**30:.0f} GiB",
        "system": f"{platform.system()} {platform.release().partition('-')[0]}",
    }


def versions() -> dict[str, str]:
    """What each relay is made of, and which state of this project was measured."""
    return {peer.title: peer.made_of() for peer in PEERS} | {"commit": commit()}


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        name, _, value = line.partition(":")
        if name.strip() == "model name":
            return value.strip()
    return platform.machine()


def commit() -> str:
    described = subprocess.run(
        ["git", "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True, text=True
    )
    return described.stdout.strip() or "unknown"
