"""Korean: one module per page or theme; a key is `<module>.<name>`."""

from __future__ import annotations

from app.texts.ko import (
    accounts,
    backtests,
    coin,
    dashboard,
    data,
    frame,
    guide,
    live,
    markets,
    metrics,
    opportunities,
    problems,
    quarantine,
    report,
    settings,
    system,
    walk,
)

_MODULES = {
    "accounts": accounts.TEXTS,
    "backtests": backtests.TEXTS,
    "coin": coin.TEXTS,
    "dashboard": dashboard.TEXTS,
    "data": data.TEXTS,
    "frame": frame.TEXTS,
    "guide": guide.TEXTS,
    "live": live.TEXTS,
    "markets": markets.TEXTS,
    "metrics": metrics.TEXTS,
    "opportunities": opportunities.TEXTS,
    "quarantine": quarantine.TEXTS,
    "report": report.TEXTS,
    "settings": settings.TEXTS,
    "system": system.TEXTS,
    "walk": walk.TEXTS,
}

CATALOGUE: dict[str, str] = {
    f"{module}.{name}": words for module, texts in _MODULES.items() for name, words in texts.items()
}
PROBLEMS: dict[str, tuple[str, str]] = problems.TEXTS
