"""backtrader on the two-venue spread rule: prints {seconds, trades} as JSON."""

import json
import sys
import time

import backtrader as bt
import numpy as np
import pandas as pd

folder, entry, exit_ = sys.argv[1], float(sys.argv[2]), float(sys.argv[3])
bars = int(sys.argv[4])
columns = {
    name: np.load(f"{folder}/{name}.npy")[:bars]
    for name in ("time_s", "k_open", "k_close", "g_open", "g_close", "p")
}
index = pd.to_datetime(columns["time_s"], unit="s")


def feed(side):
    opened, close = columns[f"{side}_open"], columns[f"{side}_close"]
    frame = pd.DataFrame(
        {
            "open": opened,
            "high": np.maximum(opened, close),
            "low": np.minimum(opened, close),
            "close": close,
            "volume": 1.0,
        },
        index=index,
    )
    return bt.feeds.PandasData(dataname=frame)


class Spread(bt.Strategy):
    def __init__(self):
        self.held = False
        self.exits = 0

    def next(self):
        premium = columns["p"][len(self) - 1]
        korea, world = self.datas
        if not self.held and premium >= entry:
            self.sell(data=korea, size=1.0)
            self.buy(data=world, size=1.0)
            self.held = True
        elif self.held and premium <= exit_:
            self.close(data=korea)
            self.close(data=world)
            self.held = False
            self.exits += 1


cerebro = bt.Cerebro(stdstats=False)
cerebro.adddata(feed("k"))
cerebro.adddata(feed("g"))
cerebro.addstrategy(Spread)
cerebro.broker.setcash(1e12)
cerebro.broker.setcommission(commission=0.0005)
started = time.process_time()
[strategy] = cerebro.run()
print(json.dumps({"seconds": time.process_time() - started, "trades": strategy.exits}))
