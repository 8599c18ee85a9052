"""English: texts of backtests."""

TEXTS: dict[str, str] = {}
