"""The port behind the venues: two sources of the official won per dollar."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from app.simulator.faults import KINDS
from app.simulator.protocol import Client, Dialect, Market, Reply, Request, Rules, Trade, Update

OPEN_RATES = "/v6/latest/USD"
DUNAMU = "/v1/forex/recent"
SPREAD = 2e-4
"""The second source is another bank's."""


class Fx(Dialect):
    """Not a venue: it has no markets and no stream."""

    venue = "fx"
    rules = Rules(quotes=())
    faults_without = KINDS - {"http", "timeout", "skew", "maintenance"}

    def __init__(self, market: Market, rate: Callable[[], float]) -> None:
        super().__init__(market)
        self._rate = rate

    @staticmethod
    def symbol(base: str, quote: str) -> str:
        return f"{base}/{quote}"

    def http(self, request: Request) -> Reply:
        at_ms = self.market.now_ms()
        match request.path:
            case "/v6/latest/USD" | "/latest" | "/v1/latest":
                rates = {"USD": 1, "KRW": round(self._rate(), 4)}
                row = {
                    "result": "success",
                    "base_code": "USD",
                    "time_last_update_unix": at_ms // 1_000,
                    "date": datetime.fromtimestamp(at_ms / 1_000, UTC).date().isoformat(),
                    "rates": rates,
                }
                return Reply.json(row)
            case "/v1/forex/recent":
                price = round(self._rate() * (1 + SPREAD), 2)
                return Reply.json(
                    [
                        {
                            "code": "FRX.KRWUSD",
                            "currencyCode": "USD",
                            "country": "미국",
                            "basePrice": price,
                            "timestamp": at_ms,
                        }
                    ]
                )
        return Reply.json({"result": "error", "error-type": "not-found"}, 404)

    def admits(self, request: Request) -> Reply | None:
        return Reply.json({"result": "error", "error-type": "no-stream"}, 404)

    def heard(self, client: Client, text: str) -> None: ...

    def update(self, update: Update) -> None: ...

    def trade(self, trade: Trade) -> None: ...
