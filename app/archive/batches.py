"""Batches: rows that wait to be stored, bounded; what finds no room is counted, not kept."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from app.archive import native
from app.archive.limits import (
    BOOKS_WAITING_MAX,
    REPEAT_S,
    ROUTES_MAX,
    SPREADS_WAITING_MAX,
    TRADES_WAITING_MAX,
)
from app.archive.tables import BOOKS, SPREADS, TRADES
from app.books.ladder import ASKS, BIDS
from app.books.rack import Rack
from app.domain.live import SpreadRow
from app.domain.markets import Instrument, Side, Trade
from app.domain.times import SECOND_NS

SIDES = {side: native.text(side) for side in Side}
BPS = ("raw_bps", "usdlike_bps", "kimchi_bps", "usdt_bps", "realizable_bps")


class Batch(NamedTuple):
    """Rows of one table, encoded."""

    table: str
    rows: int
    columns: tuple[str, ...]
    block: bytes


def _batch(table: str, rows: int, columns: Sequence[native.Column]) -> Batch:
    names = tuple(column.name for column in columns)
    return Batch(table, rows, names, native.block(rows, columns))


class _Names:
    """Instruments as their encoded columns, each made once."""

    def __init__(self) -> None:
        self._made: dict[Instrument, tuple[bytes, bytes, bytes]] = {}

    def __getitem__(self, instrument: Instrument) -> tuple[bytes, bytes, bytes]:
        made = self._made.get(instrument)
        if made is None:
            venue, base, quote = instrument.venue, instrument.base, instrument.quote
            made = native.text(venue), native.text(base), native.text(quote)
            self._made[instrument] = made
        return made


def _named(names: Sequence[tuple[bytes, bytes, bytes]]) -> list[native.Column]:
    return [
        native.words(name, [words[place] for words in names])
        for place, name in enumerate(("venue", "base", "quote"))
    ]


class Books:
    """Best levels of every book that has changed, once a second at most."""

    def __init__(self) -> None:
        self.dropped = 0
        self._names = _Names()
        self._stored: dict[int, tuple[int, int]] = {}  # row → version, and the second it was of
        self._waiting: list[tuple[int, list[Instrument], np.ndarray]] = []

    def __len__(self) -> int:
        return sum(len(records) for _, _, records in self._waiting)

    def note(self, rack: Rack, at_ns: int) -> None:
        """Looks at every row; copies those that are valid and new."""
        rows, second = list(rack.rows()), at_ns // SECOND_NS
        if not rows:
            return
        tops = rack.tops
        versions, valid = tops["version"][rows].tolist(), tops["valid"][rows].tolist()
        stored = self._stored
        chosen: list[int] = []
        for row, version, is_valid in zip(rows, versions, valid, strict=True):
            before, of = stored.get(row, (-1, -1))
            if is_valid and version != before and second != of:
                chosen.append(row)
        room = BOOKS_WAITING_MAX - len(self)
        self.dropped += max(0, len(chosen) - room)
        chosen = chosen[: max(0, room)]
        if chosen:
            records = tops[chosen]
            stored.update(
                (row, (version, second))
                for row, version in zip(chosen, records["version"].tolist(), strict=True)
            )
            self._waiting.append((at_ns, [rack.instrument(row) for row in chosen], records))

    def take(self) -> Batch | None:
        waiting, self._waiting = self._waiting, []
        if not waiting:
            return None
        records = np.concatenate([copied for _, _, copied in waiting])
        at_ns = np.repeat([at for at, _, _ in waiting], [len(copied) for _, _, copied in waiting])
        names = [self._names[instrument] for _, copied, _ in waiting for instrument in copied]
        sides = [
            native.levels(
                name,
                records["prices"][:, side],
                records["quantities"][:, side],
                records["counts"][:, side],
            )
            for name, side in (("bids", BIDS), ("asks", ASKS))
        ]
        return _batch(
            BOOKS, len(records), [native.times("timestamp", at_ns), *_named(names), *sides]
        )


class _Prints(NamedTuple):
    """Columns of trades. They are filled as trades come: a batch then costs no turn a field."""

    at_ns: list[int]
    names: list[tuple[bytes, bytes, bytes]]
    ids: list[bytes]
    prices: array[float]
    quantities: array[float]
    sides: list[bytes]

    @classmethod
    def empty(cls) -> _Prints:
        return cls([], [], [], array("d"), array("d"), [])


class Trades:
    """Every print."""

    def __init__(self) -> None:
        self.dropped = 0
        self._names = _Names()
        self._waiting = _Prints.empty()

    def __len__(self) -> int:
        return len(self._waiting.at_ns)

    def note(self, trades: Sequence[Trade]) -> None:
        waiting = self._waiting
        for trade in trades:
            if len(waiting.at_ns) >= TRADES_WAITING_MAX:
                self.dropped += 1
                continue
            waiting.at_ns.append(trade.exchange_at_ns)
            waiting.names.append(self._names[trade.instrument])
            waiting.ids.append(native.text(trade.trade_id))
            waiting.prices.append(float(trade.price))
            waiting.quantities.append(float(trade.quantity))
            waiting.sides.append(SIDES[trade.side])

    def take(self) -> Batch | None:
        waiting, self._waiting = self._waiting, _Prints.empty()
        if not waiting.at_ns:
            return None
        columns = [
            native.times("timestamp", waiting.at_ns),
            *_named(waiting.names),
            native.words("trade_id", waiting.ids),
            native.floats("price", waiting.prices),
            native.floats("quantity", waiting.quantities),
            native.words("side", waiting.sides),
        ]
        return _batch(TRADES, len(waiting.at_ns), columns)


class Spreads:
    """Routes, once a second at most, and seldom while their figures stay as they are."""

    def __init__(self) -> None:
        self.dropped = 0
        self._stored: dict[str, tuple[int, tuple[float | None, ...]]] = {}
        self._waiting: list[SpreadRow] = []

    def __len__(self) -> int:
        return len(self._waiting)

    def note(self, rows: Iterable[SpreadRow]) -> None:
        for row in rows:
            second = row.at_ns // SECOND_NS
            figures = _figures(row)
            of, before = self._stored.get(row.id, (-1, ()))
            if second == of or (figures == before and second - of < REPEAT_S):
                continue
            if len(self._waiting) >= SPREADS_WAITING_MAX:
                self.dropped += 1
                continue
            if len(self._stored) >= ROUTES_MAX:
                self._stored.clear()
            self._stored[row.id] = second, figures
            self._waiting.append(row)

    def take(self) -> Batch | None:
        rows, self._waiting = self._waiting, []
        if not rows:
            return None
        words = ("base", "buy_venue", "buy_quote", "sell_venue", "sell_quote")
        columns = [
            native.times("timestamp", [row.at_ns for row in rows]),
            *(
                native.words(name, [native.text(getattr(row, name)) for row in rows])
                for name in words
            ),
            *(native.floats(name, _column(rows, name)) for name in ("buy_ask", "sell_bid")),
            *(native.floats(name, _column(rows, name), 32) for name in BPS),
        ]
        return _batch(SPREADS, len(rows), columns)


def _figures(row: SpreadRow) -> tuple[float | None, ...]:
    return row.buy_ask, row.sell_bid, row.usdlike_bps, row.kimchi_bps, row.realizable_bps


def _column(rows: Sequence[SpreadRow], name: str) -> np.ndarray:
    """None becomes NaN."""
    return np.array([getattr(row, name) for row in rows], np.float64)
