"""nautilus_trader on the books of a session: prints seconds, updates, crossings as JSON.

seconds: to make its data of parsed books, and to run; parsing frames is left out.
"""

import json
import sys
import time
from decimal import Decimal
from pathlib import Path

import numpy as np
from nautilus_trader.backtest.engine import BacktestEngine, BacktestEngineConfig
from nautilus_trader.config import LoggingConfig
from nautilus_trader.model.currencies import USD
from nautilus_trader.model.data import BookOrder, OrderBookDelta, OrderBookDeltas
from nautilus_trader.model.enums import AccountType, BookAction, BookType, OmsType, OrderSide
from nautilus_trader.model.identifiers import InstrumentId, Symbol, Venue
from nautilus_trader.model.instruments import CurrencyPair
from nautilus_trader.model.objects import Currency, Money, Price, Quantity
from nautilus_trader.trading.strategy import Strategy

folder, threshold_bps = sys.argv[1], float(sys.argv[2])
LAST = 128  # F_LAST: the book is whole again
PRECISION = 8
SIZE_MAX = 1e9

names = [line.split() for line in Path(folder, "book_names.txt").read_text().splitlines()]
books = np.load(f"{folder}/book_rows.npy")
prices, sizes, counts = (
    np.load(f"{folder}/book_{name}.npy") for name in ("prices", "quantities", "counts")
)


def instrument(row, venue):
    return CurrencyPair(
        instrument_id=InstrumentId(Symbol(f"R{row}/USD"), Venue(venue.upper())),
        raw_symbol=Symbol(f"R{row}USD"),
        base_currency=Currency.from_str("BTC"),
        quote_currency=USD,
        price_precision=PRECISION,
        size_precision=PRECISION,
        price_increment=Price(10**-PRECISION, PRECISION),
        size_increment=Quantity(10**-PRECISION, PRECISION),
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


made = {int(row): instrument(row, venue) for row, venue, _, _, _ in names}
base_of = {made[int(row)].id: base for row, _, base, _, _ in names}
won = {made[int(row)].id: float(factor) for row, _, _, _, factor in names}


def deltas(number):
    row, at = int(books[number, 0]), int(books[number, 1])
    on = made[row].id
    found = [OrderBookDelta.clear(on, 0, at, at)]
    for side, word in ((0, OrderSide.BUY), (1, OrderSide.SELL)):
        for level in range(int(counts[number, side])):
            order = BookOrder(
                word,
                Price(float(prices[number, side, level]), PRECISION),
                Quantity(min(float(sizes[number, side, level]), SIZE_MAX), PRECISION),
                0,
            )
            found.append(OrderBookDelta(on, BookAction.ADD, order, 0, number, at, at))
    last = found[-1]
    found[-1] = OrderBookDelta(on, last.action, last.order, LAST, number, at, at)
    return OrderBookDeltas(on, found)


class Crossing(Strategy):
    def __init__(self):
        super().__init__()
        self.best = {}
        self.above = set()
        self.count = 0
        self.updates = 0

    def on_start(self):
        for each in made.values():
            self.subscribe_order_book_deltas(each.id, BookType.L2_MBP)

    def on_order_book_deltas(self, told):
        on = told.instrument_id
        book = self.cache.order_book(on)
        self.updates += 1
        bid = float(book.best_bid_price()) * won[on]
        ask = float(book.best_ask_price()) * won[on]
        self.best[on] = bid, ask
        for other, (other_bid, other_ask) in self.best.items():
            if other == on or base_of[other] != base_of[on]:
                continue
            for route, gain in (
                ((other, on), bid / other_ask - 1),
                ((on, other), other_bid / ask - 1),
            ):
                if gain * 1e4 <= threshold_bps:
                    self.above.discard(route)
                elif route not in self.above:
                    self.above.add(route)
                    self.count += 1


engine = BacktestEngine(
    BacktestEngineConfig(logging=LoggingConfig(bypass_logging=True), run_analysis=False)
)
for venue in sorted({venue for _, venue, _, _, _ in names}):
    engine.add_venue(
        venue=Venue(venue.upper()),
        oms_type=OmsType.NETTING,
        account_type=AccountType.MARGIN,
        starting_balances=[Money(1_000_000_000, USD)],
        base_currency=USD,
        book_type=BookType.L2_MBP,
    )
for each in made.values():
    engine.add_instrument(each)
before = time.process_time()
told = [deltas(number) for number in range(len(books))]
making = time.process_time() - before
engine.add_data(told)
strategy = Crossing()
engine.add_strategy(strategy)
before = time.process_time()
engine.run()
running = time.process_time() - before
answer = {
    "seconds": making + running,
    "running": running,
    "updates": strategy.updates,
    "crossings": strategy.count,
}
print(json.dumps(answer))
