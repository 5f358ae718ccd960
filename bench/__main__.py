"""`python -m bench`: measure, print the tables, write bench/results/."""

import argparse
import json
import resource
import sys
import time
from collections.abc import Iterator

from bench.figures import FIGURES, SCENARIOS, Sample, Scenario
from bench.peers import PEERS, ROOT
from bench.plot import plot
from bench.process import Failed
from bench.report import report
from bench.scenarios import FULL, QUICK, Size
from bench.stage import Cores
from bench.table import tables

_RESULTS = ROOT / "bench" / "results"
_ROUNDS = 3
# A relay needs two for each reader, and the search for the capacity goes beyond what will fit.
_DESCRIPTORS = 8192


def main() -> None:
    """Measure what the command line asks for."""
    arguments = _arguments()
    _allow_descriptors()
    name, size, rounds = ("quick", QUICK, 1) if arguments.quick else ("full", FULL, _ROUNDS)
    scenarios = [s for s in SCENARIOS if not arguments.only or s.name in arguments.only]
    date = time.strftime("%Y-%m-%d")
    peers = set(arguments.peer or [])
    samples = list(_measure(scenarios, peers, arguments.rounds or rounds, size))
    command = " ".join(["python -m bench", *sys.argv[1:]])
    result = report(samples, size, command, date)
    print(f"\n{tables(samples)}\n")
    for title, value in (result["machine"] | result["versions"]).items():
        print(f"{title}: {value}")
    _RESULTS.mkdir(exist_ok=True)
    (_RESULTS / f"{name}.json").write_text(json.dumps(result, indent=1) + "\n")
    caption = f"{result['machine']['processor']}, one core for each relay; {command}, {date}"
    shown = [figure for figure in FIGURES if figure.among is PEERS]
    (_RESULTS / f"{name}.svg").write_text(plot(shown, samples, caption))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a short run that proves nothing")
    parser.add_argument("--rounds", type=int, help=f"{_ROUNDS} unless told, 1 when quick")
    parser.add_argument(
        "--only", action="append", choices=[s.name for s in SCENARIOS], help="may be repeated"
    )
    peers = sorted({peer.name for scenario in SCENARIOS for peer in scenario.of})
    parser.add_argument("--peer", action="append", choices=peers, help="may be repeated")
    return parser.parse_args()


def _allow_descriptors() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < _DESCRIPTORS:
        raise SystemExit(f"The benchmark needs {_DESCRIPTORS} open files; `ulimit -Hn` is {hard}.")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, _DESCRIPTORS), hard))


def _measure(
    scenarios: list[Scenario], peers: set[str], rounds: int, size: Size
) -> Iterator[Sample]:
    """Every relay in every round: what changes on the machine meanwhile meets all of them."""
    cores = Cores.available()
    for number in range(1, rounds + 1):
        for scenario in scenarios:
            for peer in scenario.of:
                if peers and peer.name not in peers:
                    continue
                figures, failure = {}, None
                try:
                    figures = scenario.measure(peer, cores, size)
                    told = ", ".join(f"{name} {value:.4g}" for name, value in figures.items())
                except Failed as error:
                    failure = told = error.reason
                    print(error.said, file=sys.stderr)
                print(f"round {number} {scenario.name} {peer.title}: {told}", file=sys.stderr)
                yield Sample(scenario.name, peer.name, number, figures, failure)


if __name__ == "__main__":
    main()
