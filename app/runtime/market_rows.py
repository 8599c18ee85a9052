"""Market rows: what Prometheus reads of venues, detections, rates and archive, when it asks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Protocol

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from app.archive.archive import Archive
from app.domain.facts import CandidateRefused, Fact, OpportunityClosed, OpportunityOpened
from app.domain.live import ChannelState, Opportunity, RateRow, Status, VenueRow

# A quiet venue is connected too: silence says nothing about it yet.
CONNECTED = frozenset({ChannelState.LIVE, ChannelState.QUIET})
COUNTERS = {
    "reconnects": "Times that a connection was made again",
    "gaps": "Books that broke because messages were missing",
    "checksum_errors": "Books that broke because a checksum was another",
    "fallbacks": "Frames that the compiled scanner handed to the slow reader",
    "conflated": "Frames left out because a newer one of the same book had come",
    "dropped": "Frames thrown away because we were too far behind",
}
GAUGES = {
    "messages_per_s": ("messages_per_second", "Frames a second"),
    "updates_per_s": ("updates_per_second", "Changed books a second"),
    "valid_books": ("valid_books", "Books that may decide something"),
    "skew_ms": ("skew_ms", "The venue's clock minus ours"),
    "limit_used": ("limit_used", "Share of the venue's budget of requests that is used"),
    "last_message_age_ms": ("last_message_age_ms", "Age of its last message"),
}


class Shown(Protocol):
    """What is asked of the market."""

    archive: Archive | None

    def venues(self) -> tuple[VenueRow, ...]: ...

    def opportunities(self) -> tuple[Opportunity, ...]: ...

    def rates(self) -> tuple[RateRow, ...]: ...


class SignalCounts:
    """Listens to the session. Refusals count once each, by their code."""

    def __init__(self) -> None:
        self.detected: Counter[str] = Counter()
        self.executed: Counter[str] = Counter()
        self.rejected: Counter[tuple[str, str]] = Counter()

    def take(self, facts: Sequence[Fact]) -> None:
        for fact in facts:
            if isinstance(fact, OpportunityOpened):
                self.detected[fact.opportunity.detector] += 1
            elif isinstance(fact, OpportunityClosed):
                if fact.opportunity.status is Status.EXECUTED:
                    self.executed[fact.opportunity.detector] += 1
            elif isinstance(fact, CandidateRefused) and not fact.ended:
                refused = fact.opportunity
                self.rejected[refused.detector, refused.code or "unknown"] += 1


class MarketRows(Collector):
    """Every name is one of requirements §1.Z2, or tells what that list leaves out."""

    def __init__(self, market: Shown, counts: SignalCounts) -> None:
        self._market = market
        self._counts = counts

    def collect(self) -> Iterator[Metric]:
        yield from self._venues()
        yield from self._signals()
        yield from self._rates()
        if self._market.archive is not None:
            yield from _archive(self._market.archive)

    def _venues(self) -> Iterator[Metric]:
        rows = self._market.venues()
        connected = GaugeMetricFamily(
            "kimp_exchange_connected", "1 where its streams are open and fresh", labels=("venue",)
        )
        latency = GaugeMetricFamily(
            "kimp_exchange_latency_ms",
            "From the venue's own time to our receipt, over the last minute",
            labels=("venue", "quantile"),
        )
        for row in rows:
            connected.add_metric((row.venue,), float(row.state in CONNECTED))
            for share, delay_ms in (("0.5", row.delay_p50_ms), ("0.99", row.delay_p99_ms)):
                if delay_ms is not None:
                    latency.add_metric((row.venue, share), delay_ms)
        yield connected
        yield latency
        yield GaugeMetricFamily(
            "kimp_active_connections",
            "Open connections of all venues",
            value=sum(row.connections for row in rows),
        )
        for name, told in COUNTERS.items():
            counter = CounterMetricFamily(f"kimp_exchange_{name}", told, labels=("venue",))
            for row in rows:
                counter.add_metric((row.venue,), getattr(row, name))
            yield counter
        for field, (name, told) in GAUGES.items():
            gauge = GaugeMetricFamily(f"kimp_exchange_{name}", told, labels=("venue",))
            for row in rows:
                value = getattr(row, field)
                if value is not None:
                    gauge.add_metric((row.venue,), value)
            yield gauge

    def _signals(self) -> Iterator[Metric]:
        counts = self._counts
        detected = CounterMetricFamily(
            "kimp_signals_detected", "Opportunities that opened", labels=("strategy",)
        )
        for detector, count in counts.detected.items():
            detected.add_metric((detector,), count)
        executed = CounterMetricFamily(
            "kimp_signals_executed", "Opportunities that were traded", labels=("strategy",)
        )
        for detector, count in counts.executed.items():
            executed.add_metric((detector,), count)
        rejected = CounterMetricFamily(
            "kimp_signals_rejected",
            "What passed on price and was refused by a gate",
            labels=("strategy", "reason"),
        )
        for (detector, code), count in counts.rejected.items():
            rejected.add_metric((detector, code), count)
        yield from (detected, executed, rejected)
        live = self._market.opportunities()
        yield GaugeMetricFamily("kimp_opportunities", "Opportunities live now", value=len(live))

    def _rates(self) -> Iterator[Metric]:
        gauge = GaugeMetricFamily(
            "kimp_rate_krw", "KRW for one unit; absent while withheld", labels=("currency",)
        )
        for row in self._market.rates():
            if row.rate is not None:
                gauge.add_metric((row.id,), row.rate)
        yield gauge


def _archive(archive: Archive) -> Iterator[Metric]:
    usage = archive.usage()
    up = float(usage.state == "storing")
    yield GaugeMetricFamily("kimp_archive_up", "1 while rows are stored", value=up)
    yield GaugeMetricFamily("kimp_archive_bytes", "On disk", value=usage.bytes)
    yield GaugeMetricFamily("kimp_archive_waiting", "Rows not stored yet", value=usage.waiting)
    for name, told, value in (
        ("stored", "Rows stored", usage.stored),
        ("dropped", "Rows that found no room or no engine", usage.dropped),
        ("restarts", "Times that the engine had to be found again", usage.restarts),
    ):
        yield CounterMetricFamily(f"kimp_archive_{name}", told, value=value)
