"""Scouts: the detectors beside the routes, as the engine asks them.

| detector | looks at | when |
|---|---|---|
| triangular | loops on one venue | a book of a loop changes; each tick while it pays |
| statistical | pairs of coins | each minute, a few pairs at a tick |
| funding | a coin and its perpetual | fundings are read |
"""

from __future__ import annotations

from collections.abc import Callable

from app.domain.events import FundingRead
from app.domain.facts import Fact
from app.domain.live import Explanation, Opportunity
from app.domain.policy import Policy
from app.engine.detection.board import Stage
from app.engine.detection.found import Findings
from app.engine.detection.funding import Funding
from app.engine.detection.refusals import Refusals
from app.engine.detection.statistical import Statistical
from app.engine.detection.triangular import Triangular


class Scouts:
    def __init__(self, stage: Stage, number: Callable[[], int], refusals: Refusals) -> None:
        self._triangular = Triangular(stage)
        self._statistical = Statistical(stage)
        self._funding = Funding(stage)
        self._findings = Findings(number, refusals)
        self.rows = self._triangular.rows
        """Books whose every change is to be told to `turned`."""

    def policy(self, policy: Policy) -> None:
        for detector in (self._triangular, self._statistical, self._funding):
            detector.policy(policy)

    def place(self, at_ns: int, facts: list[Fact]) -> None:
        """Books came or went."""
        for key in self._triangular.place():
            self._findings.take(key, None, at_ns, facts)

    def turned(self, row: int, at_ns: int, facts: list[Fact]) -> None:
        """A book of `rows` changed."""
        for place in self._triangular.turned(row):
            self._loop(place, at_ns, facts)

    def tick(self, at_ns: int, facts: list[Fact]) -> None:
        for place in self._triangular.heard():
            self._loop(place, at_ns, facts)
        for detector in (self._statistical, self._funding):
            for key, seen in detector.tick(at_ns):
                self._findings.take(key, seen, at_ns, facts)

    def funding(self, event: FundingRead, facts: list[Fact]) -> None:
        for key, seen in self._funding.read(event):
            self._findings.take(key, seen, event.at_ns, facts)

    def live(self) -> tuple[Opportunity, ...]:
        return self._findings.live()

    def refused(self) -> tuple[Opportunity, ...]:
        return self._findings.refused()

    def evidence(self, row_id: str) -> Explanation | None:
        return self._findings.evidence(row_id)

    def explain(self, row_id: str, at_ns: int) -> Explanation | None:
        return self._findings.explain(row_id, at_ns)

    def _loop(self, place: int, at_ns: int, facts: list[Fact]) -> None:
        seen = self._triangular.look(place, at_ns)
        self._findings.take(self._triangular.key(place), seen, at_ns, facts)
