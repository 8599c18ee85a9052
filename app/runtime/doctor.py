"""Doctor: one look at everything that kimp needs, with what to do about what is missing."""

from __future__ import annotations

import resource
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from app.ledger import engines, migrations
from app.ledger.database import Database
from app.runtime.desk import Dependencies
from app.runtime.health import ask, probes

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


async def findings(data_dir: Path, outside: Dependencies) -> list[Finding]:
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
                found.append(_schema(*await db.read(migrations.revisions)))
    finally:
        await db.close()
    return found


def _missing_file(url: str) -> str | None:
    """Where SQLite's file will be; None where it is, and for servers."""
    parts = engines.driver_url(url)
    path = str(parts.database)
    return path if parts.get_backend_name() == "sqlite" and not Path(path).exists() else None


def _schema(has: str | None, brings: str | None) -> Finding:
    if has == brings:
        return Finding("ok", "schema", f"revision {has}")
    if has is None or brings is None or has < brings:
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
