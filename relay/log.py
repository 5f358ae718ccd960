"""The relay's log: lines on standard error, from one logger, `askbot`.

A line is readable where standard error is a terminal. Elsewhere it is a JSON object, for whatever
collects it. Only this module imports structlog.
"""

import logging
import os
import re
import sys
from typing import Any, TextIO

import msgspec
import structlog
from structlog.stdlib import ExtraAdder, ProcessorFormatter, add_log_level
from structlog.typing import EventDict, Processor

log = logging.getLogger("askbot")

# Whoever knows an answer's id can read the answer. Its first characters are enough to find a line.
_ADDRESS_WITH_ID = re.compile(r"(/(?:aiCompletion|api/chat)/[^/?\s]{8})[^/?\s]+")
# The development server colours its lines.
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


def line_format(stream: TextIO) -> logging.Formatter:
    """The form of a line on the stream. What a record has in `extra` are the line's fields."""
    if stream.isatty() or os.environ.get("FORCE_COLOR"):
        renderer: list[Processor] = [
            ProcessorFormatter.remove_processors_meta,
            structlog.dev.ConsoleRenderer(
                colors=not os.environ.get("NO_COLOR"),
                pad_event_to=0,
                sort_keys=False,
                exception_formatter=structlog.dev.plain_traceback,
            ),
        ]
        time = structlog.processors.TimeStamper("%Y-%m-%d %H:%M:%S", utc=False)
    else:
        renderer = [
            _add_process,
            ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(_in_json),
        ]
        time = structlog.processors.TimeStamper("iso")
    return ProcessorFormatter(
        foreign_pre_chain=[time, add_log_level, ExtraAdder()],
        processors=renderer,
    )


def log_to_stderr(level: str) -> None:
    """Logs to standard error. A second call only sets the level."""
    log.setLevel(level)
    if not log.handlers:
        handler = logging.StreamHandler()
        handler.setFormatter(line_format(sys.stderr))
        log.addHandler(handler)
        log.propagate = False
        served = logging.getLogger("werkzeug")
        served.addFilter(_without_ids)
        # Without a handler the development server would add its own.
        served.addHandler(handler)
        served.propagate = False


def _without_ids(record: logging.LogRecord) -> bool:
    """Shortens the ids in the request log of Flask's development server."""
    text = _COLOUR.sub("", record.getMessage()).strip()
    record.msg, record.args = _ADDRESS_WITH_ID.sub(r"\1...", text), ()
    return True


def _add_process(_logger: Any, _method: str, event: EventDict) -> EventDict:
    event["pid"] = event["_record"].process
    return event


def _in_json(event: EventDict, **_options: Any) -> str:
    # What JSON has no form for, such as a path, is written as Python does.
    return msgspec.json.encode(event, enc_hook=repr).decode()
