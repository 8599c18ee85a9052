"""GUARD: what each route needs, checked before it runs. A route that declares nothing is denied.

    router = APIRouter(dependencies=[Depends(needs("read"))])      # the JSON API
    router = APIRouter(dependencies=[Depends(page())])             # pages: a session
    router = APIRouter(dependencies=[Depends(public())])           # anyone
    @router.post("/datasets", dependencies=[Depends(files())])     # reads its own body

A route may declare more on top of its router's need. CSRF is checked here too: every unsafe
request of a session repeats a token, to the API in a header, to a page also in a form's field; so
does every unsafe request to a public route. A form that is sent twice reaches its route once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal, Protocol, cast

from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import iter_route_contexts
from starlette.requests import HTTPConnection, Request

from app.domain.problems import Problem
from app.security import csrf, middleware, repeats
from app.security.cookies import Cookies
from app.security.principal import Principal, Scope

ScopeWord = Literal["read", "backtest", "trade", "admin"]


class KnowsPeople(Protocol):
    """What the guard asks of the desk's accounts."""

    cookies: Cookies

    async def identify(self, session: str | None, authorization: str | None) -> Principal | None:
        """Who shows this cookie or this Authorization header; the header wins."""

    async def has_admin(self) -> bool:
        """Whether the first run is over."""


class SignInFirst(Exception):
    """A page that only a session may see. first_run: there is nobody yet who could sign in."""

    def __init__(self, *, first_run: bool) -> None:
        super().__init__("sign in first")
        self.first_run = first_run


@dataclass(frozen=True, slots=True)
class Needs:
    """A session or a token with `scope`."""

    scope: Scope

    async def __call__(self, connection: HTTPConnection) -> Principal:
        principal = await identified(connection)
        if principal is None:
            raise Problem("not_signed_in")
        if not principal.may(self.scope):
            raise Problem("scope_missing", values={"scope": self.scope})
        if principal.is_session and _is_unsafe(connection):
            csrf.check_header(connection, principal.csrf)
        return principal


@dataclass(frozen=True, slots=True)
class NeedsSession:
    """A person in a browser."""

    async def __call__(self, connection: HTTPConnection) -> Principal:
        principal = await identified(connection)
        if principal is None:
            raise SignInFirst(first_run=not await _accounts(connection).has_admin())
        if not principal.is_session:
            raise Problem("forbidden")
        await _check_form(connection, principal.csrf, principal.key)
        return principal


@dataclass(frozen=True, slots=True)
class Public:
    """Anyone. Nobody is asked who they are, so nothing here waits for the database."""

    async def __call__(self, connection: HTTPConnection) -> None:
        if _is_unsafe(connection):
            token = _accounts(connection).cookies.form(connection)
            await _check_form(connection, token, f"form {token}")


@dataclass(frozen=True, slots=True)
class Files:
    """A mark: the route reads `request.stream()` itself, at its own limit of size."""

    async def __call__(self) -> None:
        """Nothing to check: `deny_undeclared` has seen the mark before any need is looked at."""


Need = Needs | NeedsSession | Public


def needs(scope: ScopeWord) -> Needs:
    """The API's need: `Depends(needs("backtest"))`. Answers 401 or 403."""
    return Needs(Scope(scope))


def page() -> NeedsSession:
    """A page's need. Answers with the way to /login, or to /setup on the first run."""
    return NeedsSession()


def public() -> Public:
    """No need: sign-in, first run, health, and what every browser fetches by itself."""
    return Public()


def files() -> Files:
    """For routes that take files. They check the size before they read on; a page's route checks
    with `csrf.check_token` the form's field as well, where no header brings the token."""
    return Files()


async def identified(connection: HTTPConnection) -> Principal | None:
    """Who asks; found once per request and kept at `request.state.principal`."""
    state = connection.scope.setdefault("state", {})
    if "principal" not in state:
        accounts = _accounts(connection)
        state["principal"] = await accounts.identify(
            accounts.cookies.session(connection), connection.headers.get("authorization")
        )
    return cast("Principal | None", state["principal"])


async def deny_undeclared(connection: HTTPConnection) -> None:
    """The app's own dependency, before all others: no declared need, no entry."""
    app, endpoint = connection.app, connection.scope["endpoint"]
    if not hasattr(app.state, "declared"):
        app.state.declared = _declared(app)
    declared = app.state.declared.get(endpoint, ())
    if not any(isinstance(call, Need) for call in declared):
        raise Problem("forbidden")
    if any(isinstance(call, Files) for call in declared):
        middleware.allow_any_body(connection.scope)
        connection.state.reads_files = True


def declared_by(dependant: Dependant) -> list[Need | Files]:
    """What a route and its routers declare."""
    return [call for call in _calls(dependant) if isinstance(call, Need | Files)]


def _declared(app: FastAPI) -> dict[Callable[..., Any], list[Need | Files]]:
    """By the route objects, never by a path. An endpoint that is bare anywhere is bare."""
    found: dict[Callable[..., Any], list[Need | Files]] = {}
    for route in iter_route_contexts(app.routes):
        if route.endpoint is not None:
            dependant = getattr(route, "dependant", None)
            declared = declared_by(dependant) if dependant else []
            found[route.endpoint] = declared if found.get(route.endpoint, True) else []
    return found


def _calls(dependant: Dependant) -> Iterator[Callable[..., Any] | None]:
    for dependency in dependant.dependencies:
        yield dependency.call
        yield from _calls(dependency)


def _accounts(connection: HTTPConnection) -> KnowsPeople:
    """The desk is runtime's, so this room sees only the two questions of `KnowsPeople`."""
    return cast("KnowsPeople", connection.app.state.desk.accounts)


def _is_unsafe(connection: HTTPConnection) -> bool:
    return connection.scope.get("method", "GET") not in csrf.SAFE_METHODS


async def _check_form(connection: HTTPConnection, token: str | None, whose: str) -> None:
    """An unsafe request must be our own page's, and has one effect however often it is sent."""
    if _is_unsafe(connection) and isinstance(connection, Request):
        files = getattr(connection.state, "reads_files", False)
        form = await csrf.check(connection, token, reads_files=files)
        if form is not None:
            await repeats.first_of(connection.scope, whose, form)
