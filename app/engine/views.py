"""Views: the engine's state as people and pages read it, made when they ask. Changes nothing that
decides, except that a route's wallets and fees are looked up when somebody wants to see them.
"""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from app.books.ladder import ASKS, BIDS
from app.domain.live import (
    BookRow,
    Explanation,
    IdentityRow,
    MarketRow,
    NearMiss,
    NetworkRow,
    Opportunity,
    PremiumRow,
    PriceRow,
    RateRow,
    RefusalCount,
    SpreadRow,
)
from app.domain.markets import Instrument
from app.domain.times import MS_NS
from app.engine.core import Engine
from app.engine.detection.codes import Code
from app.engine.detection.rows import Sizes, gates, look, premium_rows, spread_rows

INVALID = "invalid"
NEAR_MAX = 50


class Views:
    """Samples. Whoever asks sees what is there at `at_ns`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._versions = np.zeros(len(engine.rack.tops), np.int64)
        self._archived = np.zeros(len(engine.rack.tops), np.int64)

    # Books

    def prices(self, at_ns: int, rows: Collection[int] | None = None) -> tuple[PriceRow, ...]:
        """Of these rows, or of all."""
        asked = self._engine.board.rows() if rows is None else rows
        return tuple(self._price(row, at_ns) for row in asked if self._engine.board.has(row))

    def books(self, base: str, at_ns: int) -> tuple[BookRow, ...]:
        """All venues' books of an asset; of USDT and USDC those that make rates."""
        board = self._engine.board
        rows = board.rows_of(base) or tuple(
            row for row in board.rows() if self._asset(board.live.instruments[row]) == base
        )
        return tuple(self._book(row, at_ns) for row in rows)

    def changed_books(self, at_ns: int) -> tuple[BookRow, ...]:
        """Those that changed since this was asked last."""
        return tuple(self._book(row, at_ns) for row in self._changed(self._archived))

    def dirty_rows(self) -> tuple[int, ...]:
        """Books that changed since this was asked last."""
        return self._changed(self._versions)

    def bases(self) -> tuple[str, ...]:
        """Every asset that has a route."""
        return tuple(self._engine.board.live.routes_of)

    def bases_of(self, row: int) -> tuple[str, ...]:
        """The assets whose premiums a book is part of; of USDT/KRW that is every asset."""
        board = self._engine.board
        asset = board.live.assets.get(row)
        if asset is not None:
            return (asset,)
        return tuple(board.live.routes_of) if row in self._engine.rates.tether_rows else ()

    # Premiums

    def premiums(
        self,
        at_ns: int,
        bases: Collection[str] | None = None,
        ids: Collection[str] | None = None,
    ) -> tuple[PremiumRow, ...]:
        """Every route of these assets, or of all; of ids only those."""
        engine, stage = self._engine, self._engine.board.live
        asked = stage.routes_of if bases is None else bases
        routes = tuple(r for base in asked for r in stage.routes_of.get(base, ()))
        if ids is not None:
            routes = tuple(r for r in routes if stage.face(r).id in ids)
        self._load(routes, at_ns)
        return premium_rows(stage, routes, engine.money(at_ns), self._sizes(), at_ns)

    def spreads(self, at_ns: int, bases: Collection[str]) -> tuple[SpreadRow, ...]:
        """Every route of these assets, as its history keeps it."""
        engine, stage = self._engine, self._engine.board.live
        routes = tuple(r for base in bases for r in stage.routes_of.get(base, ()))
        self._load(routes, at_ns)
        size_krw = self._sizes().asked_krw
        return spread_rows(stage, routes, engine.money(at_ns), size_krw, at_ns)

    def _load(self, routes: tuple[int, ...], at_ns: int) -> None:
        """Wallets and fees of routes that nobody asked for since they changed."""
        loaded = self._engine.board.live.routes["loaded"][list(routes)].tolist()
        for r, is_loaded in zip(routes, loaded, strict=True):
            if not is_loaded:
                self._engine.opportunities.load(r, at_ns)

    def near_misses(self, at_ns: int) -> tuple[NearMiss, ...]:
        """Of each asset the best route that nets almost enough, the best first."""
        engine, stage, policy = self._engine, self._engine.board.live, self._engine.policy
        best: dict[str, tuple[float, int]] = {}
        for r in engine.board.near(policy.min_net_bps - policy.near_miss_bps):
            net = look(stage, r).done.net_bps
            if policy.min_net_bps - policy.near_miss_bps <= net < policy.min_net_bps:
                asset = stage.asset(r)
                best[asset] = max(best.get(asset, (net, r)), (net, r))
        found = list(best.values())
        found.sort(reverse=True)
        chosen = [r for _, r in found[:NEAR_MAX]]
        for r in chosen:
            if not stage.routes[r]["loaded"]:
                engine.opportunities.load(r, at_ns)
        money = engine.money(at_ns)
        rows = premium_rows(stage, tuple(chosen), money, self._sizes(), at_ns)
        misses: list[NearMiss] = []
        for r, row in zip(chosen, rows, strict=True):
            failed = [
                gate for gate in gates(stage, r, look(stage, r), money, at_ns)
                if not gate.passed and gate.code == Code.NET_BELOW_MIN.name
            ]  # fmt: skip
            misses += [NearMiss(row, gate) for gate in failed]
        return tuple(misses)

    def live(self, at_ns: int) -> tuple[Opportunity, ...]:
        """The best first, at most the policy's number."""
        engine = self._engine
        found = _best_first(engine.opportunities.live(at_ns), engine.scouts.live())
        return found[: engine.policy.opportunities_max]

    def refused(self, at_ns: int) -> tuple[Opportunity, ...]:
        engine = self._engine
        found = _best_first(engine.opportunities.refused(at_ns), engine.scouts.refused())
        return found[: 4 * engine.policy.opportunities_max]

    def refusals(self, at_ns: int) -> tuple[RefusalCount, ...]:
        return self._engine.opportunities.refusals.rows(at_ns)

    def explain(self, row_id: str, at_ns: int) -> Explanation | None:
        """As it is now, of one that is over as it began; None when it is not remembered here."""
        engine = self._engine
        found = engine.opportunities.explain(row_id, at_ns)
        return engine.scouts.explain(row_id, at_ns) if found is None else found

    # Knowledge

    def rates(self, at_ns: int) -> tuple[RateRow, ...]:
        return self._engine.rates.rows(at_ns)

    def networks(self, at_ns: int, asset: str | None = None) -> tuple[NetworkRow, ...]:
        return self._engine.wallets.rows(at_ns, asset)

    def identities(self, at_ns: int) -> tuple[IdentityRow, ...]:
        return self._engine.identities.rows(at_ns)

    def markets(self, at_ns: int) -> tuple[MarketRow, ...]:  # noqa: ARG002 - as all views are asked
        engine = self._engine
        return engine.universe.rows(engine.identities, engine.wallets, engine.rack)

    # Beneath

    def _sizes(self) -> Sizes:
        return Sizes(self._engine.policy.size_krw, self._engine.policy.sizes_krw)

    def _changed(self, seen: np.typing.NDArray[np.int64]) -> tuple[int, ...]:
        versions = self._engine.rack.tops["version"]
        rows = np.flatnonzero(versions != seen)
        seen[rows] = versions[rows]
        return tuple(row for row in rows.tolist() if self._engine.board.has(row))

    def _decides(self, row: int) -> bool:
        """Neither broken nor stale: such a book stays readable, and nobody may rely on it."""
        engine = self._engine
        return bool(engine.rack.tops[row]["valid"]) and bool(engine.board.live.lines[row]["live"])

    def _state(self, row: int) -> str:
        """Why the book may decide nothing, else how its channel is."""
        if not self._engine.rack.tops[row]["valid"]:
            return INVALID
        return self._engine.channels.row_state(row).value

    def _asset(self, instrument: Instrument) -> str:
        return self._engine.names.asset(instrument.venue, instrument.base)[0]

    def _price(self, row: int, at_ns: int) -> PriceRow:
        engine = self._engine
        instrument, record = engine.board.live.instruments[row], engine.rack.tops[row]
        asset = self._asset(instrument)
        best = [
            (float(record["prices"][side, 0]), float(record["quantities"][side, 0]))
            if record["counts"][side] else (None, None)
            for side in (BIDS, ASKS)
        ]  # fmt: skip
        trade = engine.intake.last_trade(row)
        return PriceRow(
            id=f"{instrument.venue}:{asset}/{instrument.quote}",
            venue=instrument.venue,
            base=asset,
            quote=instrument.quote,
            bid=best[0][0],
            bid_quantity=best[0][1],
            ask=best[1][0],
            ask_quantity=best[1][1],
            last=None if trade is None else trade[0],
            at_ns=int(record["received_ns"]) or None,
            exchange_at_ns=int(record["exchange_ns"]) or None,
            age_ms=self._age_ms(row, at_ns),
            valid=self._decides(row),
            state=self._state(row),
        )

    def _book(self, row: int, at_ns: int) -> BookRow:
        engine = self._engine
        instrument, record = engine.board.live.instruments[row], engine.rack.tops[row]
        sides = [
            tuple(
                zip(
                    record["prices"][side, : int(record["counts"][side])].tolist(),
                    record["quantities"][side, : int(record["counts"][side])].tolist(),
                    strict=True,
                )
            )
            for side in (BIDS, ASKS)
        ]
        market = engine.universe.market(instrument)
        krw = float(engine.board.live.lines[row]["krw"])
        return BookRow(
            venue=instrument.venue,
            base=self._asset(instrument),
            quote=instrument.quote,
            bids=sides[0],
            asks=sides[1],
            at_ns=int(record["received_ns"]) or None,
            exchange_at_ns=int(record["exchange_ns"]) or None,
            age_ms=self._age_ms(row, at_ns),
            valid=self._decides(row),
            state=self._state(row),
            sequence=None if record["sequence"] < 0 else int(record["sequence"]),
            tick=None if market is None else market.tick,
            lot=None if market is None else market.lot,
            krw_per_quote=krw if krw > 0.0 else None,
        )

    def _age_ms(self, row: int, at_ns: int) -> float | None:
        """Since the last frame of this book; None where none came."""
        received_ns = int(self._engine.rack.tops[row]["received_ns"])
        return (at_ns - received_ns) / MS_NS if received_ns else None


def _best_first(
    routes: tuple[Opportunity, ...], others: tuple[Opportunity, ...]
) -> tuple[Opportunity, ...]:
    """Routes come in this order already."""
    if not others:
        return routes
    return tuple(sorted((*routes, *others), key=lambda row: (-row.net_bps, row.id)))
