"""Doctor: one look at everything that kimp needs, with what to do about what is missing."""

from __future__ import annotations

import resource
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

from app.domain.records import SealedRow
from app.domain.roles import ALL, Roles, told
from app.domain.venues import Venue
from app.ledger import addresses, clock, credentials, engines, revision, second_factors
from app.ledger.database import Database
from app.ledger.queries import Connection
from app.runtime import processes
from app.runtime.desk import Dependencies
from app.runtime.health import ask, probes
from app.runtime.vault import ALLOW_LIST, KEY
from app.security.vault import Keyring, Sealed

OPEN_FILES_MIN = 4_096

REMEDIES: dict[str, str] = {
    "database": "check KIMP_DATABASE_URL, that the server runs and that it takes this user",
    "disk": "free some space, or point KIMP_DATA_DIR to a folder that this user may write",
    "redis": "check KIMP_REDIS_URL and that the server runs",
    "clickhouse": "check KIMP_CLICKHOUSE_URL and that the server runs",
    "dask": "check KIMP_DASK_SCHEDULER and that the scheduler runs",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """ok: as it should be. note: works, or will by itself. fail: kimp cannot work like this."""

    word: Literal["ok", "note", "fail"]
    what: str
    detail: str
    remedy: str = ""

    def __str__(self) -> str:
        line = f"{self.word:<5} {self.what:<11} {self.detail}"
        return f"{line}: {self.remedy}" if self.remedy else line


class Live(NamedTuple):
    """What LIVE needs beside a database. ring: made of the master key; None where it is made at
    the first start. given: venues with keys in the environment. holder: whether one is named."""

    ring: Keyring | None
    given: frozenset[Venue]
    holder: bool
    mode: str


async def live_findings(database_url: str, live: Live) -> list[Finding]:
    """What LIVE still lacks. Notes for every mode, since people prepare it in PAPER."""
    if _missing_file(database_url):
        return [Finding("note", "live", "nothing is prepared: no database yet")]
    db = Database.open(database_url)
    try:
        if await db.read(revision.current) != revision.NEWEST:
            return [Finding("note", "live", "looked at when the tables are of today")]
        sealed = await db.read(credentials.list_all)
        people = await db.read(second_factors.count)
        addresses = await db.read(_addresses, live.ring, sealed)
    finally:
        await db.close()
    shut = [row for row in sealed if live.ring is None or not _opens(live.ring, row)]
    stored = {row.venue for row in sealed if row.venue in set(Venue) and row not in shut}
    return [
        Finding("fail" if live.mode == "live" else "note", "vault",
                f"{len(shut)} of {len(sealed)} stored secrets do not open",
                "start with the master key that sealed them, or set them anew")
        if shut else Finding("ok", "vault", f"{len(sealed)} stored secrets open"),
        _needed("keys", len(stored | live.given), "accounts have keys",
                "set KIMP_<VENUE>_API_KEY and _SECRET, or store them in Settings, Security"),
        _needed("people", people, "people have a second factor", "set it up in Settings, Security"),
        Finding("fail", "addresses", "the list was changed from outside",
                "look at who may write to the database; nothing is withdrawn until then")
        if addresses is None else
        _needed("addresses", addresses, "withdrawal addresses are active",
                "allow them in Settings, Security; each waits a day"),
        Finding("ok", "holder", "named") if live.holder else
        Finding("note", "holder", "nobody is named",
                "KIMP_HOLDER_NAME_KO and _EN: Bithumb sends no coins without"),
    ]  # fmt: skip


def _needed(what: str, count: int, detail: str, remedy: str) -> Finding:
    told = f"{count} {detail}"
    return (
        Finding("ok", what, told) if count else Finding("note", what, told, f"for LIVE: {remedy}")
    )


def _opens(ring: Keyring, row: SealedRow) -> bool:
    try:
        ring.opened(row)
    except Sealed:
        return False
    return True


def _addresses(conn: Connection, ring: Keyring | None, sealed: Sequence[SealedRow]) -> int | None:
    """How many are active; None where the list does not hold together."""
    row = next((each for each in sealed if each.account == ALLOW_LIST), None)
    if row is None or ring is None or not _opens(ring, row):
        return 0
    key = bytes.fromhex(ring.opened(row)[KEY].reveal())
    try:
        rows = addresses.entries(conn, key)
    except addresses.Tampered:
        return None
    now_ns = clock.now_ns(conn)
    return sum(row.active_from_ns <= now_ns for row in rows)


async def findings(data_dir: Path, outside: Dependencies, roles: Roles = ALL) -> list[Finding]:
    """One line for each thing, in the order in which a start needs them."""
    found = [_kernels(data_dir), _open_files()]
    db = Database.open(outside.database_url)
    asked = probes(db, data_dir, None, outside)
    if missing := _missing_file(outside.database_url):
        del asked["database"]
        found.append(Finding("note", "database", f"{missing} is made at the first start"))
    try:
        for name, probe in asked.items():
            check = await ask(name, probe)
            word: Literal["ok", "fail"] = "ok" if check.ok else "fail"
            found.append(Finding(word, name, check.detail, "" if check.ok else REMEDIES[name]))
            if name == "database" and check.ok:
                has = await db.read(revision.current)
                found.append(_schema(has, revision.NEWEST))
                if has == revision.NEWEST:
                    found += _processes(roles, await db.read(processes.alive))
    finally:
        await db.close()
    return found


def _processes(roles: Roles, running: Sequence[processes.ProcessRow]) -> list[Finding]:
    """What this environment would run, and what runs by now on this database."""
    found = [Finding("ok", "roles", told(roles))]
    found += [Finding("ok", "runs", f"{row.where}: {','.join(row.roles)}") for row in running]
    left = ALL - roles - {role for row in running for role in row.roles}
    if left:
        remedy = "start a process with it, or leave KIMP_ROLES out"
        found.append(Finding("note", "roles", f"nobody has {told(left)}", remedy))
    return found


def _missing_file(url: str) -> str | None:
    """Where SQLite's file will be; None where it is, and for servers."""
    parts = engines.driver_url(url)
    path = str(parts.database)
    return path if parts.get_backend_name() == "sqlite" and not Path(path).exists() else None


def _schema(has: str | None, brings: str) -> Finding:
    if has == brings:
        return Finding("ok", "schema", f"revision {has}")
    if has is None or has < brings:
        return Finding("note", "schema", f"revision {has}; the next start brings {brings}")
    detail = f"revision {has} is newer than this kimp, which knows {brings}"
    return Finding("fail", "schema", detail, "start the newer kimp, or restore a backup")


def _kernels(data_dir: Path) -> Finding:
    compiled = sum(1 for _ in (data_dir / "kernels").rglob("*.nbi"))
    if compiled:
        return Finding("ok", "kernels", f"{compiled} compiled")
    detail = "not compiled yet; the first start takes some seconds longer"
    return Finding("note", "kernels", detail, "python -m app warm does it now")


def _open_files() -> Finding:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard == resource.RLIM_INFINITY or hard >= OPEN_FILES_MIN:
        return Finding("ok", "open files", f"{hard:,} allowed")
    detail = f"only {hard:,} allowed; every open page holds one"
    return Finding("note", "open files", detail, f"raise the hard limit to {OPEN_FILES_MIN:,}")
