"""The limit on open files (`ulimit -n`), and the number of readers that it allows.

The usual limit of 1024 allows about 450 readers.
"""

import resource

from relay.settings import SettingsError

# A reader takes two: the client's connection, and the one to the model.
PER_READER = 2
# For everything else: listening, libraries, logs, looking up names.
KEPT = 128
MAX_READERS = 4096
ENOUGH = 32768


def raise_limit() -> None:
    """Raises the limit to what the machine allows, or to ENOUGH if that is lower."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    allowed = ENOUGH if hard == resource.RLIM_INFINITY else min(ENOUGH, hard)
    if soft != resource.RLIM_INFINITY:
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, allowed), hard))


def max_readers() -> int:
    """How many answers can be written at once. Raises SettingsError when not one can."""
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if limit == resource.RLIM_INFINITY:
        return MAX_READERS
    most = min(MAX_READERS, (limit - KEPT) // PER_READER)
    if most < 1:
        raise SettingsError(
            f"The limit on open files (ulimit -n) is {limit}, too low for a single answer: raise "
            "it to 1024 or more (LimitNOFILE= of a service, --ulimit nofile= of a container)."
        )
    return most
