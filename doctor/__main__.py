"""The program `python -m doctor`."""

import sys

from doctor.command import main

sys.exit(main(sys.argv[1:]))
