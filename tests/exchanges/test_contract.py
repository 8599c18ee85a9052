"""One suite for every venue, which names none: recorded messages, and what must come of them.

`fixtures/<venue>/<name>.jsonl` holds messages in the shape of the venue's documents, and
`<name>.events.jsonl` beside it the events that they mean, with all levels.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from app.domain.markets import Alignment, Flow, Instrument, WalletNetwork
from app.domain.venues import Venue
from app.exchanges import EXCHANGES
from app.exchanges.contract import Exchange, Names, Request, Ticket
from app.exchanges.decode import Row, decode

FIXTURES = Path(__file__).parent / "fixtures"
EVENTS = ".events.jsonl"
EVERY_VENUE_HAS = {"books", "trades", "markets", "candles", "wallets", "control", "broken"}
RECORDINGS = sorted(path for path in FIXTURES.rglob("*.jsonl") if not path.name.endswith(EVENTS))
TICKET = Ticket(1_700_000_000_000_000_000, "t1")
MINUTE_NS = 60_000_000_000


def title(path: Path) -> str:
    return f"{path.parent.name}-{path.stem}"


def exchange_of(path: Path) -> Exchange:
    return EXCHANGES[Venue(path.parent.name)]


def expected(path: Path) -> list[Row]:
    text = path.with_name(path.stem + EVENTS).read_text()
    return [json.loads(line) for line in text.splitlines()]


def played(exchange: Exchange, lines: list[bytes], **options: Any) -> list[Row]:
    """As a reader of the printed lines sees them."""
    return [json.loads(json.dumps(row)) for row in decode(exchange, lines, depth=0, **options)]


@pytest.fixture(params=EXCHANGES.values(), ids=EXCHANGES.keys())
def exchange(request: pytest.FixtureRequest) -> Exchange:
    chosen: Exchange = request.param
    return chosen


@pytest.fixture(params=RECORDINGS, ids=title)
def recording(request: pytest.FixtureRequest) -> Path:
    path: Path = request.param
    return path


def spot_names(exchange: Exchange) -> list[Row]:
    """Rows that name a spot market of this venue by its symbol, one for each."""
    rows = {
        row["symbol"]: row
        for path in (FIXTURES / exchange.venue).glob(f"books{EVENTS}")
        for row in map(json.loads, path.read_text().splitlines())
        if "symbol" in row and "product" not in row
    }
    assert rows
    return list(rows.values())


def some_instruments(exchange: Exchange, count: int) -> list[Instrument]:
    quote = spot_names(exchange)[0]["quote"]
    return [Instrument(exchange.venue, f"C{number}X", quote) for number in range(count)]


def test_every_venue_shows_its_messages(exchange: Exchange) -> None:
    names = {path.stem for path in RECORDINGS if path.parent.name == exchange.venue}

    assert names >= EVERY_VENUE_HAS
    if exchange.ask_time() is not None:
        assert "time" in names
    if any(alignment is not Alignment.SNAPSHOTS for alignment in exchange.channels.values()):
        assert "changes" in names


def test_messages_become_exactly_these_events(recording: Path) -> None:
    rows = played(exchange_of(recording), recording.read_bytes().splitlines())

    for row, wanted in zip(rows, expected(recording), strict=True):
        if wanted["event"] == "error":  # the words of a reason are free
            assert (row["event"], row["line"]) == ("error", wanted["line"])
            assert row["reason"]
        else:
            assert row == wanted


def test_nothing_is_passed_over_in_silence(recording: Path) -> None:
    lines = recording.read_bytes().splitlines()
    counts = [len(played(exchange_of(recording), lines[:end])) for end in range(len(lines) + 1)]

    assert all(after > before for before, after in pairwise(counts))


def test_only_what_is_broken_is_an_error(recording: Path) -> None:
    lines = recording.read_bytes().splitlines()
    wrong = {row["line"] for row in expected(recording) if row["event"] == "error"}

    assert bool(wrong) == (recording.stem == "broken")
    assert wrong <= set(range(1, len(lines) + 1))


def test_what_is_sent_twice_counts_once(recording: Path) -> None:
    lines = recording.read_bytes().splitlines()
    exchange = exchange_of(recording)
    once = played(exchange, lines, final=True)
    twice = played(exchange, [line for line in lines for _ in range(2)], final=True)

    books = [row for row in once if row["event"] == "book"]
    assert [row for row in twice if row["event"] == "book"] == books


def test_a_hole_is_told_and_the_book_is_invalid_before_anything_else(exchange: Exchange) -> None:
    recording = FIXTURES / exchange.venue / "changes.jsonl"
    if not recording.exists():
        assert set(exchange.channels.values()) == {Alignment.SNAPSHOTS}
        return
    rows = expected(recording)
    holes = [number for number, row in enumerate(rows) if row["event"] == "gap"]

    assert holes
    for number in holes:
        after = next(
            row for row in rows[number + 1 :] if row.get("symbol") == rows[number]["symbol"]
        )
        assert (after["event"], after["valid"]) == ("book", False)
    assert any(row.get("valid") for row in rows[holes[0] :]), "a snapshot heals it"


def lists_in(message: Any) -> Iterator[list[Any]]:
    """Lists of objects, the outermost first."""
    inner = message.values() if isinstance(message, dict) else message
    if isinstance(message, list) and message and isinstance(message[0], dict):
        yield message
    for each in inner if isinstance(message, dict | list) else ():
        yield from lists_in(each)


def test_a_strange_row_spoils_no_other_market(exchange: Exchange) -> None:
    tried = 0
    for line in (FIXTURES / exchange.venue / "markets.jsonl").read_bytes().splitlines():
        before = played(exchange, [line])
        if any(row["event"] != "market" for row in before) or not line.startswith((b"{", b"[")):
            continue
        message = json.loads(line)
        for rows in [found for found in lists_in(message) if len(found) == len(before)][:1]:
            rows.append({"nobody": "expected this"})
            now = played(exchange, [json.dumps(message).encode()])
            assert now[:-1] == before
            assert now[-1]["event"] == "ignored" and "cannot be read" in now[-1]["reason"]
            tried += 1
    assert tried


def test_symbols_and_instruments_are_each_other_s_inverse(exchange: Exchange) -> None:
    for row in spot_names(exchange):
        instrument = Instrument(exchange.venue, row["base"], row["quote"])
        assert exchange.symbol(instrument) == row["symbol"]
        assert exchange.instrument(row["symbol"]) == instrument


def test_what_is_listed_wins_over_what_is_spelled(exchange: Exchange) -> None:
    names = Names(exchange)
    odd = Instrument(exchange.venue, "ODDCOIN", "ODDMONEY")
    names.learn(odd)

    assert names[exchange.symbol(odd)] == odd


def test_connections_hold_every_instrument_once_within_the_limits(exchange: Exchange) -> None:
    size = exchange.limits.instruments_per_connection
    instruments = some_instruments(exchange, 2 * size + 1)
    for channel in exchange.channels:
        made = exchange.connections(instruments, channel, TICKET)

        assert len(made) == math.ceil(len(instruments) / size)
        said = [
            (connection.path + "".join(frame.decode() for frame in connection.frames)).upper()
            for connection in made
        ]
        for number, instrument in enumerate(instruments):
            symbol = exchange.symbol(instrument).upper()
            holding = [place for place, text in enumerate(said) if symbol in text]
            assert holding == [number // size]
        for connection in made:
            assert all(json.loads(frame) for frame in connection.frames)
            assert all(len(frame) <= 64 * 1024 for frame in connection.frames)


def test_a_book_that_broke_can_be_started_anew(exchange: Exchange) -> None:
    (instrument,) = some_instruments(exchange, 1)
    for channel, alignment in exchange.channels.items():
        frames = exchange.resubscribe(instrument, channel, TICKET)
        by_itself = alignment in {Alignment.SNAPSHOTS, Alignment.BUFFERED}
        assert frames or by_itself, "snapshots come by themselves, buffered ones by REST"
        if by_itself:  # then it is only for those whose subscription was refused with another's
            assert not any(b"unsubscribe" in frame for frame in frames)


def test_hosts_are_secure_and_pings_are_frames(exchange: Exchange) -> None:
    assert urlsplit(exchange.rest_url).scheme == "https"
    assert urlsplit(exchange.stream_url).scheme == "wss"
    assert exchange.ping_every_s is not None or exchange.ping(TICKET) is None


def requests(exchange: Exchange) -> Iterator[Request]:
    instruments = some_instruments(exchange, 3)
    yield from exchange.ask_markets()
    yield from exchange.ask_market_details(instruments)
    yield exchange.ask_book(instruments[0])
    yield exchange.ask_candles(instruments[0], 1_700_000_040 * 10**9, 5)
    yield exchange.ask_wallets()
    unknown = Flow.UNKNOWN, Flow.UNKNOWN
    yield from exchange.ask_withdrawals([WalletNetwork(exchange.venue, "BTC", "BTC", *unknown)])
    for asked in (exchange.ask_time(), exchange.entry()):
        if asked is not None:
            yield asked


def test_requests_are_written_as_they_are_read(exchange: Exchange) -> None:
    for request in requests(exchange):
        again = Request.parse(f"{request.method} {request.target}")
        assert (again.method, again.path, again.query) == (
            request.method,
            request.path,
            request.query,
        )


def test_a_recorded_reply_answers_a_request_of_ours(exchange: Exchange) -> None:
    """Every path that is read in the recordings of spot is one that we ask."""
    asked = {request.path for request in requests(exchange)}
    for name in ("markets", "candles", "wallets"):
        for line in (FIXTURES / exchange.venue / f"{name}.jsonl").read_text().splitlines():
            if '"request"' in line:
                assert Request.parse(json.loads(line[line.index("{") :])["request"]).path in asked


def damaged(value: Any) -> Iterator[Any]:
    """The value with one thing in it wrong, in every way that comes to mind."""
    yield from (None, "", "x", -1, 1.5, 10**30, str(10**30), 2**62, [], {}, [[]], [{}], True)
    if isinstance(value, dict):
        for key, inner in value.items():
            yield {name: kept for name, kept in value.items() if name != key}
            for other in damaged(inner):
                yield value | {key: other}
    if isinstance(value, list):
        for number, inner in enumerate(value[:2]):
            for other in damaged(inner):
                yield [*value[:number], other, *value[number + 1 :]]


def test_damage_is_an_error_and_never_a_crash(recording: Path) -> None:
    exchange = exchange_of(recording)
    for line in recording.read_text().splitlines():
        start = min((line.index(mark) for mark in "[{" if mark in line), default=0)
        for end in range(start, len(line), 7):
            list(decode(exchange, [line[:end].encode()]))
        try:
            message = json.loads(line[start:])
        except ValueError:
            continue
        for other in damaged(message):
            list(decode(exchange, [json.dumps(other).encode()]))
