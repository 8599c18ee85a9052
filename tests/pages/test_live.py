"""Live: pages are told of what moves while it moves, and once that it is over."""

from __future__ import annotations

import msgspec

from app.domain.backtests import FxRef, MarketRef, Params, RunSpec, RunStatus
from app.domain.datasets import Hints, UploadState
from app.domain.records import RunRow, UploadRow
from app.routers.live import Live, is_open, job
from app.runtime.streams.board import View

SPEC = RunSpec((MarketRef("BTC", "d-1", "d-2"),), FxRef(rate=1_400.0), Params())
RUN = RunRow("b-7", SPEC, RunStatus.RUNNING, 250, 1_000, None, None, None, None, None, 1, 1, None)
FILE = UploadRow("u-3", "f.csv", Hints(), UploadState.READING, 1, 2, None, None, 1, None)
ENGLISH = View("en", "UTC")


class Heard:
    """Stands for the hub: keeps what was last said to each region of each page."""

    def __init__(self) -> None:
        self.html: dict[tuple[str, str], str] = {}
        self.signals: list[tuple[str, str, object]] = []

    def fragment(self, page: str, region: str, render: object) -> None:
        self.html[page, region] = render(ENGLISH).decode()  # type: ignore[operator]

    def signal(self, page: str, name: str, value: object) -> None:
        self.signals.append((page, name, value))


def test_a_run_is_listed_with_its_progress_until_it_is_over() -> None:
    heard = Heard()
    live = Live(heard)  # type: ignore[arg-type]
    live(RUN.id, RUN)
    assert 'value="25"' in heard.html["dashboard", "jobs"]
    assert "250 of 1,000 bars" in heard.html["system", "jobs"]
    assert not heard.signals
    live(RUN.id, msgspec.structs.replace(RUN, status=RunStatus.COMPLETED))
    assert "Nothing is running." in heard.html["dashboard", "jobs"]
    assert ("dashboard", "settled", {"id": "b-7"}) in heard.signals


def test_a_deleted_thing_is_gone_from_the_list() -> None:
    heard = Heard()
    live = Live(heard)  # type: ignore[arg-type]
    live(RUN.id, RUN)
    live(RUN.id, None)
    assert "Nothing is running." in heard.html["dashboard", "jobs"]


def test_the_data_page_hears_of_files_only() -> None:
    heard = Heard()
    live = Live(heard)  # type: ignore[arg-type]
    live(RUN.id, RUN)
    assert ("data", "arriving") not in heard.html
    live(FILE.id, FILE)
    assert 'id="u-3"' in heard.html["data", "arriving"]
    assert "b-7" not in heard.html["data", "arriving"]
    live(FILE.id, msgspec.structs.replace(FILE, state=UploadState.STORED))
    assert "u-3" not in heard.html["data", "arriving"]
    assert ("data", "settled", {"id": "u-3"}) in heard.signals


def test_what_waits_says_so() -> None:
    waiting = msgspec.structs.replace(RUN, status=RunStatus.QUEUED, bars_done=0, bars_total=None)
    assert job("en", waiting).said == "waiting for a worker"
    assert job("ko", waiting).said == "작업 프로세스를 기다립니다"
    assert job("en", FILE).address == "/data?upload=u-3"


def test_an_unsure_file_waits_for_a_person_and_does_not_move() -> None:
    assert is_open(FILE)
    assert not is_open(msgspec.structs.replace(FILE, state=UploadState.UNSURE))
