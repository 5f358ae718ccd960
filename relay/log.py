"""The relay's log: lines on standard error, from one logger, `askbot`.

A line is readable where standard error is a terminal. Elsewhere it is a JSON object, for whatever
collects it. Only this module imports structlog.
"""

import logging
import os
import re
import sys
from collections.abc import Mapping
from typing import Any, TextIO

import msgspec
import structlog
from structlog.processors import add_log_level
from structlog.stdlib import ExtraAdder, ProcessorFormatter
from structlog.typing import EventDict, Processor

log = logging.getLogger("askbot")

# Whoever knows an answer's id can read the answer. Its first characters are enough to find a line.
_ADDRESS_WITH_ID = re.compile(r"(/(?:aiCompletion|api/chat)/[^/?\s]{8})[^/?\s]+")
# The development server colours its lines.
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


def line_format(stream: TextIO) -> logging.Formatter:
    """The form of a line on the stream. What a record has in `extra` are the line's fields."""
    return ProcessorFormatter(
        foreign_pre_chain=[_time(stream), add_log_level, ExtraAdder()],
        processors=[ProcessorFormatter.remove_processors_meta, *_rendering(stream)],
    )


class Lines:
    """Writes lines with fields, in the same form.

    A line with every answer costs less without a `LogRecord`, which structlog would take apart
    again. So handlers of the logger do not get these lines; its level counts.
    """

    def __init__(self, stream: TextIO) -> None:
        self._logger: Any = structlog.wrap_logger(
            structlog.WriteLogger(stream),
            processors=[
                _time(stream),
                add_log_level,
                _begin_as_all_lines,
                *_rendering(stream),
            ],
            wrapper_class=structlog.make_filtering_bound_logger(logging.NOTSET),
            cache_logger_on_first_use=True,
        ).bind()

    def write(
        self,
        level: int,
        event: str,
        fields: Mapping[str, Any],
        fault: BaseException | None = None,
    ) -> None:
        """Writes a line, with a traceback if there was a fault, unless the log is less detailed."""
        if log.isEnabledFor(level):
            fields = fields if fault is None else {**fields, "exc_info": fault}
            self._logger.log(level, event, **fields)


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


def _time(stream: TextIO) -> Processor:
    if _is_for_people(stream):
        return structlog.processors.TimeStamper("%Y-%m-%d %H:%M:%S", utc=False)
    return structlog.processors.TimeStamper("iso")


def _rendering(stream: TextIO) -> list[Processor]:
    """From the fields of a line to the line."""
    if _is_for_people(stream):
        console = structlog.dev.ConsoleRenderer(
            colors=not os.environ.get("NO_COLOR"),
            pad_event_to=0,
            sort_keys=False,
            exception_formatter=structlog.dev.plain_traceback,
        )
        return [console]
    return [
        _add_process,
        structlog.processors.format_exc_info,
        structlog.processors.JSONRenderer(_in_json),
    ]


def _is_for_people(stream: TextIO) -> bool:
    return stream.isatty() or bool(os.environ.get("FORCE_COLOR"))


def _begin_as_all_lines(_logger: Any, _method: str, event: EventDict) -> EventDict:
    first = {name: event.pop(name) for name in ("event", "timestamp", "level")}
    return {**first, **event}


def _add_process(_logger: Any, _method: str, event: EventDict) -> EventDict:
    event["pid"] = os.getpid()
    return event


def _in_json(event: EventDict, **_options: Any) -> str:
    # What JSON has no form for, such as a path, is written as Python does.
    return msgspec.json.encode(event, enc_hook=repr).decode()
