"""ccxt, unmodified, on the accounts of four simulated venues; the venue's books agree."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.clients.test_clients import CCXT, ROOT, told
from tests.simulator.kit import Simulated, simulated

QUOTES = {"upbit": "KRW", "bithumb": "KRW", "binance": "USDT", "okx": "USDT"}


@pytest.fixture(scope="module")
def market() -> Iterator[Simulated]:
    with simulated("--seed", "11", "--rate", "400") as running:
        yield running


@pytest.mark.parametrize("venue", QUOTES)
def test_ccxt_rests_watches_cancels_and_buys(market: Simulated, venue: str) -> None:
    if not CCXT.exists():
        pytest.skip("ccxt is not installed: there is no .venv-clients")
    words = (venue, market.ports[venue], "--keys", json.dumps(market.keys(venue)))
    [report] = told(CCXT, "ccxt_accounts.py", *words, PYTHONPATH=str(ROOT))
    rested, bought = report["rested"], report["bought"]
    assert [rested["id"], "open"] in rested["streamed"]
    assert rested["fetched"] == [rested["id"], "open", rested["client_id"], "buy"]
    assert rested["open"]
    assert rested["gone"] == "canceled"
    assert bought["status"] == "closed"
    orders = {one["order_id"]: one for one in read(market, venue, "orders")}
    assert (orders[rested["id"]]["status"], orders[rested["id"]]["received"]) == ("cancelled", 1)
    assert orders[bought["id"]]["filled"] == "0.0032"
    purse = read(market, venue, "balances")[QUOTES[venue]]
    assert report["after"]["free"] == pytest.approx(float(purse["free"]), abs=1e-6)
    spent = report["before"]["free"] - report["after"]["free"]
    fills = [one for one in read(market, venue, "fills") if one["order_id"] == bought["id"]]
    cost = sum(
        float(one["value"]) + (float(one["fee"]) if one["fee_asset"] == QUOTES[venue] else 0)
        for one in fills
    )
    assert spent == pytest.approx(cost)


def read(market: Simulated, venue: str, kind: str) -> Any:
    return market.get(venue, f"/__sim/{kind}").json()
