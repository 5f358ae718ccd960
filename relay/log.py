"""The relay's log: one logger, `askbot`, on standard error."""

import logging
import re

log = logging.getLogger("askbot")

# With the id in an address anybody can read the answer; its beginning is enough to find a line.
_ADDRESS_WITH_ID = re.compile(r"(/(?:aiCompletion|api/chat)/[^/?\s]{8})[^/?\s]+")


class ShortIds(logging.Filter):
    """Cuts the ids in the lines of Flask's development server, which logs every request."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = _ADDRESS_WITH_ID.sub(r"\1...", record.getMessage()), ()
        return True


def log_to_stderr(level: str) -> None:
    """Sets the level by its name; a second call adds nothing else."""
    log.setLevel(level)
    if not log.handlers:
        handler = logging.StreamHandler()
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
        log.addHandler(handler)
        log.propagate = False
        logging.getLogger("werkzeug").addFilter(ShortIds())
