"""The result as JSON, with the machine, the versions and the command."""

from dataclasses import asdict
from typing import Any

from bench.figures import FIGURES, Sample
from bench.machine import machine, versions
from bench.scenarios import Size


def report(samples: list[Sample], size: Size, command: str, date: str) -> dict[str, Any]:
    """All of it; `samples` are the single measurements, `results` what follows from them."""
    return {
        "command": command,
        "date": date,
        "machine": machine(),
        "versions": versions(),
        "size": asdict(size),
        "results": [
            {
                "title": figure.title,
                "unit": figure.unit,
                "relays": {
                    peer.title: asdict(values)
                    for peer in figure.among
                    if (values := figure.range(samples, peer.name))
                },
                "over": figure.over and figure.over.title,
                "measured": figure.result(samples),
                "at_least" if figure.at_least else "at_most": figure.limit,
                "reached": figure.reached(samples),
            }
            for figure in FIGURES
        ],
        "samples": [asdict(sample) for sample in samples],
    }
