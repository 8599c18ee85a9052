"""Vault: the sealed rows of the ledger with the keys that open them.

A start with KIMP_MASTER_KEY_OLD beside the new key wraps every row anew, one by one, while others
read and write; then the old key may go. Where the key is not the one that sealed a row, the row
stays shut and everything that needs it is refused; nothing else stops.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterable, Mapping

import structlog

from app.domain.problems import Problem
from app.domain.records import SealedRow
from app.domain.secret import Secret
from app.ledger import credentials as ledger
from app.ledger.database import Database
from app.runtime import logs
from app.security.vault import Keyring, Sealed

log = structlog.get_logger("kimp.vault")

OWN = "kimp"
"""The venue of secrets that are no venue's."""
ALLOW_LIST, KEY = "allow-list", "key"
TRIES_MAX = 5


class Vault:
    """hide(secrets): whatever is opened must never reach the log."""

    def __init__(
        self,
        db: Database,
        ring: Keyring,
        *,
        clock: Callable[[], int] = time.time_ns,
        hide: Callable[[Iterable[Secret]], None] = logs.hide,
    ) -> None:
        self._db = db
        self._ring = ring
        self._clock = clock
        self._hide = hide

    async def rewrap(self) -> int:
        """Every row under the present master key; how many were under another one."""
        done = 0
        for row in await self._db.read(ledger.list_all):
            if row.kek_id == self._ring.kek_id:
                continue
            try:
                new = self._ring.rewrapped(row)
            except Sealed as reason:
                log.warning("vault_row_shut", venue=row.venue, account=row.account, why=str(reason))
                continue
            done += await self._db.write(ledger.rewrap, new, row.kek_id)
        if done:
            log.info("vault_rewrapped", rows=done, kek_id=self._ring.kek_id)
        return done

    async def shut_rows(self) -> list[SealedRow]:
        """Those that the keys at hand do not open."""
        return [row for row in await self._db.read(ledger.list_all) if not self._opens(row)]

    def _opens(self, row: SealedRow) -> bool:
        try:
            self._ring.opened(row)
        except Sealed:
            return False
        return True

    async def foreign(self, ours: str) -> str | None:
        """One line where another master key sealed what is stored. ours: where our own is from.

        Told at the start, since what needs a secret would fail at its first use only.
        """
        rows = await self._db.read(ledger.list_all)
        keys = sorted({row.kek_id for row in rows} - self._ring.kek_ids)
        if not keys:
            return None
        shut = sum(row.kek_id in keys for row in rows)
        return (
            f"{shut} of {len(rows)} stored secrets were sealed with master key {', '.join(keys)}; "
            f"this process has {self._ring.kek_id} from {ours}: set KIMP_MASTER_KEY or "
            "KIMP_MASTER_KEY_FILE to the key of the process that stored them (master.key in its "
            "data folder), the same for all processes of one database"
        )

    async def row(self, venue: str, account: str) -> SealedRow | None:
        return await self._db.read(ledger.get, venue, account)

    async def rows(self) -> list[SealedRow]:
        return await self._db.read(ledger.list_all)

    def opened(self, row: SealedRow) -> dict[str, Secret]:
        """Problem vault_shut."""
        try:
            fields = self._ring.opened(row)
        except Sealed as reason:
            log.warning("vault_row_shut", venue=row.venue, account=row.account, why=str(reason))
            raise Problem("vault_shut") from reason
        self._hide(fields.values())
        return fields

    async def get(self, venue: str, account: str) -> dict[str, Secret] | None:
        """None: there is none. Problem vault_shut."""
        row = await self.row(venue, account)
        return None if row is None else self.opened(row)

    async def sealed(
        self, venue: str, account: str, fields: Mapping[str, Secret], by: str
    ) -> SealedRow:
        """Ready to be written as the next version."""
        before = await self.row(venue, account)
        self._hide(fields.values())
        return self._ring.seal(
            venue,
            account,
            fields,
            version=1 if before is None else before.version + 1,
            at_ns=self._clock(),
            by=by,
            credential_id=None if before is None else before.credential_id,
        )

    async def put(
        self, venue: str, account: str, fields: Mapping[str, Secret], by: str
    ) -> SealedRow:
        """The last of several who come at once wins."""
        for _ in range(TRIES_MAX):
            row = await self.sealed(venue, account, fields, by)
            if await self._db.write(ledger.put, row):
                return row
        raise Problem("conflict", values={"reason": f"{venue} changes all the time"})

    async def delete(self, venue: str, account: str) -> bool:
        return await self._db.write(ledger.delete, venue, account)

    async def mac_key(self) -> bytes:
        """Of the allow-list; made once. Problem vault_shut."""
        found = await self.get(OWN, ALLOW_LIST)
        if found is None:
            made = {KEY: Secret(secrets.token_hex(32))}
            row = await self.sealed(OWN, ALLOW_LIST, made, OWN)
            if row.version == 1:
                await self._db.write(ledger.put, row)
            found = await self.get(OWN, ALLOW_LIST)
            assert found is not None
        return bytes.fromhex(found[KEY].reveal())
