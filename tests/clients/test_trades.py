"""ccxt, unmodified, trades at the simulated venues and sends coins; the venue's books agree."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.clients.test_clients import CCXT, ROOT, told
from tests.simulator.kit import Simulated, simulated

VENUES = ("binance", "okx", "bybit", "kucoin", "gate", "bitget", "coinbase")
GROSS = frozenset({"binance", "gate", "bitget"})
"""The amount asked for there includes the fee."""
SENT = 50.0
TAKER = {"gate": 0.002, "coinbase": 0.012}
QUANTITY = 0.00321


@pytest.fixture(scope="module")
def quick() -> Iterator[Simulated]:
    """Its networks take a second."""
    with simulated("--seed", "11", "--rate", "800", "--transfer-s", "1") as running:
        yield running


@pytest.mark.parametrize("venue", VENUES)
def test_ccxt_places_watches_cancels_trades_and_sends(quick: Simulated, venue: str) -> None:
    if not CCXT.exists():
        pytest.skip("ccxt is not installed: there is no .venv-clients")
    keys = json.dumps(quick.keys(venue))
    words = (venue, quick.ports[venue], "--keys", keys)
    [report] = told(CCXT, "ccxt_trades.py", *words, PYTHONPATH=str(ROOT))
    books = {kind: quick.get(venue, f"/__sim/{kind}").json() for kind in ("orders", "fills")}
    rested, taken = report["rested"], report["taken"]
    assert_rested(rested, books["orders"])
    assert_taken(venue, taken, books["fills"])
    assert report["gained"] == pytest.approx(QUANTITY * (1 - in_base(venue, taken)), rel=1e-6)
    assert report["taker"] == TAKER.get(venue, 0.001)
    assert_sent(venue, report["sent"], quick.get(venue, "/__sim/withdrawals").json())


def in_base(venue: str, taken: dict[str, Any]) -> float:
    """The share of the coins that went as a fee."""
    return TAKER.get(venue, 0.001) if taken["fees"] == ["BTC"] else 0.0


def assert_rested(rested: dict[str, Any], orders: list[dict[str, Any]]) -> None:
    assert [rested["id"], "open"] in rested["streamed"]
    assert rested["fetched"] == [rested["id"], "open", rested["client_id"], "buy"]
    assert rested["open"]
    assert rested["gone"] == "canceled"
    [truth] = [order for order in orders if order["order_id"] == rested["id"]]
    assert (truth["status"], truth["received"]) == ("cancelled", 1)
    assert float(truth["price"]) == rested["price"][0] == rested["price"][1]


def assert_taken(venue: str, taken: dict[str, Any], fills: list[dict[str, Any]]) -> None:
    mine = [fill for fill in fills if fill["order_id"] == taken["id"]]
    assert taken["status"] == "closed"
    assert taken["filled"] == QUANTITY
    assert taken["traded"] == pytest.approx(QUANTITY)  # ccxt has added up floats
    assert sum(float(fill["quantity"]) for fill in mine) == pytest.approx(QUANTITY)
    assert sum(float(fill["value"]) for fill in mine) == pytest.approx(taken["cost"])
    assert sum(float(fill["fee"]) for fill in mine) == pytest.approx(taken["fee"])
    quote = "USD" if venue == "coinbase" else "USDT"
    assert taken["fees"] == ([quote] if venue in ("kucoin", "coinbase") else ["BTC"])


def assert_sent(venue: str, sent: dict[str, Any], withdrawals: list[dict[str, Any]]) -> None:
    [truth] = [one for one in withdrawals if one["withdrawal_id"] == sent["id"]]
    assert truth["txid"] == sent["out"]["txid"] == sent["in"]["txid"]
    fee = float(truth["fee"])
    assert sent["out"]["fee"] == fee
    arrived = SENT - fee if venue in GROSS else SENT
    assert sent["in"]["amount"] == pytest.approx(float(truth["amount"])) == pytest.approx(arrived)
    # of Coinbase ccxt tells what left, with the fee
    assert sent["out"]["amount"] == pytest.approx(arrived + fee * (venue == "coinbase"))
