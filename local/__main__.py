"""The program that `make run` starts."""

import signal

# The imports below take a moment, in which there is nothing to end and nothing to be said.
signal.signal(signal.SIGINT, signal.SIG_DFL)

from local.run import main  # noqa: E402 - see above

main()
