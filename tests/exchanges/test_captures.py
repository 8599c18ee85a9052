"""Recordings of the venues themselves: current protocols decode whole, retired ones to nothing."""

from __future__ import annotations

import ast
import gzip
import json
import re
from collections.abc import Iterable, Iterator
from operator import itemgetter
from pathlib import Path
from typing import Any

import pytest

from app.domain.venues import Venue
from app.exchanges import EXCHANGES
from app.exchanges.decode import Row, decode

CURRENT: dict[str, Venue] = {
    "BINANCE": Venue.BINANCE,
    "BINANCE_US": Venue.BINANCE,
    "BINANCE_FUTURES": Venue.BINANCE,
    "BINANCE_DELIVERY": Venue.BINANCE,
    "UPBIT": Venue.UPBIT,
    "GATEIO": Venue.GATE,
    "GATEIO_FUTURES": Venue.GATE,
    "OKX": Venue.OKX,
    "KUCOIN": Venue.KUCOIN,
}
"""Recordings of protocols that are spoken today, by the file's name."""

RETIRED: dict[str, Venue] = {
    "BITGET": Venue.BITGET,
    "BYBIT": Venue.BYBIT,
    "BITHUMB": Venue.BITHUMB,
    "COINBASE": Venue.COINBASE,
}
"""Recordings of protocols that are spoken no more."""

ASKED = re.compile(r"https?://[^/]+(/\S*) -> ([\d.]+): (.*?)(?: header: .*)?")
RECEIVED = re.compile(r"([\d.]+): (.*)")


def lines_of(folder: Path, name: str) -> list[bytes]:
    """A recording in cryptofeed's format as lines of decode, in the order of their receipt."""
    found: list[tuple[float, str]] = []
    for path in sorted(folder.glob(f"{name}.*")):
        for text in path.read_text().splitlines():
            if asked := ASKED.fullmatch(text):
                target, at_s, body = asked.groups()
                request = json.dumps(f"GET {target}")
                found.append((float(at_s), f'{{"request": {request}, "body": {body}}}'))
            elif received := RECEIVED.fullmatch(text):
                at_s, message = received.groups()
                if message.startswith("b'"):
                    message = ast.literal_eval(message).decode()
                found.append((float(at_s), message))
    found.sort(key=itemgetter(0))
    return [f"{int(at_s * 1e9)} {message}".encode() for at_s, message in found]


@pytest.fixture
def captures(shared_data: Path) -> Path:
    return shared_data / "captures"


def told(venue: Venue, lines: list[bytes], **options: Any) -> list[Row]:
    return list(decode(EXCHANGES[venue], lines, **options))


@pytest.mark.parametrize("name", CURRENT)
def test_current_protocols_decode_without_an_error_or_a_gap(captures: Path, name: str) -> None:
    lines = lines_of(captures / "cryptofeed", name)
    rows = told(CURRENT[name], lines)

    assert len(rows) >= len(lines) > 100
    assert {row["event"] for row in rows} <= {"book", "trade", "market", "ignored"}
    books = [row for row in rows if row["event"] == "book"]
    assert len(books) > 90
    assert all(row["valid"] and row["bids"] and row["asks"] for row in books)


@pytest.mark.parametrize("name", RETIRED)
def test_retired_protocols_are_ignored_line_by_line(captures: Path, name: str) -> None:
    lines = lines_of(captures / "cryptofeed", name)
    rows = told(RETIRED[name], lines)

    assert len(rows) == len(lines) > 0
    assert {row["event"] for row in rows} == {"ignored"}


def test_both_generations_of_bithumb_as_one_recorder_heard_them(captures: Path) -> None:
    folder = captures / "bithumb_ws_20241128"
    (book,) = told(
        Venue.BITHUMB, (folder / "new_api_orderbook_SIMPLE.jsonl").read_bytes().splitlines()
    )
    (retired,) = told(
        Venue.BITHUMB, (folder / "old_api_orderbookdepth.jsonl").read_bytes().splitlines()
    )

    assert (book["event"], book["valid"], book["symbol"]) == ("book", True, "USD-ABC")
    assert book["exchange_at"] == "2024-11-28T12:25:00.425Z"
    assert book["asks"][0] == ("133321000", "0.0023"), "the row above it holds nothing"
    assert retired["event"] == "ignored"


class Rebuilt:
    """Binance's procedure as its document tells it, with dicts of texts and nothing of ours."""

    def __init__(self, is_derivative: bool) -> None:
        self._is_derivative = is_derivative
        self._early: list[dict[str, Any]] = []
        self.sides: tuple[dict[str, str], dict[str, str]] = ({}, {})
        self.last: int | None = None
        self.applied = 0
        self.joined = 0  # of those, with the snapshot

    def snapshot(self, body: dict[str, Any]) -> None:
        self.last = body["lastUpdateId"]
        self.sides = dict(body["bids"]), dict(body["asks"])
        for event in self._early:
            self.update(event)
        self.joined = self.applied

    def update(self, event: dict[str, Any]) -> None:
        if self.last is None:
            self._early.append(event)
            return
        if event["u"] < self.last or (event["u"] == self.last and not self._is_derivative):
            return
        if not self.applied:
            assert event["U"] <= self.last + 1 <= event["u"] + 1
        elif self._is_derivative:
            assert event["pu"] == self.last
        else:
            assert event["U"] == self.last + 1
        for side, changes in zip(self.sides, (event["b"], event["a"]), strict=True):
            for price, quantity in changes:
                if float(quantity):
                    side[price] = quantity
                else:
                    side.pop(price, None)
        self.last = event["u"]
        self.applied += 1

    def levels(self) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
        bids, asks = (list(side.items()) for side in self.sides)
        return (
            sorted(bids, key=lambda level: -float(level[0])),
            sorted(asks, key=lambda level: float(level[0])),
        )


def rebuilt(lines: Iterable[bytes], is_derivative: bool) -> dict[str, Rebuilt]:
    books: dict[str, Rebuilt] = {}
    for symbol, body in messages(lines):
        book = books.setdefault(symbol, Rebuilt(is_derivative))
        if "lastUpdateId" in body:
            book.snapshot(body)
        else:
            book.update(body)
    return {symbol: book for symbol, book in books.items() if book.last is not None}


def messages(lines: Iterable[bytes]) -> Iterator[tuple[str, dict[str, Any]]]:
    """(symbol, snapshot or update) of every message about a book."""
    for line in lines:
        message = json.loads(line.partition(b" ")[2])
        if "depth?" in message.get("request", ""):
            yield re.findall(r"symbol=(\w+)", message["request"])[0], message["body"]
        elif "lastUpdateId" in message:
            yield "BTCUSDT", message
        elif message.get("data", {}).get("e") == "depthUpdate":
            yield message["data"]["s"], message["data"]


@pytest.mark.parametrize("name", [name for name in CURRENT if CURRENT[name] == Venue.BINANCE])
def test_binance_s_final_books_equal_an_independent_rebuild(captures: Path, name: str) -> None:
    lines = lines_of(captures / "cryptofeed", name)
    books = rebuilt(lines, is_derivative=name in {"BINANCE_FUTURES", "BINANCE_DELIVERY"})
    rows = told(Venue.BINANCE, lines, depth=0, final=True)

    assert {row["symbol"] for row in rows} == books.keys()
    for row in rows:
        book = books[row["symbol"]]
        assert row["sequence"] == book.last
        assert (row["bids"], row["asks"]) == book.levels()


@pytest.mark.parametrize("market", ["spot", "usdm"])
def test_a_long_recording_of_binance_holds_every_change_and_ends_in_the_same_book(
    captures: Path, market: str
) -> None:
    folder = captures / "binance_l2_20240808_hftbacktest" / market
    lines = gzip.decompress((folder / "btcusdt_20240808.gz").read_bytes()).splitlines()
    about_books = [line for line in lines if b"@depth" in line or b'{"lastUpdateId"' in line]
    (book,) = rebuilt(about_books, is_derivative=market == "usdm").values()
    rows = told(Venue.BINANCE, about_books, depth=1)
    (final,) = told(Venue.BINANCE, about_books, depth=0, final=True)

    assert {row["event"] for row in rows} <= {"book", "ignored"}
    changed = [row for row in rows if row["event"] == "book"]
    assert all(row["valid"] for row in changed)
    assert len(changed) == 1 + book.applied - book.joined, "the snapshot, and every change"
    assert final["sequence"] == book.last
    assert (final["bids"], final["asks"]) == book.levels()
