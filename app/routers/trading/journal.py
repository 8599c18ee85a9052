"""Journal: what became of a cycle and what was asked about it, line by line, the newest first."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from app.domain.accounting import JournalRow, Timeline
from app.domain.cycles import MOVES, CycleState, CycleStep
from app.domain.orders import Evidence

S = CycleState
REPEATS = 4
"""A line that came so few lines ago already is told once, with how often."""
OUR_ID = re.compile(r"\b[a-z0-9]{20}\b")
# Forms of the engine's notes [app/engine/execution], by the word that says them to a person.
FORMS: dict[str, re.Pattern[str]] = {
    "retry": re.compile(r"RETRY (?P<n>\d+)/(?P<most>\d+) (?P<reason>\w+)"),
    "try": re.compile(r"TRY (?P<n>\d+)(?: (?P<note>.+))?"),
    "expire": re.compile(r"EXPIRE"),
    "pnl": re.compile(r"PNL (?P<krw>-?\d+) KRW"),
    "step": re.compile(rf"(?P<step>{'|'.join(CycleStep)})"),
}
_MOVED = {S.FAILED: "c", S.AWAITING_RETRY: "c", S.DEAD_LETTER: "f"}


@dataclass(frozen=True, slots=True)
class Said:
    """A line of the journal; times: so often the same in a row. answer: found, absent, silent.

    word, values: of the text that says what `note` would; source: by what was asked.
    """

    at_ns: int
    code: str
    actor: str
    note: str
    kind: str
    answer: str = ""
    source: str = ""
    reason: str = ""
    word: str = ""
    values: tuple[tuple[str, str], ...] = ()
    times: int = 1

    @property
    def short(self) -> str:
        """With our ids cut to their beginnings."""
        return OUR_ID.sub(lambda found: f"{found[0][:6]}…", self.note)

    def same(self, other: Said) -> bool:
        return replace(self, at_ns=0, times=1) == replace(other, at_ns=0, times=1)


def said(found: Timeline) -> tuple[Said, ...]:
    """Newest first: the journal, every move, and what was asked and answered of each intent."""
    lines = [
        _line(row)
        for row in found.journal
        if not (row.code == "DECIDED" and row.note.split(" ")[0] in MOVES)
    ]
    lines += [
        Said(row.at_ns, "MOVED", row.actor, f"{row.was} → {row.to}", _MOVED.get(row.to, ""),
             reason=row.reason)
        for row in found.transitions
    ]  # fmt: skip
    for order in found.orders:
        lines += [_asked(order.order.client_id, each) for each in order.order.evidence]
    for transfer in found.transfers:
        lines += [_asked(transfer.transfer.client_id, each) for each in transfer.transfer.evidence]
    lines.sort(key=lambda line: line.at_ns)
    joined: list[Said] = []
    for line in lines:
        same = next((each for each in joined[-REPEATS:] if each.same(line)), None)
        if same is not None:
            joined.remove(same)
        joined.append(replace(line, times=1 if same is None else same.times + 1))
    return tuple(reversed(joined))


def _asked(client_id: str, evidence: Evidence) -> Said:
    answer = {True: "found", False: "absent", None: "silent"}[evidence.found]
    note = f"{client_id} {evidence.note}".strip()
    kind = "c" if evidence.found is None else ""
    return Said(
        evidence.answered_at_ns, "ASKED", "gateway", note, kind, answer=answer,
        source=evidence.source,
    )  # fmt: skip


def _line(row: JournalRow) -> Said:
    """What the engine noted, taken apart where it is of a known form."""
    kind = _kind(row.code, row.note)
    for word, form in FORMS.items():
        found = form.fullmatch(row.note) if row.code == "DECIDED" else None
        if found is not None:
            told = found.groupdict("")
            reason, note = told.pop("reason", ""), told.pop("note", "")
            return Said(
                row.at_ns, row.code, row.actor, note, kind, reason=reason, word=word,
                values=tuple(told.items()),
            )  # fmt: skip
    return Said(row.at_ns, row.code, row.actor, row.note, kind)


def _kind(code: str, note: str) -> str:
    if "REJECTED" in note or code in {"DEAD_LETTER", "BREACH"}:
        return "f"
    return "c" if "UNKNOWN" in note or "NEEDS_OPERATOR" in note else ""
