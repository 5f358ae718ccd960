"""Runs tests again and again, also beside other work, to find the ones that do not always hold.

python tests/repeat.py --times 20 --busy 2 -- -n auto --dist worksteal tests/page
"""

import argparse
import contextlib
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator


def main() -> int:
    parser = argparse.ArgumentParser(
        description="Runs pytest again and again, and tells which tests did not always pass.",
        usage="%(prog)s [--times N] [--busy N] -- what pytest is to be told",
    )
    parser.add_argument("--times", type=int, default=10, metavar="N", help="how often (10)")
    parser.add_argument("--busy", type=int, default=0, metavar="N", help="busy loops beside it (0)")
    parser.add_argument("pytest", nargs="*")
    options = parser.parse_args()

    # A shell's background jobs ignore Ctrl-C; by either signal all that was started ends as well.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    failures: Counter[str] = Counter()
    failed_runs = 0
    with busy_loops(options.busy):
        for number in range(1, options.times + 1):
            start = time.monotonic()
            status, output = run(options.pytest)
            seconds = time.monotonic() - start
            result = "passed" if status == 0 else f"failed with status {status}"
            if status != 0:
                print(output, flush=True)
                failed_runs += 1
                failures.update(failed_tests(output))
            print(f"Run {number} of {options.times}: {result} after {seconds:.0f} s", flush=True)
    print(f"{failed_runs} of {options.times} runs failed.")
    for test, count in failures.most_common():
        print(f"  {count} times: {test}")
    return 1 if failed_runs else 0


def run(arguments: list[str]) -> tuple[int, str]:
    """The exit status of one run, and all it printed."""
    with subprocess.Popen(
        [sys.executable, "-m", "pytest", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as pytest:
        try:
            output, _ = pytest.communicate()
        except BaseException:
            # So that it ends the servers and browsers it has started.
            pytest.send_signal(signal.SIGINT)
            raise
    return pytest.returncode, output


def failed_tests(output: str) -> list[str]:
    """The tests that pytest's summary names."""
    lines = [line.split(" - ")[0] for line in output.splitlines()]
    return [line for line in lines if line.startswith(("FAILED ", "ERROR "))]


@contextlib.contextmanager
def busy_loops(count: int) -> Iterator[None]:
    """As many processes that leave no processor alone."""
    loops = [subprocess.Popen(["sh", "-c", "while :; do :; done"]) for _ in range(count)]
    try:
        yield
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
