"""How long a test waits for what it expects. It goes on as soon as that is there.

Every limit is what a quick machine needs, times `PATIENCE`: a machine that is slower, or has more
to do, needs the same tests. Set TEST_PATIENCE for one that is slower still.
"""

import os

PATIENCE = float(os.environ.get("TEST_PATIENCE", "10"))

# For one step of a reader, a page or a server.
WAIT_SECONDS = 6 * PATIENCE
# For what is promised within a second.
GONE_SECONDS = 1 * PATIENCE
# For what holds something back until a test has seen enough: longer than the test itself waits.
HELD_SECONDS = 2 * WAIT_SECONDS
# For the page to be built, or a language model to answer.
WORK_SECONDS = 30 * PATIENCE
# For a whole test: one that hangs elsewhere than in a wait says where.
TEST_SECONDS = 60 * PATIENCE
