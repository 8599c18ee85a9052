"""Explaining: why this net. Bars of the waterfall, gates, ladder and levels as they are drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from app.domain.live import Explanation, LevelUsed, SizedNet, Status, Step
from app.domain.policy import Policy
from app.texts import formats

# Bars keep this share of the width; the rest is air for what runs over.
WIDTH = 96.0
LEVELS_MAX = 8


@dataclass(frozen=True, slots=True)
class Bar:
    """One step: from x over width percent. ink: class of its colour. note: what it is made from."""

    step: Step
    note: tuple[str, dict[str, object]]
    x: float
    width: float
    ink: str
    zero: float


@dataclass(frozen=True, slots=True)
class Level:
    """One level of the walk on each side; None where that side has none. widths in percent."""

    buy: LevelUsed | None
    sell: LevelUsed | None
    buy_width: float
    sell_width: float


@dataclass(frozen=True, slots=True)
class Explained:
    """The page. sum_bps: what the parts add up to; verdict: kind of chip."""

    found: Explanation
    bars: tuple[Bar, ...]
    failed: int
    levels: tuple[Level, ...]
    best_size: float | None
    times: float | None
    """The headline over the net, where both are gains."""
    is_live: bool
    verdict: str
    lived_s: float
    ages: tuple[tuple[str, float | None, float], ...]
    """Input, age in ms, limit in s."""


def note(step: Step) -> tuple[str, dict[str, object]]:
    """What a step was made from: a text below `opportunities.note.` and its values."""
    words = step.detail.split()
    if step.source == "unknown":
        return "unknown", {}
    if step.code in {"headline", "usdt_premium"} and words:
        return step.code, {"rate": formats.number(_figure(words[0]), 2)}
    if step.code.endswith("_slippage") and len(words) == 2:
        price = _figure(words[0])
        shown = formats.price(None if price is None else float(f"{price:.7g}"))
        return "slippage", {"price": shown, "n": int(words[1])}
    if step.code.endswith("_fee"):
        return "fee", {"source": step.source}
    if step.code.endswith("withdrawal") and words:
        amount = formats.quantity(_figure(words[0]))
        if words[1:] == ["bank"]:
            return "bank", {"amount": amount}
        return "withdrawal", {"amount": amount, "network": " ".join(words[1:])}
    return "none", {}


def _figure(word: str) -> float | None:
    try:
        return float(word)
    except ValueError:
        return None


INKS = {"headline": "f-violet", "usdlike": "f-teal", "net": "f-ink"}


def explained(found: Explanation, policy: Policy) -> Explained:
    row, route = found.opportunity, found.premium
    refused = row.status is Status.REFUSED
    ends_ns = row.closed_at_ns or max(found.at_ns, row.updated_at_ns)
    head = next((step.bps for step in found.steps if step.kind == "sum"), None)
    return Explained(
        found=found,
        bars=bars(found.steps),
        failed=sum(not gate.passed for gate in row.gates),
        levels=levels(found.levels),
        best_size=best_size(found.ladder),
        times=head / row.net_bps if head and row.net_bps > 0 and head > row.net_bps else None,
        is_live=row.closed_at_ns is None,
        verdict="solid" if refused else "ok" if row.closed_at_ns is None else "",
        lived_s=max(0.0, (ends_ns - row.opened_at_ns) / 1e9),
        ages=(
            ("buy", route.buy_age_ms, policy.book_age_s_max),
            ("sell", route.sell_age_ms, policy.book_age_s_max),
            ("tether", route.tether_age_ms, policy.tether_age_s_max),
            ("official", route.official_age_ms, policy.official_age_s_max),
            ("wallets", route.wallet_age_ms, policy.wallet_age_s_max),
        ),
    )


def bars(steps: Sequence[Step]) -> tuple[Bar, ...]:
    """A sum stands on zero, a part hangs where the one before it ended."""
    edges: list[tuple[float, float]] = []
    running = 0.0
    for step in steps:
        start = 0.0 if step.kind == "sum" else running
        running = step.bps if step.kind == "sum" else running + step.bps
        edges.append((min(start, running), max(start, running)))
    low = min([0.0, *(edge[0] for edge in edges)])
    high = max([1.0, *(edge[1] for edge in edges)])
    scale = WIDTH / (high - low)

    def at(value: float) -> float:
        return round((value - low) * scale + (100 - WIDTH) / 2, 2)

    return tuple(
        Bar(
            step,
            note(step),
            at(left),
            max(round((right - left) * scale, 2), 0.4),
            INKS.get(step.code, "f-ink3")
            if step.kind == "sum"
            else f"{'f-up' if step.bps >= 0 else 'f-down'} soft",
            at(0.0),
        )
        for step, (left, right) in zip(steps, edges, strict=True)
    )


def levels(used: Sequence[LevelUsed]) -> tuple[Level, ...]:
    """Buys and sells side by side, best first; the widest is the largest quantity."""
    buys = [level for level in used if level.side == "buy"][:LEVELS_MAX]
    sells = [level for level in used if level.side == "sell"][:LEVELS_MAX]
    most = max((level.quantity for level in (*buys, *sells)), default=1.0) or 1.0
    made = []
    for at in range(max(len(buys), len(sells))):
        buy = buys[at] if at < len(buys) else None
        sell = sells[at] if at < len(sells) else None
        made.append(
            Level(
                buy,
                sell,
                round(49 * (buy.quantity / most if buy else 0), 1),
                round(49 * (sell.quantity / most if sell else 0), 1),
            )
        )
    return tuple(made)


def best_size(ladder: Sequence[SizedNet]) -> float | None:
    known = [sized for sized in ladder if sized.net_bps is not None]
    if not known:
        return None
    return max(known, key=lambda sized: (sized.net_bps or 0) * sized.size_krw).size_krw
