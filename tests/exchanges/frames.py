"""Frames of every channel that a scanner reads, written as the venues' documents show them."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from app.domain.markets import Instrument
from app.domain.times import to_iso
from app.domain.venues import Venue
from app.exchanges import EXCHANGES

Levels = list[tuple[str, str]]
Message = dict[str, Any]


@dataclass(frozen=True)
class Said:
    """What a message says; first..last: the numbers that it covers."""

    symbol: str
    first: int
    last: int
    at_ms: int
    bids: Levels
    asks: Levels
    is_whole: bool


class Number(float):
    """A JSON number that is written as this text."""

    text: str

    def __new__(cls, text: str) -> Number:
        made = super().__new__(cls, text)
        made.text = text
        return made

    def __repr__(self) -> str:
        return self.text


def pairs(levels: Levels) -> list[list[str]]:
    return [[price, quantity] for price, quantity in levels]


def units(said: Said, names: tuple[str, str, str, str]) -> list[dict[str, Number]]:
    """Rows of both sides; the shorter one is filled up with zeros."""
    ask_price, bid_price, ask_size, bid_size = names
    depth = max(len(said.bids), len(said.asks))
    bids, asks = ([*side, *[("0", "0")] * (depth - len(side))] for side in (said.bids, said.asks))
    return [
        {
            ask_price: Number(ask[0]),
            bid_price: Number(bid[0]),
            ask_size: Number(ask[1]),
            bid_size: Number(bid[1]),
        }
        for bid, ask in zip(bids, asks, strict=True)
    ]


LONG = "ask_price", "bid_price", "ask_size", "bid_size"
SHORT = "ap", "bp", "as", "bs"


def upbit(said: Said) -> Message:
    return {
        "ty": "orderbook",
        "cd": said.symbol,
        "tms": said.at_ms,
        "tas": 1.25,
        "tbs": 8.428e-05,
        "obu": units(said, SHORT),
        "lv": 0,
        "st": "REALTIME",
    }


def upbit_long(said: Said) -> Message:
    return {
        "type": "orderbook",
        "code": said.symbol,
        "timestamp": said.at_ms,
        "total_ask_size": 1.25,
        "total_bid_size": 0.0,
        "orderbook_units": units(said, LONG),
        "level": 0,
        "stream_type": "REALTIME",
    }


def bithumb(said: Said) -> Message:
    stamp = said.at_ms * 1000 + said.last % 1000
    return {
        "type": "orderbook",
        "code": said.symbol,
        "total_ask_size": 0.2219,
        "total_bid_size": 0.0289,
        "orderbook_units": units(said, LONG),
        "level": 1,
        "timestamp": stamp if said.last % 2 else str(stamp),
        "stream_type": "SNAPSHOT",
    }


def binance_depth20(said: Said) -> Message:
    data = {"lastUpdateId": said.last, "bids": pairs(said.bids), "asks": pairs(said.asks)}
    return {"stream": f"{said.symbol.lower()}@depth20@100ms", "data": data}


def binance_depth(said: Said) -> Message:
    return {
        "stream": f"{said.symbol.lower()}@depth@100ms",
        "data": {
            "e": "depthUpdate",
            "E": said.at_ms,
            "s": said.symbol,
            "U": said.first,
            "u": said.last,
            "b": pairs(said.bids),
            "a": pairs(said.asks),
        },
    }


def okx(said: Said) -> Message:
    def rows(levels: Levels) -> list[list[str]]:
        return [[price, quantity, "0", "3"] for price, quantity in levels]

    return {
        "arg": {"channel": "books", "instId": said.symbol},
        "action": "snapshot" if said.is_whole else "update",
        "data": [
            {
                "asks": rows(said.asks),
                "bids": rows(said.bids),
                "ts": str(said.at_ms),
                "checksum": 0 if said.last % 2 else -855196043,
                "prevSeqId": -1 if said.is_whole else said.first - 1,
                "seqId": said.last,
            }
        ],
    }


def bybit(said: Said) -> Message:
    return {
        "topic": f"orderbook.50.{said.symbol}",
        "type": "snapshot" if said.is_whole else "delta",
        "ts": said.at_ms + 2,
        "data": {
            "s": said.symbol,
            "b": pairs(said.bids),
            "a": pairs(said.asks),
            "u": said.last,
            "seq": 7_961_638_724 + said.last,
        },
        "cts": said.at_ms,
    }


def kucoin_depth50(said: Said) -> Message:
    return {
        "topic": f"/spotMarket/level2Depth50:{said.symbol}",
        "type": "message",
        "subject": "level2",
        "data": {
            "asks": pairs(said.asks),
            "bids": pairs(said.bids),
            "timestamp": said.at_ms,
        },
    }


def kucoin_changes(said: Said) -> Message:
    def rows(levels: Levels) -> list[list[str]]:
        numbers = [said.first + min(i, said.last - said.first) for i in range(len(levels))]
        return [
            [price, quantity, str(number)]
            for (price, quantity), number in zip(levels, numbers, strict=True)
        ]

    return {
        "topic": f"/market/level2:{said.symbol}",
        "type": "message",
        "subject": "trade.l2update",
        "data": {
            "changes": {"asks": rows(said.asks), "bids": rows(said.bids)},
            "sequenceEnd": said.last,
            "sequenceStart": said.first,
            "symbol": said.symbol,
            "time": said.at_ms,
        },
    }


def gate_obu(said: Said) -> Message:
    result: Message = {"t": said.at_ms, "s": f"ob.{said.symbol}.50", "u": said.last}
    result |= {"full": True} if said.is_whole else {"U": said.first}
    if said.is_whole or said.bids:
        result["b"] = pairs(said.bids)
    if said.is_whole or said.asks:
        result["a"] = pairs(said.asks)
    return {"channel": "spot.obu", "event": "update", "time_ms": said.at_ms + 3, "result": result}


def gate_changes(said: Said) -> Message:
    return {
        "time": said.at_ms // 1000,
        "time_ms": said.at_ms + 3,
        "channel": "spot.order_book_update",
        "event": "update",
        "result": {
            "t": said.at_ms,
            "e": "depthUpdate",
            "E": said.at_ms // 1000,
            "s": said.symbol,
            "U": said.first,
            "u": said.last,
            "b": pairs(said.bids),
            "a": pairs(said.asks),
        },
    }


def bitget(said: Said) -> Message:
    return {
        "action": "snapshot",
        "arg": {"instType": "SPOT", "channel": "books15", "instId": said.symbol},
        "data": [
            {
                "asks": pairs(said.asks),
                "bids": pairs(said.bids),
                "checksum": 0,
                "seq": said.last if said.last % 2 else str(said.last),
                "ts": str(said.at_ms),
            }
        ],
        "ts": said.at_ms + 2,
    }


def coinbase(said: Said) -> Message:
    sides = (("bid", said.bids), ("offer", said.asks))
    return {
        "channel": "l2_data",
        "client_id": "",
        "timestamp": to_iso(said.at_ms * 1_000_000 + said.last % 1_000_000),
        "sequence_num": said.last,
        "events": [
            {
                "type": "snapshot" if said.is_whole else "update",
                "product_id": said.symbol,
                "updates": [
                    {
                        "side": side,
                        "event_time": "1970-01-01T00:00:00Z",
                        "price_level": price,
                        "new_quantity": quantity,
                    }
                    for side, levels in sides
                    for price, quantity in levels
                ],
            }
        ],
    }


@dataclass(frozen=True)
class Channel:
    """quantities in a whole book are all > 0 but where the venue fills up with zeros."""

    venue: Venue
    name: str
    write: Callable[[Said], Message]
    always_whole: bool
    is_stepping: bool = False
    is_counted: bool = False


CHANNELS = (
    Channel(Venue.UPBIT, "orderbook", upbit, True),
    Channel(Venue.UPBIT, "orderbook", upbit_long, True),
    Channel(Venue.BITHUMB, "orderbook", bithumb, True),
    Channel(Venue.BINANCE, "depth20@100ms", binance_depth20, True),
    Channel(Venue.BINANCE, "depth@100ms", binance_depth, False),
    Channel(Venue.OKX, "books", okx, False),
    Channel(Venue.BYBIT, "orderbook.50", bybit, False, is_stepping=True),
    Channel(Venue.KUCOIN, "level2Depth50", kucoin_depth50, True),
    Channel(Venue.KUCOIN, "level2", kucoin_changes, False),
    Channel(Venue.GATE, "obu", gate_obu, False),
    Channel(Venue.GATE, "order_book_update", gate_changes, False),
    Channel(Venue.BITGET, "books15", bitget, True),
    Channel(Venue.COINBASE, "level2", coinbase, False, is_stepping=True, is_counted=True),
)


def instruments(venue: Venue) -> tuple[Instrument, ...]:
    quote = {Venue.UPBIT: "KRW", Venue.BITHUMB: "KRW", Venue.COINBASE: "USD"}.get(venue, "USDT")
    return tuple(Instrument(venue, base, quote) for base in ("BTC", "XRP", "1INCH"))


class World:
    """One market as texts; says what changes, and now and then everything."""

    def __init__(self, channel: Channel, chance: random.Random, instrument: Instrument) -> None:
        self.channel, self.chance = channel, chance
        self.symbol = EXCHANGES[channel.venue].symbol(instrument)
        self.number, self.at_ms = chance.randint(2, 10**12), 1_700_000_000_000
        self.middle = chance.choice([0.0001234, 1.7, 613.5, 91_196_000.0])
        self.digits = max(0, 6 - len(str(int(self.middle))))
        self.is_first = True

    def price(self, steps: int) -> str:
        step = self.middle * 1e-4
        return f"{self.middle + steps * step:.{self.digits + 6}f}"

    def quantity(self) -> str:
        chance = self.chance
        shape = chance.randint(0, 7)
        if shape == 0:
            return f"{chance.randint(10**8, 10**10)}.{chance.randint(0, 10**8 - 1):08d}"
        if shape == 1:
            return f"{chance.random() * 1e-4:.6e}".replace("e-0", "e-")
        return f"{chance.uniform(0.001, 900):.{chance.randint(0, 8)}f}" + "0" * (shape == 2)

    def side(self, sign: int, depth: int, is_whole: bool) -> Levels:
        if is_whole:
            steps = sorted(self.chance.sample(range(1, 4 * depth + 2), depth))
        else:
            steps = [self.chance.randint(1, 80) for _ in range(depth)]
        levels = [(self.price(-sign * step), self.quantity()) for step in steps]
        if is_whole:
            return [(price, quantity) for price, quantity in levels if float(quantity) > 0]
        return [
            (price, "0" if self.chance.random() < 0.2 else quantity) for price, quantity in levels
        ]

    def say(self) -> Said:
        is_whole = self.channel.always_whole or self.is_first
        width = 0 if self.channel.is_stepping else self.chance.randint(0, 5)
        first, last = self.number + 1, self.number + 1 + width
        self.number, self.is_first = last, False
        self.at_ms += self.chance.choice([0, 1, 20, 100])
        depth = self.chance.randint(1, 15) if is_whole else self.chance.randint(0, 6)
        bids, asks = self.side(1, depth, is_whole), self.side(-1, depth, is_whole)
        return Said(self.symbol, first, last, self.at_ms, bids, asks, is_whole)


def written(message: Message, chance: random.Random | None = None) -> bytes:
    """As JSON; chance: with white space and keys in any order, as some writers would."""
    if chance is None:
        return json.dumps(message, separators=(",", ":"), ensure_ascii=False).encode()
    marks = chance.choice([(",", ":"), (", ", ": "), (" ,\n", "\t:")])
    return json.dumps(shuffled(message, chance), separators=marks).encode()


def shuffled(value: Any, chance: random.Random) -> Any:
    if isinstance(value, dict):
        items = list(value.items())
        if chance.random() < 0.3:
            chance.shuffle(items)
        return {name: shuffled(inner, chance) for name, inner in items}
    if isinstance(value, list):
        return [shuffled(inner, chance) for inner in value]
    return value
