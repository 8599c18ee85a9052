"""Routes: what a viewer chose on the dashboard, and the best route of every coin."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from app.domain.live import PremiumRow
from app.domain.venues import KOREAN, Venue
from app.routers.watching.steady import Orders

# Keys of a premium's figures, in the order of the keys 1 to 4.
BASES = ("realizable", "usdlike", "kimchi", "break_even")
SIDES = ("high", "low")
HOMES = (Venue.UPBIT, Venue.BITHUMB)
# A route gives way to another one of the same coin that is better by so much.
BETTER_BPS = 2.0


@dataclass(frozen=True, slots=True)
class Chosen:
    """home: whose won market; size_krw: at which size; basis: of the matrix; side: direction."""

    home: Venue
    size_krw: float
    basis: str
    side: str


def chosen(asked: Mapping[str, str], sizes: Collection[float], usual: float) -> Chosen:
    """What the address says; what it does not say, or says wrongly, is as usual."""
    home, size = asked.get("home"), asked.get("size", "")
    known = {f"{each:.0f}": each for each in sizes}
    basis, side = asked.get("basis", ""), asked.get("side", "")
    return Chosen(
        home=next((each for each in HOMES if each == home), HOMES[0]),
        size_krw=known.get(size, usual if usual in known.values() else next(iter(known.values()))),
        basis=basis if basis in BASES else BASES[0],
        side=side if side in SIDES else SIDES[0],
    )


def net(row: PremiumRow, size_krw: float) -> float | None:
    """Realizable at a size, in bps; None where that size cannot be done or is withheld."""
    if row.withheld is not None:
        return None
    for sized in row.sizes:
        if sized.size_krw == size_krw:
            return sized.net_bps
    return row.realizable_bps if row.realizable_size_krw == size_krw else None


def figure(row: PremiumRow, basis: str, size_krw: float) -> float | None:
    """One of BASES of a row."""
    if basis == "realizable":
        return net(row, size_krw)
    found: float | None = getattr(row, f"{basis}_bps")
    return found


def is_ranked(row: PremiumRow) -> bool:
    """Whether its premium could be had at all."""
    return not row.fenced and not row.quarantined


class Best:
    """The best route of each coin; a route stays until another one is clearly better."""

    def __init__(self) -> None:
        self._routes: dict[tuple[str, Venue, float], str] = {}

    def of(self, rows: Iterable[PremiumRow], chosen: Chosen) -> dict[str, PremiumRow]:
        """base → the route through the chosen won market that nets most at the chosen size."""
        home, size = chosen.home, chosen.size_krw
        found: dict[str, tuple[tuple[bool, float], PremiumRow]] = {}
        for row in rows:
            buys, sells = row.buy_venue, row.sell_venue
            if buys is not home and sells is not home:
                continue
            if buys in KOREAN and sells in KOREAN:
                continue
            value = net(row, size)
            worth = -1e9 if value is None else value
            if self._routes.get((row.base, home, size)) == row.id:
                worth += BETTER_BPS
            rank = (is_ranked(row), worth)
            if row.base not in found or rank > found[row.base][0]:
                found[row.base] = (rank, row)
        if len(self._routes) > 20_000:
            self._routes.clear()
        for base, (_, row) in found.items():
            self._routes[base, home, size] = row.id
        return {base: row for base, (_, row) in found.items()}


def ranked(
    best: Mapping[str, PremiumRow],
    chosen: Chosen,
    favourites: Collection[str],
    orders: Orders,
    at_ns: int,
) -> list[PremiumRow]:
    """Favourites first, then by what is obtainable; what cannot be had stands last."""
    values = {}
    for base, row in best.items():
        value = net(row, chosen.size_krw)
        worth = -20_000.0 if value is None else max(-9_999.0, min(9_999.0, value))
        values[base] = worth - (0 if is_ranked(row) else 100_000) + 30_000 * (base in favourites)
    order = orders.of(("board", chosen.home, chosen.size_krw)).order(values, at_ns)
    return [best[base] for base in order]
