"""Tables: what the detection kernel reads and writes, as records: lines, routes, and the rules."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from app.domain.policy import Policy
from app.domain.times import SECOND_NS

Records = npt.NDArray[Any]
Indexes = npt.NDArray[np.int64]

ROUTES_PER_LINE = 32
"""Of one book: to and from each other venue's, so 16 with nine venues."""
ROUTES_MAX = 32_768
NO_ROW = -1

LINES = np.dtype(
    [
        # Read for every route of every update, so they stand together.
        ("cost", "f8"),  # of one unit of the asset with fee: in USDT, of won books in KRW
        ("value", "f8"),  # of one unit sold, after fee: likewise
        ("bid", "f8"),  # best prices of one ticker, NaN without
        ("ask", "f8"),
        ("krw", "f8"),  # for one unit of the quote, NaN: withheld
        ("usdt", "f8"),  # for one unit of the quote, 1 of won books
        ("fee", "f8"),  # taker, share of 1, NaN: not known
        ("multiplier", "f8"),  # units of the asset in one of the ticker
        ("won", "i8"),  # 1: quoted in KRW
        ("count", "i8"),
        ("routes", "i8", (ROUTES_PER_LINE,)),
        ("turned", "i8", (ROUTES_PER_LINE,)),  # what `detect` has to tell of
        # Read for candidates.
        ("tick", "f8"),
        ("lot", "f8"),
        ("minimum_quantity", "f8"),
        ("minimum_value", "f8"),
        ("live", "i8"),  # its channel may decide something
        ("unanswered", "i8"),  # a second look at it brought nothing
    ],
    align=True,
)
"""One record per row of the rack."""

ROUTES = np.dtype(
    [
        ("buy", "i8"),
        ("sell", "i8"),
        ("tether", "i8"),  # the Korean venue's USDT/KRW, NO_ROW where there is none
        ("direction", "i8"),  # a Direction
        ("state", "i8"),  # a State
        ("reason", "i8"),  # a Code: why it is refused or nothing
        ("used", "i8"),
        ("loaded", "i8"),  # wallets and fees below are looked up
        ("code", "i8"),  # a Code of what does not change with prices
        ("updates", "i8", (2,)),  # since it is LIVE, since it is REFUSED; peaks, last likewise
        ("known_until_ns", "i8"),  # then its wallets are too old
        ("withdrawal", "f8"),  # in units of the buying ticker, NaN: not known
        ("return_fee", "f8"),  # see pricing.Terms
        ("minimum", "f8"),  # of a withdrawal, in units of the buying ticker
        ("net_bps", "f8"),  # of the last look; an upper bound where it cannot be done
        ("peaks", "f8", (2,)),
        ("last", "f8", (2,)),  # net of the last look in that state
        ("quantity", "f8"),  # of the asset that is withdrawn, at the last look
    ],
    align=True,
)
"""One record per directed pair of books of one asset."""

RULES = np.dtype(
    [
        ("tether_krw", "f8"),  # the rate without which nothing is reported, NaN: withheld
        ("size_krw", "f8"),
        ("min_net_bps", "f8"),
        ("watch_bps", "f8"),  # from here on a route is walked
        ("max_net_bps", "f8"),
        ("tick_bps_max", "f8"),
        ("book_age_ns_max", "i8"),
        ("tether_age_ns_max", "i8"),
    ],
    align=True,
)
"""One record: what people set, and the rate."""


def lines(count: int) -> Records:
    made = np.zeros(count, LINES)
    for name in ("cost", "value", "bid", "ask", "krw", "usdt", "fee"):
        made[name] = np.nan
    made["multiplier"] = 1.0
    return made


def rules(policy: Policy) -> Records:
    made = np.zeros(1, RULES)
    made["tether_krw"] = np.nan
    for name in ("size_krw", "min_net_bps", "max_net_bps", "tick_bps_max"):
        made[name] = getattr(policy, name)
    made["watch_bps"] = policy.min_net_bps
    made["book_age_ns_max"] = round(policy.book_age_s_max * SECOND_NS)
    made["tether_age_ns_max"] = round(policy.tether_age_s_max * SECOND_NS)
    return made
