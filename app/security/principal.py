"""Principal: who asks, and what they may do."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from starlette.requests import HTTPConnection

from app.security.limits import AGENT_LENGTH_MAX


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
        """Names this session or token, not the person: whose streams, whose repeated forms."""
        if self.session_id is not None:
            return session_key(self.session_id)
        return token_key(self.token_id or "KIMP_API_TOKEN")

    def may(self, scope: Scope) -> bool:
        return scope in self.scopes or (scope is Scope.READ and bool(self.scopes))


def session_key(session_id: int) -> str:
    return f"session {session_id}"


def token_key(token_id: str) -> str:
    return f"token {token_id}"


@dataclass(frozen=True, slots=True)
class Visitor:
    """Where a request comes from, for limits, the list of sessions and the audit trail."""

    ip: str
    agent: str


def visitor(connection: HTTPConnection) -> Visitor:
    agent = connection.headers.get("user-agent", "")[:AGENT_LENGTH_MAX]
    return Visitor(connection.state.ip, agent)
