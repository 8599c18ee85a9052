"""Logs: one line per event, as text or JSON, with whose request it was and without any secret."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Iterable, Mapping, MutableMapping
from typing import Any, TextIO, cast

import msgspec
import structlog
from structlog.typing import Processor

from app.domain.secret import Secret

# Context → its mark in a text line. Bound with structlog.contextvars where each becomes known.
MARKS = {"request_id": "REQ", "cycle_id": "CYCLE", "session_id": "SESSION"}
HIDDEN = "***"
SECRET_LENGTH_MIN = 8
DEPTH_MAX = 6

# Names of fields and headers whose values are never written, whatever they hold.
_SECRET_NAME = re.compile(
    r"""signature | api[-_]?key | api[-_]?token | secret | passphrase | passw(or)?d | cookie
        | authorization | csrf | bearer | ^(token|key|sid)$ | ^x-mbx-apikey$
        | ^(ok-)?access-(key|sign|passphrase|timestamp) | ^kc-api-""",
    re.IGNORECASE | re.VERBOSE,
)
_ISSUED = r"\bkimp_[0-9a-f]{12}_[0-9a-f]{64}"
_CONTROL = re.compile(r"[\x00-\x1f\x7f\u0085\u2028\u2029]")

# Loggers of libraries that would write request lines with their query, or mere chatter.
QUIET = {
    "uvicorn": logging.ERROR,  # its warnings are about requests that strangers may send
    "httpx": logging.WARNING,
    "httpcore": logging.WARNING,
    "apscheduler": logging.WARNING,
    "alembic": logging.WARNING,
    "asyncio": logging.WARNING,
    "distributed": logging.WARNING,
    "numba": logging.WARNING,
}

Event = MutableMapping[str, Any]

_hidden_values: set[str] = set()
_hiding: list[HideValues] = []


def hide(secrets: Iterable[Secret]) -> None:
    """From now on no line of this process holds these values either."""
    new = {secret.reveal() for secret in secrets} - _hidden_values
    if new:
        _hidden_values.update(new)
        for each in _hiding:
            each.learn(_hidden_values)


def set_up(
    style: str,
    secrets: Iterable[Secret] = (),
    *,
    level: int = logging.INFO,
    stream: TextIO | None = None,
) -> None:
    """Send every log line of this process to `stream` (stderr). style: text | json.

    secrets: values that are hidden wherever they turn up, in messages and tracebacks too.
    """
    hide(secrets)
    hiding = HideValues(_hidden_values)
    _hiding[:] = [hiding]
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
        structlog.processors.format_exc_info,
        hide_named,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(level),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.ExtraAdder(), *shared],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                as_json if style == "json" else as_text,
                cast("Processor", hiding),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    logging.captureWarnings(True)
    for name, lowest in QUIET.items():
        logging.getLogger(name).setLevel(max(level, lowest))


def hide_named(_logger: object, _method: str, event: Event) -> Event:
    """Hide what a telling name holds, at any depth."""
    for name, value in event.items():
        event[name] = HIDDEN if _SECRET_NAME.search(name) else _hidden(value, DEPTH_MAX)
    return event


def _hidden(value: object, depth: int) -> object:
    if isinstance(value, Mapping):
        if not depth:
            return HIDDEN
        return {
            name: HIDDEN if _SECRET_NAME.search(str(name)) else _hidden(held, depth - 1)
            for name, held in value.items()
        }
    if isinstance(value, list | tuple | set | frozenset):
        return [_hidden(each, depth - 1) for each in value] if depth else HIDDEN
    return value


class HideValues:
    """Hides registered values and issued tokens in the finished line, also as JSON writes them."""

    def __init__(self, values: Iterable[str]) -> None:
        self.learn(values)

    def learn(self, values: Iterable[str]) -> None:
        """These instead of those before. Of a value with several lines each line counts too."""
        values = {part for value in values for part in (value, *value.splitlines())}
        long_enough = {value for value in values if len(value) >= SECRET_LENGTH_MIN}
        spelt = long_enough | {_quoted(value)[1:-1] for value in long_enough}
        ordered = sorted(spelt, key=len, reverse=True)
        self._values = re.compile("|".join([*map(re.escape, ordered), _ISSUED]))

    def __call__(self, _logger: object, _method: str, line: str) -> str:
        return self._values.sub(HIDDEN, line)


def as_json(_logger: object, _method: str, event: Event) -> str:
    """One JSON object per line."""
    first = {name: event.pop(name) for name in ("at", "level", "event")}
    return _quoted(first | dict(event))


def as_text(_logger: object, _method: str, event: Event) -> str:
    """`at [LEVEL] [REQ:…] [logger] message | Data: {json}`, a traceback indented below."""
    at, level = event.pop("at"), str(event.pop("level")).upper()
    logger, message = event.pop("logger", None), event.pop("event")
    trace = event.pop("exception", None)
    parts = [str(at), f"[{level}]"]
    parts += [f"[{mark}:{event.pop(name)}]" for name, mark in MARKS.items() if name in event]
    parts += [f"[{logger}]"] if logger else []
    parts.append(str(message))
    if event:
        parts.append(f"| Data: {_quoted(dict(event))}")
    line = _CONTROL.sub(lambda found: found[0].encode("unicode_escape").decode(), " ".join(parts))
    # A line of a traceback cannot pass for a line of the log: ours never begin with a blank.
    return line if trace is None else "\n    ".join([line, *str(trace).splitlines()])


def _quoted(value: object) -> str:
    """JSON, in which what any reader may take for the end of a line is escaped."""
    written = msgspec.json.encode(value, enc_hook=str).decode()
    return _CONTROL.sub(lambda found: f"\\u{ord(found[0]):04x}", written)
