"""nautilus_trader on the two-venue spread rule: prints {seconds, trades} as JSON."""

import json
import sys
import time
from decimal import Decimal

import numpy as np
from nautilus_trader.backtest.engine import BacktestEngine, BacktestEngineConfig
from nautilus_trader.config import LoggingConfig
from nautilus_trader.model.currencies import BTC, USD
from nautilus_trader.model.data import Bar, BarType
from nautilus_trader.model.enums import AccountType, OmsType, OrderSide
from nautilus_trader.model.identifiers import InstrumentId, Symbol, Venue
from nautilus_trader.model.instruments import CurrencyPair
from nautilus_trader.model.objects import Money, Price, Quantity
from nautilus_trader.trading.strategy import Strategy

folder, entry, exit_ = sys.argv[1], float(sys.argv[2]), float(sys.argv[3])
bars = int(sys.argv[4])
columns = {
    name: np.load(f"{folder}/{name}.npy")[:bars]
    for name in ("time_s", "k_open", "k_close", "g_open", "g_close", "p")
}


def instrument(venue):
    return CurrencyPair(
        instrument_id=InstrumentId(Symbol("BTC/USD"), Venue(venue)),
        raw_symbol=Symbol("BTCUSD"),
        base_currency=BTC,
        quote_currency=USD,
        price_precision=2,
        size_precision=6,
        price_increment=Price.from_str("0.01"),
        size_increment=Quantity.from_str("0.000001"),
        lot_size=None,
        max_quantity=None,
        min_quantity=None,
        max_notional=None,
        min_notional=None,
        max_price=None,
        min_price=None,
        margin_init=Decimal(0),
        margin_maint=Decimal(0),
        maker_fee=Decimal("0.0005"),
        taker_fee=Decimal("0.0005"),
        ts_event=0,
        ts_init=0,
    )


korea, world = instrument("KOREA"), instrument("WORLD")
kinds = {
    "k": BarType.from_str(f"{korea.id}-1-MINUTE-LAST-EXTERNAL"),
    "g": BarType.from_str(f"{world.id}-1-MINUTE-LAST-EXTERNAL"),
}


def series(side):
    rows = zip(columns["time_s"], columns[f"{side}_open"], columns[f"{side}_close"], strict=True)
    made = []
    for at, opened, close in rows:
        known = int(at + 60) * 1_000_000_000
        high, low = max(opened, close), min(opened, close)
        made.append(
            Bar(
                kinds[side],
                Price(opened, 2),
                Price(high, 2),
                Price(low, 2),
                Price(close, 2),
                Quantity(100.0, 6),
                known,
                known,
            )
        )
    return made


class Spread(Strategy):
    def __init__(self):
        super().__init__()
        self.seen = 0
        self.held = False
        self.exits = 0

    def on_start(self):
        for kind in kinds.values():
            self.subscribe_bars(kind)

    def send(self, on, side):
        self.submit_order(self.order_factory.market(on.id, side, on.make_qty(0.1)))

    def on_bar(self, bar):
        if bar.bar_type != kinds["g"]:
            return
        premium = columns["p"][self.seen]
        self.seen += 1
        if not self.held and premium >= entry:
            self.send(korea, OrderSide.SELL)
            self.send(world, OrderSide.BUY)
            self.held = True
        elif self.held and premium <= exit_:
            self.send(korea, OrderSide.BUY)
            self.send(world, OrderSide.SELL)
            self.held = False
            self.exits += 1


engine = BacktestEngine(
    BacktestEngineConfig(logging=LoggingConfig(bypass_logging=True), run_analysis=False)
)
for each in (korea, world):
    engine.add_venue(
        venue=each.id.venue,
        oms_type=OmsType.NETTING,
        account_type=AccountType.MARGIN,
        starting_balances=[Money(1_000_000_000, USD)],
        base_currency=USD,
    )
    engine.add_instrument(each)
engine.add_data(series("k"))
engine.add_data(series("g"))
strategy = Spread()
engine.add_strategy(strategy)
started = time.process_time()
engine.run()
print(json.dumps({"seconds": time.process_time() - started, "trades": strategy.exits}))
