"""vectorbt on the two-venue spread rule, warm: prints {seconds, trades} as JSON."""

import json
import sys
import time

import numpy as np
import pandas as pd
import vectorbt as vbt

folder, entry, exit_ = sys.argv[1], float(sys.argv[2]), float(sys.argv[3])
columns = {
    name: np.load(f"{folder}/{name}.npy")
    for name in ("k_open", "k_close", "g_open", "g_close", "p")
}
premium = columns["p"]
fires = np.concatenate([[False], premium[:-1] >= entry])
leaves = np.concatenate([[False], premium[:-1] <= exit_])
close = pd.DataFrame({"krw": columns["k_close"], "global": columns["g_close"]})
opened = pd.DataFrame({"krw": columns["k_open"], "global": columns["g_open"]})
none = np.zeros((len(fires), 2), dtype=bool)
enter_short, leave_short, enter_long, leave_long = (
    none.copy(),
    none.copy(),
    none.copy(),
    none.copy(),
)
enter_short[:, 0], leave_short[:, 0] = fires, leaves
enter_long[:, 1], leave_long[:, 1] = fires, leaves


def once():
    portfolio = vbt.Portfolio.from_signals(
        close,
        entries=enter_long,
        exits=leave_long,
        short_entries=enter_short,
        short_exits=leave_short,
        price=opened,
        size=1.0,
        fees=0.0005,
        slippage=0.0002,
        init_cash=1e9,
        freq="1min",
    )
    equity = portfolio.value()
    return len(portfolio.trades.records), float(equity.iloc[-1].sum())


once()
started = time.process_time()
trades, _ = once()
print(json.dumps({"seconds": time.process_time() - started, "trades": trades // 2}))
