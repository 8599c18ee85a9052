"""English: the figures of a backtest, each with its definition."""

TEXTS: dict[str, str] = {
    "total_pnl_krw": "Profit",
    "total_pnl_krw.lead": "Profit, one finished cycle | Profit, {n} finished cycles",
    "total_pnl_krw.means": "Sum of the results of all finished cycles, after every cost. A "
    "cycle still open is not in it.",
    "roi_pct": "ROI",
    "roi_pct.means": "Last equity over the initial capital, minus one. An open cycle counts "
    "with its mark.",
    "final_equity_krw": "Final equity",
    "final_equity_krw.means": "Equity at the close of the last bar: capital, finished cycles "
    "and the mark of an open one.",
    "max_drawdown_pct": "Max drawdown",
    "max_drawdown_pct.means": "Deepest fall of equity below its highest value before, bar by "
    "bar, in percent of that value.",
    "sharpe": "Sharpe",
    "sharpe.means": "Mean of the daily returns over their deviation, times √365. UTC days, days "
    "without bars left out, no risk-free rate.",
    "sortino": "Sortino",
    "sortino.means": "As Sharpe, but over the deviation of losing days only.",
    "cagr_pct": "CAGR",
    "cagr_pct.means": "Growth per 365 days from the first bar to the last. Over a short span it "
    "is an extrapolation.",
    "cycles": "Cycles",
    "cycles.means": "Cycles whose last fill has happened.",
    "win_rate_pct": "Win rate",
    "win_rate_pct.means": "Share of cycles with a result above zero.",
    "profit_factor": "Profit factor",
    "profit_factor.means": "What winning cycles earned over what losing ones lost. Missing "
    "without a loss.",
    "mean_cycle_krw": "Mean cycle",
    "mean_cycle_krw.means": "Mean result of a finished cycle.",
    "std_cycle_krw": "Deviation of cycles",
    "std_cycle_krw.means": "Standard deviation of the results of cycles.",
    "t_stat": "t statistic",
    "t_stat.means": "Mean result over its standard error. Under 2 it could be chance.",
    "best_cycle_krw": "Best cycle",
    "best_cycle_krw.means": "Largest result of one cycle.",
    "worst_cycle_krw": "Worst cycle",
    "worst_cycle_krw.means": "Smallest result of one cycle.",
    "captured_bps": "Captured, mean",
    "captured_bps.means": "Mean premium between the signal that led in and the one that led "
    "out, before costs.",
    "mean_hold_s": "Mean hold",
    "mean_hold_s.means": "Mean time from the first fill of a cycle to its last.",
    "longest_hold_s": "Longest hold",
    "longest_hold_s.means": "Longest time from the first fill of a cycle to its last.",
    "exposure_pct": "Exposure",
    "exposure_pct.means": "Share of the time in which a cycle was open.",
    "fees_krw": "Fees paid",
    "fees_krw.means": "Trading, hedge and withdrawal fees of finished cycles. Slippage is in "
    "the prices.",
    "turnover_krw": "Turnover",
    "turnover_krw.means": "All fills on both venues at their prices. Hedges are left out.",
    "benchmark_roi_pct": "Holding the coins",
    "benchmark_roi_pct.means": "The capital put into the coins in equal parts at the first open "
    "abroad and held, without costs.",
    "open_cycle": "Open at end",
    "open_cycle.none": "none",
    "open_cycle.means": "A cycle whose last fill had not happened when the data ended. Its mark "
    "is in equity, not in the profit.",
    "unit.krw": "KRW",
    "unit.pct": "%",
    "unit.bps": "bps",
    "unit.hours": "h",
}
