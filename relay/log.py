"""The relay's log: one logger, `askbot`, on standard error."""

import logging
import re

log = logging.getLogger("askbot")

# Whoever knows an answer's id can read the answer. Its first characters are enough to find a line.
_ADDRESS_WITH_ID = re.compile(r"(/(?:aiCompletion|api/chat)/[^/?\s]{8})[^/?\s]+")


class ShortIds(logging.Filter):
    """Shortens the ids in the request log of Flask's development server."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = _ADDRESS_WITH_ID.sub(r"\1...", record.getMessage()), ()
        return True


def log_to_stderr(level: str) -> None:
    """Logs to standard error. A second call only sets the level."""
    log.setLevel(level)
    if not log.handlers:
        handler = logging.StreamHandler()
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
        log.addHandler(handler)
        log.propagate = False
        logging.getLogger("werkzeug").addFilter(ShortIds())
