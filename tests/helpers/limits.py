"""The limits of all waits in the tests. A wait ends as soon as its event occurs.

Each limit is the time that a fast machine needs, times `PATIENCE`, so that tests pass on slow and
busy machines too. Set TEST_PATIENCE for an even slower one.
"""

import os
import time

PATIENCE = float(os.environ.get("TEST_PATIENCE", "10"))

# For one step of a reader, a page or a server.
WAIT_SECONDS = 6 * PATIENCE
# For promises of one second.
GONE_SECONDS = 1 * PATIENCE
# For scripts that hold something back for a test: longer than the test itself waits.
HELD_SECONDS = 2 * WAIT_SECONDS
# For the page to be built, or a language model to answer.
WORK_SECONDS = 30 * PATIENCE
# For a whole test. A test that hangs outside a wait then shows where.
TEST_SECONDS = 60 * PATIENCE

MINUTE_SECONDS, DAY_SECONDS = 60, 86_400


def wait_for_room(window: float, seconds: float) -> None:
    """Waits for the next window, of a minute or a UTC day, if this one has less time left."""
    left = window - time.time() % window
    if left < seconds:
        time.sleep(left)
