"""The relay's log: one logger, `askbot`, on standard error."""

import logging

log = logging.getLogger("askbot")


def log_to_stderr(level: str) -> None:
    """Sets the level by its name; a second call adds nothing else."""
    log.setLevel(level)
    if not log.handlers:
        handler = logging.StreamHandler()
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
        log.addHandler(handler)
        log.propagate = False
