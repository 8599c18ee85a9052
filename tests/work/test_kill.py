"""kill -9 of the whole service, at twenty random moments of an upload and of a run."""

from __future__ import annotations

import random
import threading
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.work.history_files import dollar_csv, won_csv
from tests.work.service import Service

KILLS = 20
SEED = 20_261_120
ROWS, RUN_ROWS = 100_000, 250_000


class Victim:
    """What a client did to a service before it was killed, and what it was told."""

    def __init__(self, service: Service, content: bytes, body: dict[str, Any]) -> None:
        self.answers: dict[str, httpx.Response] = {}
        self._threads = [
            threading.Thread(target=self._call, args=(name, service.client, path, sent))
            for name, path, sent in (
                ("upload", "/datasets", {"files": {"file": ("big.csv", content)}}),
                ("run", "/backtests", {"json": body}),
            )
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def wait(self) -> None:
        for thread in self._threads:
            thread.join()

    def _call(self, name: str, client: httpx.Client, path: str, sent: dict[str, Any]) -> None:
        try:
            self.answers[name] = client.post(path, **sent)
        except httpx.TransportError:
            return  # the service is dead: it promised nothing


@pytest.fixture(scope="module")
def content() -> bytes:
    return won_csv(ROWS)


def upload(service: Service, content: bytes, quote: str) -> str:
    answer = service.client.post(
        "/datasets", files={"file": ("a.csv", content)}, data={"quote": quote, "base": "BTC"}
    )
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def everything(service: Service, path: str) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = service.client.get(path, params={"limit": 1000}).json()["items"]
    return items


def check_nothing_is_half_there(
    folder: Path, service: Service, promised: list[httpx.Response]
) -> None:
    """What was answered with success is there; of the rest, rows and folders agree."""
    for answer in promised:
        path = answer.headers["location"].removeprefix("/api/v1")
        assert service.client.get(path).status_code == 200
    datasets = everything(service, "/datasets")
    for item in datasets:
        assert service.client.get(f"/datasets/{item['id']}/preview").json()["rows"], item
    assert len(list((folder / "datasets").iterdir())) == len(datasets)
    assert list((folder / "uploads").iterdir()) == []
    runs = settled(service)
    for run in runs:
        if run["status"] == "completed":
            equity = service.client.get(f"/backtests/{run['id']}/equity?points=10")
            assert equity.json()["equity_krw"][-1] == run["metrics"]["final_equity_krw"]
        else:
            assert (run["status"], run["error"]["code"]) == ("failed", "service_restarted")
    completed = [run for run in runs if run["status"] == "completed"]
    assert len(list((folder / "runs").iterdir())) == len(completed)


def settled(service: Service) -> list[dict[str, Any]]:
    """All runs, once those that had waited are through."""
    until = time.monotonic() + 120
    while time.monotonic() < until:
        runs = everything(service, "/backtests")
        if all(run["status"] not in {"queued", "running"} for run in runs):
            return runs
        time.sleep(0.05)
    raise AssertionError("a run neither ended nor failed")


@pytest.mark.timeout(900)
def test_kill_9_at_twenty_random_moments(tmp_path: Path, content: bytes) -> None:
    folder = tmp_path / "kimp"
    promised: list[httpx.Response] = []
    uploaded: list[bool] = []
    with Service(folder) as service:
        body = request_on_two_uploads(service)
    with Service(folder) as service:
        latest_s = 1.5 * undisturbed_s(service.warmed(), content, body)
    for moment_s in moments(latest_s):
        with Service(folder) as service:
            check_nothing_is_half_there(folder, service.warmed(), promised)
            victim = Victim(service, content, body)
            victim.start()
            time.sleep(moment_s)
            service.kill()
            victim.wait()
        promised += [answer for answer in victim.answers.values() if answer.is_success]
        uploaded.append("upload" in victim.answers)
    assert any(uploaded), "some kills came after the answer"
    assert not all(uploaded), "and some before"
    with Service(folder) as service:
        check_nothing_is_half_there(folder, service, promised)
        failed = [run for run in settled(service) if run["status"] == "failed"]
        assert failed, "no kill hit a run in flight"
        again = service.client.post(f"/backtests/{failed[0]['id']}/rerun").json()["id"]
        assert {run["id"]: run["status"] for run in settled(service)}[again] == "completed"


def request_on_two_uploads(service: Service) -> dict[str, Any]:
    market = {
        "base": "BTC",
        "krw_dataset": upload(service, won_csv(RUN_ROWS), "KRW"),
        "global_dataset": upload(service, dollar_csv(RUN_ROWS), "USDT"),
    }
    return {"markets": [market], "fx": {"rate": 1300}, "entry_bps": 60, "exit_bps": -40}


def undisturbed_s(service: Service, content: bytes, body: dict[str, Any]) -> float:
    """How long an upload and a run take on this machine, as it is now."""
    began_s = time.monotonic()
    victim = Victim(service, content, body)
    victim.start()
    victim.wait()
    settled(service)
    return time.monotonic() - began_s


def moments(latest_s: float) -> list[float]:
    """One random moment in each twentieth of the time, in random order."""
    chance = random.Random(SEED)
    spread = [(place + chance.random()) / KILLS * latest_s for place in range(KILLS)]
    chance.shuffle(spread)
    return spread
