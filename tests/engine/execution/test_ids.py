"""Names that can be computed again, and are never given twice."""

from __future__ import annotations

import re

from app.domain.venues import Venue
from app.engine.execution.ids import Identity, client_id, order_id, share

ME = Identity("desk", 1)


def test_ids_fit_every_venue() -> None:
    for number in range(200):
        assert re.fullmatch(r"[a-z2-7]{20}", client_id(ME, f"c-{number}", "LEG1_SENT", 1))


def test_ids_are_the_same_again_and_never_another_s() -> None:
    found = {
        client_id(Identity(deployment, epoch), cycle, step, attempt)
        for deployment in ("desk", "other")
        for epoch in (1, 2, 11)
        for cycle in ("c-1", "c-11", "c-111")
        for step in ("LEG1_SENT", "LEG2_SENT", "RETURN_SENT")
        for attempt in (1, 2, 11)
    }
    assert len(found) == 2 * 3 * 3 * 3 * 3
    assert client_id(ME, "c-1", "LEG1_SENT", 1) == client_id(ME, "c-1", "LEG1_SENT", 1)


def test_an_order_is_called_as_its_venue_wants_it() -> None:
    me = ME._replace(written={Venue.GATE: lambda digest: f"t-{digest}"})
    plain = client_id(me, "c-1", "LEG1_SENT", 1)
    assert order_id(me, Venue.GATE, "c-1", "LEG1_SENT", 1) == f"t-{plain}"
    assert order_id(me, Venue.OKX, "c-1", "LEG1_SENT", 1) == plain


def test_shares_stand_for_chance() -> None:
    found = [share(ME, "c-1", "retry", n) for n in range(1_000)]
    assert 0.45 < sum(found) / 1_000 < 0.55
    assert 0.0 <= min(found) < 0.02 < 0.98 < max(found) < 1.0
