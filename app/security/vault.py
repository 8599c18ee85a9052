"""Vault: secrets at rest. AES-256-GCM under a random key for each row, which the master key wraps.

What is sealed is bound to its place (venue, account, field, row, version): sealed texts that are
moved to another row, or brought back from an older one, do not open. Keys are renewed by wrapping
the rows' keys anew; the secrets themselves stay as they are.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
import secrets
from collections.abc import Mapping

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from msgspec.structs import replace

from app.domain.records import SealedRow
from app.domain.secret import Secret
from app.security import master_key

NONCE_BYTES = 12
KEK_ID_CHARS = 16


class Sealed(Exception):
    """It does not open: another master key sealed it, or somebody changed it. Says which."""


class Kek:
    """What wraps keys, made of one master key. It has a name, which tells nothing of it."""

    def __init__(self, master: Secret) -> None:
        raw = master_key.derived(master, "vault")
        self.id = hashlib.sha256(b"kimp kek id" + raw).hexdigest()[:KEK_ID_CHARS]
        self.cipher = AESGCM(raw)


class Keyring:
    """now: seals. before: the master key before it, while rows of it are still there."""

    def __init__(self, now: Secret, before: Secret | None = None) -> None:
        self._now = Kek(now)
        keks = [self._now, *([] if before is None else [Kek(before)])]
        self._known = {kek.id: kek for kek in keks}

    @property
    def kek_id(self) -> str:
        return self._now.id

    @property
    def kek_ids(self) -> frozenset[str]:
        """Of all that it opens."""
        return frozenset(self._known)

    def seal(
        self,
        venue: str,
        account: str,
        fields: Mapping[str, Secret],
        *,
        version: int,
        at_ns: int,
        by: str,
        credential_id: str | None = None,
    ) -> SealedRow:
        """credential_id: of the row that it takes the place of; a new row has a new one."""
        assert not set("|<") & set(f"{venue}{account}{''.join(fields)}"), "the marks of places"
        row = SealedRow(
            credential_id or secrets.token_hex(8), venue, account, version, "", "", {}, at_ns, by
        )
        key = AESGCM.generate_key(bit_length=256)
        cipher = AESGCM(key)
        closed = {
            name: _shut(cipher, secret.reveal().encode(), _place(row, name))
            for name, secret in fields.items()
        }
        return replace(self._wrapped(row, key), fields=closed)

    def opened(self, row: SealedRow) -> dict[str, Secret]:
        """Raises Sealed."""
        cipher = AESGCM(self._key(row))
        return {
            name: Secret(_unshut(cipher, text, _place(row, name)).decode())
            for name, text in row.fields.items()
        }

    def rewrapped(self, row: SealedRow) -> SealedRow:
        """The same under the present master key. Raises Sealed."""
        return self._wrapped(row, self._key(row))

    def _wrapped(self, row: SealedRow, key: bytes) -> SealedRow:
        """Bound to the name of what wraps it as well."""
        named = replace(row, kek_id=self._now.id)
        return replace(
            named, wrapped_key=_shut(self._now.cipher, key, _place(named, f"<{named.kek_id}>"))
        )

    def _key(self, row: SealedRow) -> bytes:
        kek = self._known.get(row.kek_id)
        if kek is None:
            raise Sealed(f"master key {row.kek_id} is not here")
        return _unshut(kek.cipher, row.wrapped_key, _place(row, f"<{row.kek_id}>"))


def _place(row: SealedRow, field: str) -> bytes:
    """What a sealed text is bound to; of a wrapped key, `field` tells what wraps it."""
    parts = (row.venue, row.account, field, row.credential_id, str(row.version))
    return "|".join(parts).encode()


def _shut(cipher: AESGCM, plain: bytes, place: bytes) -> str:
    nonce = os.urandom(NONCE_BYTES)
    return base64.b64encode(nonce + cipher.encrypt(nonce, plain, place)).decode()


def _unshut(cipher: AESGCM, text: str, place: bytes) -> bytes:
    try:
        raw = base64.b64decode(text, validate=True)
        return cipher.decrypt(raw[:NONCE_BYTES], raw[NONCE_BYTES:], place)
    except (InvalidTag, binascii.Error, ValueError) as error:
        raise Sealed("it was changed, or belongs to another row") from error
