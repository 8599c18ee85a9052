"""Metrics: what Prometheus reads at /metrics. Every name begins with kimp_."""

from __future__ import annotations

import asyncio
import time
from collections import Counter as Tally
from collections.abc import Callable, Iterator

import structlog
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.domain.backtests import RunStatus
from app.domain.datasets import UploadState
from app.domain.records import RunRow, StudyRow, UploadRow
from app.runtime.streams.hub import Hub
from app.runtime.work.pool import Seat

SECONDS = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0)
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
# Labels come from the routes, never from the address: what matches none has this one name.
NO_ROUTE = "none"
# Answers that are worth a line each: what took longer, and whatever may have changed something.
SLOW_S = 1.0
QUIET = frozenset({"GET", "HEAD", "OPTIONS"})
OPEN = frozenset({RunStatus.QUEUED, RunStatus.RUNNING, UploadState.RECEIVING, UploadState.READING})

log = structlog.get_logger(__name__)

Record = UploadRow | RunRow | StudyRow


class Metrics:
    """One registry for this process."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        ProcessCollector(namespace="kimp", registry=self._registry)
        self._requests = Counter(
            "kimp_http_requests",
            "Requests answered",
            ("route", "method", "status"),
            registry=self._registry,
        )
        self._seconds = Histogram(
            "kimp_http_request_seconds",
            "Time from the head of a request to the end of its answer, streams left out",
            ("route", "method"),
            buckets=SECONDS,
            registry=self._registry,
        )
        self._finished = Counter(
            "kimp_jobs_finished",
            "Uploads, backtests and studies that have ended",
            ("kind", "state"),
            registry=self._registry,
        )
        self._open: dict[str, tuple[str, str]] = {}

    def watch(self, hub: Hub, seats: Callable[[], list[Seat]]) -> None:
        """From now on streams, jobs and workers are told too."""
        self._registry.register(_Rooms(hub, seats, lambda: Tally(self._open.values())))

    def add(self, rows: Collector) -> None:
        """Ask these too, whenever Prometheus asks."""
        self._registry.register(rows)

    def note(self, public_id: str, record: Record | None) -> None:
        """A listener of the workbench: a job has a new state, or is deleted."""
        before = self._open.pop(public_id, None)
        if record is None:
            return
        kind, state = _kind_and_state(record)
        if state in OPEN:
            self._open[public_id] = (kind, state)
        elif before is not None:
            self._finished.labels(kind, state).inc()

    def timed(self, app: ASGIApp) -> ASGIApp:
        """`app`, outermost, with every answer counted and timed."""

        async def counted(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != "http":
                await app(scope, receive, send)
                return
            began = time.perf_counter()
            status = 0
            streams = False

            async def noted(message: Message) -> None:
                nonlocal status, streams
                if message["type"] == "http.response.start":
                    status = message["status"]
                    streams = any(
                        name == b"content-type" and value.startswith(b"text/event-stream")
                        for name, value in message.get("headers", ())
                    )
                await send(message)

            try:
                await app(scope, receive, noted)
            finally:
                self._count(scope, status, None if streams else time.perf_counter() - began)

        return counted

    def _count(self, scope: Scope, status: int, took_s: float | None) -> None:
        """status: 0 where the client left before it had one. took_s: None for streams."""
        route = getattr(scope.get("route"), "path", NO_ROUTE)
        method = scope["method"] if scope["method"] in METHODS else "other"
        self._requests.labels(route, method, status).inc()
        if took_s is None:
            return
        self._seconds.labels(route, method).observe(took_s)
        say = log.info if took_s > SLOW_S or status == 500 or method not in QUIET else log.debug
        say(
            "request_completed" if 0 < status < 500 else "request_failed",
            request_id=scope.get("state", {}).get("request_id"),
            method=method,
            path=scope["path"],
            status=status,
            ms=round(took_s * 1e3, 1),
        )

    def text(self) -> bytes:
        """Everything in Prometheus's text format."""
        return generate_latest(self._registry)


class _Rooms(Collector):
    """Asks the rooms when Prometheus does, so that counting costs them nothing."""

    def __init__(
        self,
        hub: Hub,
        seats: Callable[[], list[Seat]],
        jobs: Callable[[], Tally[tuple[str, str]]],
    ) -> None:
        self._hub = hub
        self._seats = seats
        self._jobs = jobs

    def collect(self) -> Iterator[Metric]:
        counts = self._hub.counts
        tasks = len(asyncio.all_tasks())
        yield GaugeMetricFamily("kimp_tasks", "Tasks of the event loop", value=tasks)
        yield GaugeMetricFamily("kimp_streams", "Open event streams", value=self._hub.open)
        for name, told, value in (
            ("messages", "Messages written to one client each", counts.messages),
            (
                "skipped",
                "Times that a slow client was left out until it had drained",
                counts.skipped,
            ),
            ("dropped", "Clients cut off because they did not drain", counts.dropped),
            ("refused", "Streams refused because of a limit", counts.refused),
        ):
            yield CounterMetricFamily(f"kimp_stream_{name}", told, value=value)
        jobs = GaugeMetricFamily(
            "kimp_jobs", "Uploads, backtests and studies that are open", labels=("kind", "state")
        )
        for (kind, state), count in self._jobs().items():
            jobs.add_metric((kind, state), count)
        yield jobs
        workers = GaugeMetricFamily("kimp_workers", "Worker processes", labels=("state",))
        tally = Tally(_state(seat) for seat in self._seats())
        for state in ("starting", "idle", "busy"):
            workers.add_metric((state,), tally[state])
        yield workers
        deaths = sum(seat.deaths for seat in self._seats())
        yield CounterMetricFamily("kimp_worker_deaths", "Workers that went away", value=deaths)


def _kind_and_state(record: Record) -> tuple[str, str]:
    if isinstance(record, UploadRow):
        return "upload", record.state
    return ("backtest" if isinstance(record, RunRow) else record.kind), record.status


def _state(seat: Seat) -> str:
    if not seat.ready:
        return "starting"
    return "busy" if seat.task else "idle"
