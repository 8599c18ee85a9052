"""Other people's clients, unmodified, read moving, uncrossed books from every simulated venue."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.simulator.kit import SECURE, VENUES, Simulated

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent
CCXT = ROOT / ".venv-clients" / "bin" / "python"
PEERS = Path(os.environ.get("KIMP_PEERS_PYTHON") or ROOT / ".venv-peers" / "bin" / "python")
LEVELS_MIN = 15
UPDATES = 12
PATIENCE_S = 180
CRYPTOFEED = ("upbit", "binance", "okx", "bybit", "gate", "kucoin")
"""The venues whose books it can read today (simulator.md §4)."""


def told(program: Path, script: str, *words: object, **environment: str) -> list[dict[str, Any]]:
    """What the script printed, one JSON line each."""
    command = [str(program), str(HERE / script), *map(str, words)]
    environment = {**os.environ, "no_proxy": "*", **environment}
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=PATIENCE_S, check=False, env=environment
    )
    assert done.returncode == 0, done.stderr[-2_000:]
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


def assert_alive(report: dict[str, Any]) -> None:
    assert report["updates"] >= UPDATES
    assert report["moves"] >= UPDATES // 2
    assert report["levels"] >= LEVELS_MIN
    assert report["wrong"] == []


@pytest.fixture(scope="session")
def ccxt(strangers_market: Simulated) -> dict[str, list[dict[str, Any]]]:
    """What ccxt.pro tells of each venue, all of them read at once."""
    if not CCXT.exists():
        pytest.skip("ccxt is not installed: there is no .venv-clients")
    keys = json.dumps({venue: strangers_market.keys(venue) for venue in VENUES})
    pairs = [f"{venue}={strangers_market.ports[venue]}" for venue in VENUES]
    reports = told(CCXT, "ccxt_reads.py", *pairs, "--keys", keys, "--updates", UPDATES)
    return {venue: [one for one in reports if one["venue"] == venue] for venue in VENUES}


@pytest.mark.parametrize("venue", VENUES)
def test_ccxt_reads_books_with_default_and_with_spot_only_options(
    ccxt: dict[str, list[dict[str, Any]]], venue: str
) -> None:
    assert len(ccxt[venue]) == 2
    for report in ccxt[venue]:
        assert "error" not in report, report
        assert_alive(report)
        assert report["markets"] > 10


@pytest.fixture(scope="session")
def cryptofeed() -> Path:
    """An interpreter that has it."""
    if not PEERS.exists():
        pytest.skip("cryptofeed is not installed: there is no .venv-peers")
    asked = subprocess.run([PEERS, "-c", "import cryptofeed"], capture_output=True, check=False)
    if asked.returncode:
        pytest.skip("cryptofeed is not installed in .venv-peers (it needs a C compiler)")
    return PEERS


@pytest.mark.parametrize("venue", CRYPTOFEED)
def test_cryptofeed_reads_books_over_tls(
    strangers_market: Simulated, cryptofeed: Path, tmp_path: Path, venue: str
) -> None:
    authority = tmp_path / "ca.pem"
    authority.write_text(strangers_market.get(venue, "/__sim/ca.pem").text)
    trust = {"SSL_CERT_FILE": str(authority), "REQUESTS_CA_BUNDLE": str(authority)}
    keys = json.dumps(strangers_market.keys(venue))
    port = strangers_market.ports[venue] + SECURE
    words = (venue, port, "--keys", keys, "--updates", UPDATES)
    [report] = told(cryptofeed, "cryptofeed_reads.py", *words, **trust)
    assert_alive(report)
