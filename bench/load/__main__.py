"""`python -m bench.load '<Plan as JSON>'`: run the plan, print the Outcome as JSON."""

import gc
import sys

import msgspec

from bench.load.crowd import Crowd
from bench.load.plan import Plan


def main() -> None:
    """Run the plan of the first argument."""
    plan = msgspec.json.decode(sys.argv[1], type=Plan)
    # A collection over all that was read would be seen as an old token.
    gc.disable()
    sys.stdout.buffer.write(msgspec.json.encode(Crowd(plan).run()))


if __name__ == "__main__":
    main()
