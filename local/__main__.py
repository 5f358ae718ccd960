"""What `make run` runs."""

from local.run import main

main()
