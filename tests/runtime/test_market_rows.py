"""What Prometheus reads of the market."""

from __future__ import annotations

from pathlib import Path

from prometheus_client import CollectorRegistry, generate_latest

from app.archive.archive import Archive
from app.domain.facts import CandidateRefused, OpportunityClosed, OpportunityOpened
from app.runtime.market_rows import MarketRows, SignalCounts
from tests.pages.live_rows import FakeMarket, opportunity, refused

NOW_NS = 1_700_000_000_000_000_000


def text(market: FakeMarket, counts: SignalCounts) -> str:
    registry = CollectorRegistry()
    registry.register(MarketRows(market, counts))
    return generate_latest(registry).decode()


def test_every_venue_says_how_it_is() -> None:
    market = FakeMarket()
    said = text(market, SignalCounts())

    for row in market.venues():
        assert f'kimp_exchange_connected{{venue="{row.venue}"}}' in said
        assert f'kimp_exchange_reconnects_total{{venue="{row.venue}"}} {row.reconnects:.1f}' in said
    assert "kimp_active_connections " in said


def test_what_is_not_known_is_absent_and_not_zero() -> None:
    market = FakeMarket()
    known = {row.id for row in market.rates() if row.rate is not None}
    said = text(market, SignalCounts())

    assert {line.split('"')[1] for line in said.splitlines() if "rate_krw{" in line} == known


def test_signals_are_counted_once() -> None:
    counts = SignalCounts()
    found, no = opportunity(), refused()
    counts.take((OpportunityOpened(NOW_NS, found), OpportunityClosed(NOW_NS, found)))
    counts.take((CandidateRefused(NOW_NS, no, False), CandidateRefused(NOW_NS, no, True)))
    said = text(FakeMarket(), counts)

    assert f'kimp_signals_detected_total{{strategy="{found.detector}"}} 1.0' in said
    assert f'reason="{no.code}",strategy="{no.detector}"}} 1.0' in said


def test_the_archive_says_whether_it_stores(tmp_path: Path) -> None:
    market = FakeMarket()
    market.archive = Archive.open(None, tmp_path)
    assert "kimp_archive_up 0.0" in text(market, SignalCounts())
