"""Principal: who asks, and what they may do."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Scope(StrEnum):
    """What a session or a token may do. Every scope includes reading."""

    READ = "read"
    BACKTEST = "backtest"
    TRADE = "trade"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class Principal:
    """A signed-in person, or a program with a token.

    name: `admin`, or `token <name>`. session_id, csrf: set for sessions only. token_id: the public
    part of an issued token, None for sessions and for the bootstrap token.
    """

    name: str
    scopes: frozenset[Scope]
    user_id: int | None = None
    session_id: int | None = None
    csrf: str | None = None
    token_id: str | None = None

    @property
    def is_session(self) -> bool:
        return self.session_id is not None

    @property
    def key(self) -> str:
        """Names this session or token, not the person; for keeping what belongs to it apart."""
        return f"session {self.session_id}" if self.is_session else f"token {self.token_id}"

    def may(self, scope: Scope) -> bool:
        return scope in self.scopes or (scope is Scope.READ and bool(self.scopes))
