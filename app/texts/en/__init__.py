"""English: one module per page or theme; a key is `<module>.<name>`."""

from __future__ import annotations

from app.texts.en import (
    accounts,
    arming,
    backtests,
    coin,
    cycles,
    dashboard,
    data,
    frame,
    guide,
    keys,
    live,
    markets,
    metrics,
    opportunities,
    orders,
    performance,
    problems,
    quarantine,
    report,
    risk,
    settings,
    system,
    trading,
    walk,
    wallets,
)

_MODULES = {
    "accounts": accounts.TEXTS,
    "arming": arming.TEXTS,
    "backtests": backtests.TEXTS,
    "coin": coin.TEXTS,
    "cycles": cycles.TEXTS,
    "dashboard": dashboard.TEXTS,
    "data": data.TEXTS,
    "frame": frame.TEXTS,
    "guide": guide.TEXTS,
    "keys": keys.TEXTS,
    "live": live.TEXTS,
    "markets": markets.TEXTS,
    "metrics": metrics.TEXTS,
    "opportunities": opportunities.TEXTS,
    "orders": orders.TEXTS,
    "performance": performance.TEXTS,
    "quarantine": quarantine.TEXTS,
    "report": report.TEXTS,
    "risk": risk.TEXTS,
    "settings": settings.TEXTS,
    "system": system.TEXTS,
    "trading": trading.TEXTS,
    "walk": walk.TEXTS,
    "wallets": wallets.TEXTS,
}

CATALOGUE: dict[str, str] = {
    f"{module}.{name}": words for module, texts in _MODULES.items() for name, words in texts.items()
}
PROBLEMS: dict[str, tuple[str, str]] = problems.TEXTS
