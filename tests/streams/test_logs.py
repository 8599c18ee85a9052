"""Log lines: one per event, whose request it was, and no secret in any of them."""

from __future__ import annotations

import io
import json
import logging
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import structlog

from app.domain.secret import Secret
from app.runtime import logs

TOKEN = 'a "quoted" bootstrap token of some length'
ISSUED = "kimp_0123456789ab_" + "f" * 64


@pytest.fixture(autouse=True)
def as_it_was() -> Iterator[None]:
    root = logging.getLogger()
    before = root.handlers[:], root.level
    yield
    root.handlers, root.level = before
    logging.captureWarnings(False)
    structlog.reset_defaults()


Written = Callable[[], list[str]]


def set_up(style: str) -> Written:
    stream = io.StringIO()
    logs.set_up(style, [Secret(TOKEN), Secret("short")], stream=stream)
    return lambda: stream.getvalue().splitlines()


def test_a_text_line_names_the_time_the_level_the_request_and_the_data() -> None:
    written = set_up("text")

    with structlog.contextvars.bound_contextvars(request_id="req-1", cycle_id="c-9"):
        structlog.get_logger("kimp.work").info("run_completed", run="b-1", bars=10)

    (line,) = written()
    at, rest = line.split(" ", 1)
    assert at.endswith("Z")
    assert rest == (
        '[INFO] [REQ:req-1] [CYCLE:c-9] [kimp.work] run_completed | Data: {"run":"b-1","bars":10}'
    )


def test_a_json_line_is_one_object_with_the_same() -> None:
    written = set_up("json")

    with structlog.contextvars.bound_contextvars(request_id="req-1"):
        structlog.get_logger("kimp.work").info("run_completed", run="b-1", sharpe=float("nan"))

    (line,) = written()
    found: dict[str, Any] = json.loads(line)
    assert found.pop("at").endswith("Z")
    assert found == {
        "level": "info",
        "event": "run_completed",
        "run": "b-1",
        "sharpe": None,
        "request_id": "req-1",
        "logger": "kimp.work",
    }


@pytest.mark.parametrize("style", ["text", "json"])
def test_libraries_write_the_same_lines(style: str) -> None:
    written = set_up(style)

    with structlog.contextvars.bound_contextvars(request_id="req-1"):
        logging.getLogger("some.library").warning("gave %s up after %d tries", "it", 3)

    (line,) = written()
    assert "gave it up after 3 tries" in line
    assert "req-1" in line
    assert "some.library" in line


def test_request_lines_of_http_clients_with_their_queries_are_not_kept() -> None:
    written = set_up("text")

    logging.getLogger("httpx").info("HTTP Request: GET https://venue/order?signature=abc")
    logging.getLogger("uvicorn.access").info("GET /?token=abc")

    assert written() == []


@pytest.mark.parametrize("style", ["text", "json"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r", "\x1b[2K", "\u2028"])
def test_nobody_can_write_a_line_of_their_own(style: str, end: str) -> None:
    written = set_up(style)

    forged = f"ada{end}2026-11-20T00:00:00Z [INFO] [kimp.security] sign_in"
    structlog.get_logger("kimp").warning(f"sign_in_failed {forged}", name=forged)
    logging.getLogger("library").warning("name %s", forged)

    lines = written()
    assert len(lines) == 2
    assert all("\x1b" not in line for line in lines)


def test_a_traceback_in_text_is_indented_below_its_line() -> None:
    written = set_up("text")

    try:
        raise ValueError("first\n2026-11-20T00:00:00Z [INFO] forged")
    except ValueError:
        structlog.get_logger("kimp").exception("broke")

    first, *trace = written()
    assert first.endswith("[kimp] broke")
    assert all(line.startswith("    ") for line in trace)
    assert any("ValueError: first" in line for line in trace)


@pytest.mark.parametrize(
    "name",
    [
        "password",
        "new_password",
        "Cookie",
        "set-cookie",
        "Authorization",
        "signature",
        "apiKey",
        "api_secret",
        "passphrase",
        "X-MBX-APIKEY",
        "ACCESS-SIGN",
        "OK-ACCESS-PASSPHRASE",
        "KC-API-SIGN",
        "csrf",
        "token",
    ],
)
@pytest.mark.parametrize("style", ["text", "json"])
def test_what_a_telling_name_holds_is_hidden_at_any_depth(style: str, name: str) -> None:
    written = set_up(style)

    log = structlog.get_logger("kimp")
    log.info("sent", **{name: "canary"})
    log.info("sent", headers={name: "canary", "accept": "seen"})
    log.info("sent", tries=[{"deep": ({name: {"er": "canary"}},)}])
    logging.getLogger("library").warning("sent", extra={name: "canary"})

    lines = written()
    assert len(lines) == 4
    assert "canary" not in "".join(lines)
    assert "seen" in lines[1]


@pytest.mark.parametrize("style", ["text", "json"])
def test_a_known_secret_is_hidden_wherever_it_turns_up(style: str) -> None:
    written = set_up(style)

    log = structlog.get_logger("kimp")
    log.info(f"asked with {TOKEN}", url=f"https://venue/?key={TOKEN}", issued=ISSUED)
    try:
        raise ValueError(f"{TOKEN} was refused")
    except ValueError:
        log.exception("broke")

    text = "\n".join(written())
    assert "bootstrap token" not in text
    assert ISSUED not in text
    assert logs.HIDDEN in text


def test_a_short_secret_does_not_make_the_log_unreadable() -> None:
    written = set_up("text")

    structlog.get_logger("kimp").info("a short word")

    assert "a short word" in written()[0]


def test_a_secret_value_is_never_spelt() -> None:
    written = set_up("json")

    structlog.get_logger("kimp").info("held", key=Secret("canary-canary"), all=[Secret("canary")])

    assert "canary" not in written()[0]


def test_debug_lines_are_kept_only_when_asked_for() -> None:
    written = set_up("text")
    structlog.get_logger("kimp").debug("detail")
    assert written() == []

    stream = io.StringIO()
    logs.set_up("text", level=logging.DEBUG, stream=stream)
    structlog.get_logger("kimp").debug("detail")
    assert "detail" in stream.getvalue()


def test_lines_go_to_standard_error_so_that_answers_stay_clean(
    capsys: pytest.CaptureFixture[str],
) -> None:
    logs.set_up("text", stream=sys.stderr)

    structlog.get_logger("kimp").info("here")

    out, err = capsys.readouterr()
    assert out == ""
    assert "here" in err
