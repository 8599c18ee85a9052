"""Cookies: the session and the token of the forms that come before one."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.requests import HTTPConnection
from starlette.responses import Response

from app.security.limits import SESSION_LIFE_S


@dataclass(frozen=True, slots=True)
class Cookies:
    """secure: kimp is reached by https. Over plain HTTP on loopback browsers refuse `__Host-`."""

    secure: bool

    def session(self, connection: HTTPConnection) -> str | None:
        return connection.cookies.get(self._name("sid"))

    def set_session(self, response: Response, session: str) -> None:
        self._set(response, "sid", session, SESSION_LIFE_S)

    def clear_session(self, response: Response) -> None:
        self._set(response, "sid", "", 0)

    def form(self, connection: HTTPConnection) -> str | None:
        """The token that a form without a session must repeat."""
        return connection.cookies.get(self._name("form"))

    def set_form(self, response: Response, token: str) -> None:
        self._set(response, "form", token, SESSION_LIFE_S)

    def _name(self, name: str) -> str:
        return f"__Host-{name}" if self.secure else name

    def _set(self, response: Response, name: str, value: str, age_s: int) -> None:
        response.set_cookie(
            self._name(name),
            value,
            max_age=age_s,
            path="/",
            secure=self.secure,
            httponly=True,
            samesite="strict",
        )
