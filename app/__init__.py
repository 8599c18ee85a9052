"""kimp: watch, backtest and trade price differences of one coin between exchanges."""

__version__ = "0.1.0"
