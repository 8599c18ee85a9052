"""Master key: the one secret that seals all others. 32 bytes, base64 where it is written."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
import secrets
from pathlib import Path

from app.domain.secret import Secret

FILE = "master.key"
BYTES = 32


class Unreadable(Exception):
    """One clear line about the key's file. Nothing of the key is in it."""


def kept(data_dir: Path) -> Secret:
    """The data folder's own key, made at the first start, for its owner only. Raises Unreadable."""
    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = data_dir / FILE
    if not path.exists():
        _make(path)
    return _read(path)


def derived(master: Secret, purpose: str) -> bytes:
    """32 bytes of their own for each purpose: one block of HKDF-Expand (RFC 5869)."""
    return hmac.digest(base64.b64decode(master.reveal()), f"kimp {purpose}".encode() + b"\x01", _H)


_H = hashlib.sha256


def _make(path: Path) -> None:
    """Whole or not at all, and only one of all processes that start together makes it."""
    text = base64.b64encode(secrets.token_bytes(BYTES))
    own = path.with_name(f"{FILE}.{secrets.token_hex(8)}")
    descriptor = os.open(own, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        os.write(descriptor, text + b"\n")
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    try:
        os.link(own, path)
    except FileExistsError:
        return
    finally:
        own.unlink()


def _read(path: Path) -> Secret:
    if path.stat().st_mode & 0o077:
        raise Unreadable(f"{path} is not allowed: others may read it (chmod 600 {path})")
    text = path.read_text(encoding="ascii", errors="replace").strip()
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raw = b""
    if len(raw) != BYTES:
        raise Unreadable(f"{path} must hold base64 of {BYTES} bytes")
    return Secret(text)
