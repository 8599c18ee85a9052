"""Peeking: pongs are no content, and only whole books are replaced by newer ones."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from app.domain.markets import Alignment, BookSnapshot, Ignored, Instrument
from app.domain.venues import Venue
from app.exchanges import EXCHANGES
from app.exchanges.contract import Names
from app.exchanges.peeking import is_keepalive, whole_book

FIXTURES = Path(__file__).parent / "fixtures"

PONGS = [
    (Venue.UPBIT, b'{"status":"UP"}'),
    (Venue.BITHUMB, b'{"status":"UP"}'),
    (Venue.OKX, b"pong"),
    (Venue.BYBIT, b'{"success":true,"ret_msg":"pong","conn_id":"x","req_id":"","op":"ping"}'),
    (Venue.KUCOIN, b'{"id":"p1","type":"pong"}'),
    (Venue.GATE, b'{"time":1,"channel":"spot.pong","event":"","error":null,"result":null}'),
    (Venue.BITGET, b"pong"),
    (
        Venue.COINBASE,
        b'{"channel":"heartbeats","client_id":"","timestamp":"2026-01-01T00:00:00Z",'
        b'"sequence_num":3,"events":[{"current_time":"x","heartbeat_counter":1}]}',
    ),
]


@pytest.mark.parametrize(("venue", "frame"), PONGS)
def test_pongs_and_heartbeats_are_no_content(venue: Venue, frame: bytes) -> None:
    assert is_keepalive(venue, frame)
    events = EXCHANGES[venue].read(frame, Names(EXCHANGES[venue]))
    assert any(isinstance(event, Ignored) for event in events), "the reader agrees"


@pytest.mark.parametrize(("venue", "frame"), PONGS)
def test_white_space_makes_no_content_of_them(venue: Venue, frame: bytes) -> None:
    if frame.startswith(b"{"):
        assert is_keepalive(venue, json.dumps(json.loads(frame), indent=1).encode())


def frames(venue: Venue) -> list[bytes]:
    found: list[bytes] = []
    for path in sorted((FIXTURES / venue).glob("*")):
        for line in path.read_bytes().splitlines():
            if line.startswith((b"{", b"[")):
                found.append(line)
    return found


@pytest.mark.parametrize("venue", Venue)
def test_what_is_replaced_is_a_whole_book_and_what_replaces_it_is_of_the_same_market(
    venue: Venue,
) -> None:
    exchange = EXCHANGES[venue]
    names = Names(exchange)
    by_key: dict[bytes, set[Instrument]] = {}
    for frame in frames(venue):
        try:
            events = exchange.read(frame, names)
        except ValueError:
            continue
        key = whole_book(venue, frame)
        if key is not None:
            (event,) = events
            assert isinstance(event, BookSnapshot), frame[:200]
            assert event.alignment is Alignment.SNAPSHOTS
            by_key.setdefault(key, set()).add(event.instrument)
    assert all(len(instruments) == 1 for instruments in by_key.values())


WHOLE = [
    (Venue.UPBIT, b'{"ty":"orderbook","cd":"KRW-BTC","tms":1}', b"KRW-BTC"),
    (Venue.UPBIT, b'{"type":"orderbook","code":"KRW-BTC","timestamp":1}', b"KRW-BTC"),
    (Venue.UPBIT, b'{"cd":"KRW-BTC","ty":"orderbook"}', b"KRW-BTC"),
    (Venue.UPBIT, b'{"ty":"trade","cd":"KRW-BTC"}', None),
    (Venue.BITHUMB, b'{"type":"orderbook","code":"KRW-XRP","total":1}', b"KRW-XRP"),
    (Venue.BITHUMB, b'{"type":"trade","code":"KRW-XRP"}', None),
    (Venue.BINANCE, b'{"stream":"btcusdt@depth20@100ms","data":{}}', b"btcusdt"),
    (Venue.BINANCE, b'{"stream":"btcusdt@depth@100ms","data":{}}', None),
    (Venue.BINANCE, b'{"stream":"btcusdt@trade","data":{}}', None),
    (Venue.OKX, b'{"arg":{"channel":"books","instId":"BTC-USDT"},"action":"update"}', None),
    (Venue.OKX, b'{"arg":{"channel":"books5","instId":"BTC-USDT"},"data":[]}', b"BTC-USDT"),
    (Venue.KUCOIN, b'{"topic":"/spotMarket/level2Depth50:BTC-USDT","data":{}}', b"BTC-USDT"),
    (Venue.KUCOIN, b'{"topic":"/market/level2:BTC-USDT","data":{}}', None),
    (Venue.KUCOIN, b'{"topic":"/market/match:BTC-USDT","data":{}}', None),
    (
        Venue.BITGET,
        b'{"action":"snapshot","arg":{"instType":"SPOT","channel":"books15","instId":"BTCUSDT"}}',
        b"BTCUSDT",
    ),
    (
        Venue.BITGET,
        b'{"action":"update","arg":{"instType":"SPOT","channel":"books","instId":"BTCUSDT"}}',
        None,
    ),
    (Venue.BYBIT, b'{"topic":"orderbook.50.BTCUSDT","type":"snapshot"}', None),
    (Venue.GATE, b'{"channel":"spot.obu","result":{"full":true}}', None),
    (Venue.COINBASE, b'{"channel":"l2_data","events":[{"type":"snapshot"}]}', None),
]


@pytest.mark.parametrize(("venue", "frame", "key"), WHOLE)
def test_only_whole_books_have_a_key(venue: Venue, frame: bytes, key: bytes | None) -> None:
    assert whole_book(venue, frame) == key
    json.loads(frame)
