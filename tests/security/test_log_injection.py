"""Logs: whatever strangers write, one event is one line, and it says what we said."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from app.domain.secret import Secret
from app.runtime import logs
from tests.appkit import Running

FORGED = "2026-11-20T06:50:00Z [INFO] [kimp] login | Data: {}"
ATTACKS = [
    f"eve\n{FORGED}",
    f"eve\r{FORGED}",
    f"eve\r\n{FORGED}",
    f"eve\u2028{FORGED}",
    f"eve\u0085{FORGED}",
    f"eve\x0b{FORGED}",
    f"eve\x0c{FORGED}",
    f"eve\x1c{FORGED}",
    "eve\x1b[2J\x1b[31madmin",
    "eve\x00",
    "eve\x7f\x08\x08\x08admin",
    '"}\n{"event": "login", "actor": "admin"',
]
CONTROL = {*map(chr, range(32)), "\x7f", "\x85", "\u2028", "\u2029"}


@pytest.fixture(autouse=True)
def afterwards() -> Iterator[None]:
    root = logging.getLogger()
    kept, level = root.handlers, root.level
    yield
    root.handlers, root.level = kept, level
    structlog.reset_defaults()


def written(style: str, event: str = "login", **fields: object) -> str:
    stream = io.StringIO()
    logs.set_up(style, stream=stream)
    structlog.get_logger("kimp").warning(event, **fields)
    return stream.getvalue()


def lines(text: str) -> list[str]:
    """As any reader of logs may cut it."""
    assert text.endswith("\n")
    return text[:-1].splitlines()


@pytest.mark.parametrize("style", ["text", "json"])
@pytest.mark.parametrize("attack", ATTACKS)
def test_log_injection_stays_in_its_line(style: str, attack: str) -> None:
    for fields in (
        {"actor": attack},
        {"headers": {"user-agent": attack, attack: "x"}},
        {"rows": [attack, (attack,)]},
        {"error": ValueError(attack)},
    ):
        (line,) = lines(written(style, **fields))
        assert not CONTROL & set(line)


@pytest.mark.parametrize("style", ["text", "json"])
@pytest.mark.parametrize("attack", ATTACKS)
def test_log_injection_by_the_message_stays_in_its_line(style: str, attack: str) -> None:
    (line,) = lines(written(style, event=attack))
    assert not CONTROL & set(line)


@given(st.text(max_size=80), st.sampled_from(["text", "json"]))
def test_log_injection_never_makes_a_second_line(text: str, style: str) -> None:
    (line,) = lines(written(style, event=text, actor=text))
    if style == "json":
        told = json.loads(line)
        assert told["logger"] == "kimp"
        assert told["level"] == "warning"


def test_log_injection_in_json_changes_no_other_field() -> None:
    told = json.loads(written("json", actor='x", "level": "info", "event": "nothing'))
    assert (told["level"], told["event"]) == ("warning", "login")


def test_log_injection_by_a_library_stays_in_its_line() -> None:
    stream = io.StringIO()
    logs.set_up("text", stream=stream)
    logging.getLogger("some.library").warning("bad host %s", ATTACKS[2])
    assert len(lines(stream.getvalue())) == 1


def test_log_injection_by_a_traceback_forges_no_line_of_ours() -> None:
    """Its lines are indented; ours never are."""
    stream = io.StringIO()
    logs.set_up("text", stream=stream)
    try:
        raise RuntimeError(f"venue said\n{FORGED}")
    except RuntimeError:
        structlog.get_logger("kimp").exception("order_failed")
    first, *rest = lines(stream.getvalue())
    assert "order_failed" in first
    assert rest and all(line.startswith("    ") for line in rest)


def test_log_injection_hides_what_was_learned_later() -> None:
    """Keys that a person types in while the service runs; each line of a key with several."""
    stream = io.StringIO()
    logs.set_up("text", stream=stream)
    logs.hide([Secret("learned-later-1234"), Secret("-----BEGIN\nMHcCAQEEIBcanary\n-----END")])
    structlog.get_logger("kimp").warning("asked", url="https://x/?k=learned-later-1234")
    structlog.get_logger("kimp").warning("signed with MHcCAQEEIBcanary")
    assert "learned-later" not in stream.getvalue()
    assert "MHcCAQEEIBcanary" not in stream.getvalue()


@pytest.mark.parametrize("name", ATTACKS)
async def test_log_injection_by_a_visitor(
    kimp: Running, name: str, capfd: pytest.CaptureFixture[str]
) -> None:
    stream = io.StringIO()
    logs.set_up("text", stream=stream)
    async with kimp.visitor(**{"User-Agent": "curl", "X-Request-Id": "1"}) as visitor:
        page = await visitor.get("/login")
        csrf = page.text.partition('name="csrf" value="')[2].partition('"')[0]
        await visitor.post("/login", data={"csrf": csrf, "name": name, "password": "x"})
        await visitor.get("/" + "".join(f"%{ord(letter) % 256:02x}" for letter in name))
    for line in lines(stream.getvalue()):
        assert line.startswith("20"), "no line but ours"
        assert not CONTROL & set(line)
