"""Accounts: first run, sign-in, sessions and API tokens, with every event on record."""

from __future__ import annotations

import re
import sys
import time
import unicodedata
from collections.abc import Callable

import structlog

from app.domain.problems import FieldError, Problem
from app.domain.records import AuditRow, SessionRow, TokenRow, UserRow
from app.domain.secret import Secret
from app.domain.times import DAY_NS, SECOND_NS
from app.ledger import accounts as ledger
from app.ledger import admission, queries
from app.ledger.database import Database
from app.security import codes, limits, tokens
from app.security.cookies import Cookies
from app.security.passwords import Passwords, weakness
from app.security.principal import Principal, Scope, Visitor, session_key, token_key

ALL = tuple(Scope)
ADMIN_NAME = "admin"
LOGIN_TURNS = admission.Turns(
    each_max=limits.LOGIN_TRIES_MAX,
    window_ns=limits.LOGIN_WINDOW_S * SECOND_NS,
    together_max=limits.LOGIN_TRIES_PER_MINUTE_MAX,
    together_window_ns=60 * SECOND_NS,
)
_NAME = re.compile(rf"[\w.@-]{{1,{limits.USER_NAME_LENGTH_MAX}}}")

log = structlog.get_logger(__name__)


def announce(line: str) -> None:
    """To the log and to the terminal: whoever reads one of them owns this machine."""
    log.warning("first_run", told=line)
    sys.stderr.write(f"\n    {line}\n\n")
    sys.stderr.flush()


class Accounts:
    """Who may come in. mode: paper | live | drill. expel: ends the streams of a principal's key."""

    def __init__(
        self,
        db: Database,
        *,
        mode: str,
        public_url: str,
        admin_password: Secret | None = None,
        api_token: Secret | None = None,
        expel: Callable[[str], None] = lambda _key: None,
        passwords: Passwords | None = None,
        clock: Callable[[], int] = time.time_ns,
        announce: Callable[[str], None] = announce,
    ) -> None:
        self.cookies = Cookies(secure=public_url.startswith("https:"))
        self._db = db
        self._public_url = public_url
        self._admin_password = admin_password
        self._api_token = api_token
        self._bootstrap = _bootstrap(mode)
        self._expel = expel
        self._passwords = passwords or Passwords()
        self._clock = clock
        self._announce = announce
        self._admin_exists = False

    # First run

    async def open(self) -> None:
        """On start: make the admin of KIMP_ADMIN_PASSWORD or show the code, while there is none."""
        if await self.has_admin():
            return
        if self._admin_password is None:
            await self._new_code()
            return
        hashed = await self._passwords.hashed(self._admin_password.reveal())
        made = await self._db.write(
            admission.create_only_admin, ADMIN_NAME, hashed, ALL, self._clock()
        )
        self._admin_exists = True
        if made is not None:
            await self.record(made.name, Visitor("environment", ""), "setup", "ok")

    async def sweep(self) -> None:
        """By the timetable: forget sessions and tries whose time is over."""
        now_ns = self._clock()
        await self._db.write(ledger.purge_sessions, now_ns)
        await self._db.write(ledger.purge_attempts, now_ns - LOGIN_TURNS.window_ns)

    async def has_admin(self) -> bool:
        if not self._admin_exists:
            self._admin_exists = await self._db.read(ledger.count_admins) > 0
        return self._admin_exists

    async def show_code(self) -> None:
        """Somebody waits on /setup: print a new code unless one is still good."""
        if await self._db.read(ledger.get_setup_code, self._clock()) is None:
            await self._new_code()

    async def set_up(self, code: str, name: str, password: str, visitor: Visitor) -> str:
        """Spend the code, make the first admin and sign them in; the session for the cookie."""
        if await self.has_admin():
            raise Problem("setup_done")
        name = folded(name)
        errors = (*_name_errors(name), *_password_errors(password, name))
        if errors:
            raise Problem("invalid_fields", errors=errors)
        await self.count_try("setup", visitor)
        hashed = await self._passwords.hashed(password)
        spent = tokens.digest(codes.normal(code))
        user = await self._db.write(
            ledger.create_first_admin, spent, name, hashed, ALL, self._clock()
        )
        if user is None:
            await self.record(name, visitor, "setup", "refused")
            minutes = limits.SETUP_CODE_LIFE_S // 60
            raise Problem("setup_code_wrong", values={"minutes": minutes})
        self._admin_exists = True
        await self.record(name, visitor, "setup", "ok")
        return await self._open_session(user, visitor, "setup")

    async def _new_code(self) -> None:
        code = codes.new_code()
        until_ns = self._clock() + limits.SETUP_CODE_LIFE_S * SECOND_NS
        await self._db.write(ledger.put_setup_code, tokens.digest(codes.normal(code)), until_ns)
        minutes = limits.SETUP_CODE_LIFE_S // 60
        self._announce(
            f"First run: open {self._public_url}/setup and type the code {code} "
            f"(once, within {minutes} minutes)"
        )

    # Sign-in

    async def sign_in(self, name: str, password: str, visitor: Visitor) -> str:
        """The session for the cookie. Unknown names take the same work as wrong passwords."""
        name = folded(name)
        await self.count_try(name, visitor)
        user = await self._db.read(ledger.user_by_name, name)
        stored = user.password_hash if user else None
        if not await self._passwords.matches(stored, password) or user is None:
            await self.record(name, visitor, "login", "refused")
            raise _bad_credentials()
        if self._passwords.outdated(user.password_hash):
            hashed = await self._passwords.hashed(password)
            await self._db.write(ledger.set_password_hash, user.id, hashed, self._clock())
        await self.record(name, visitor, "login", "ok")
        return await self._open_session(user, visitor, name)

    async def sign_out(self, principal: Principal, visitor: Visitor) -> None:
        assert principal.user_id is not None
        assert principal.session_id is not None
        await self._db.write(ledger.delete_session_by_id, principal.user_id, principal.session_id)
        self._expel(principal.key)
        await self.record(principal.name, visitor, "logout", "ok")

    async def change_password(
        self, principal: Principal, current: str, new: str, visitor: Visitor
    ) -> str:
        """Every session of the person ends; the answer is a new one for this browser's cookie."""
        user = await self.prove_password(principal, current, visitor)
        errors = _password_errors(new, user.name)
        if errors:
            raise Problem("invalid_fields", errors=errors)
        hashed = await self._passwords.hashed(new)
        ended = await self._db.write(admission.replace_password, user.id, hashed, self._clock())
        for session in ended:
            self._expel(session_key(session.id))
        await self.record(user.name, visitor, "password", "ok")
        return await self._open_session(user, visitor, user.name)

    async def prove_password(
        self, principal: Principal, password: str, visitor: Visitor
    ) -> UserRow:
        """The person, where the password is theirs. The try counts until `forget_tries`."""
        user = await self._person(principal)
        await self.count_try(user.name, visitor)
        if not await self._passwords.matches(user.password_hash, password):
            await self.record(user.name, visitor, "password", "refused")
            raise _bad_credentials()
        return user

    async def forget_tries(self, name: str, visitor: Visitor) -> None:
        await self._db.write(ledger.clear_attempts, _subject(name, visitor))

    async def called(self, name: str) -> UserRow:
        """Problem not_found."""
        user = await self._db.read(ledger.user_by_name, folded(name))
        if user is None:
            raise Problem("not_found")
        return user

    async def reset_password(self, name: str, new: str) -> None:
        """By whoever runs this machine, without the old one. Every session of the person ends."""
        user = await self.called(name)
        errors = _password_errors(new, user.name)
        if errors:
            raise Problem("invalid_fields", errors=errors)
        hashed = await self._passwords.hashed(new)
        await self._db.write(admission.replace_password, user.id, hashed, self._clock())
        await self.record(user.name, Visitor("terminal", ""), "password", "ok")

    # Sessions

    async def sessions(self, principal: Principal) -> list[SessionRow]:
        """The person's living sessions, the one seen last first."""
        user = await self._person(principal)
        return await self._db.read(ledger.list_sessions, user.id, self._clock())

    async def end_session(self, principal: Principal, session_id: int, visitor: Visitor) -> None:
        """Sign out one of the person's own browsers."""
        user = await self._person(principal)
        if not await self._db.write(ledger.delete_session_by_id, user.id, session_id):
            raise Problem("not_found")
        self._expel(session_key(session_id))
        await self.record(user.name, visitor, "session_end", "ok", str(session_id))

    async def end_other_sessions(self, principal: Principal, visitor: Visitor) -> None:
        for session in await self.sessions(principal):
            if session.id != principal.session_id:
                await self.end_session(principal, session.id, visitor)

    # Tokens

    async def tokens(self) -> list[TokenRow]:
        """Newest first, revoked ones included."""
        return await self._db.read(ledger.list_tokens, limits.TOKENS_LISTED_MAX)

    async def create_token(
        self,
        principal: Principal,
        name: str,
        scopes: tuple[Scope, ...],
        visitor: Visitor,
        *,
        days: int | None = None,
    ) -> tuple[TokenRow, str]:
        """The token's row and its whole text, which nobody sees again. days: None = no expiry."""
        missing = [scope for scope in scopes if not principal.may(scope)]
        if missing:
            raise Problem("scope_missing", values={"scope": ", ".join(missing)})
        minted = tokens.mint()
        now_ns = self._clock()
        row = await self._db.write(
            admission.issue_token,
            tokens_max=limits.TOKENS_MAX,
            token_id=minted.id,
            name=name,
            secret_hash=minted.secret_hash,
            scopes=scopes,
            user_id=principal.user_id,
            at_ns=now_ns,
            expires_at_ns=None if days is None else now_ns + days * DAY_NS,
        )
        told = f"{row.id} {name}: {', '.join(scopes)}"
        await self.record(principal.name, visitor, "token_create", "ok", told)
        return row, minted.text

    async def revoke_token(self, principal: Principal, token_id: str, visitor: Visitor) -> None:
        """From now on the token opens nothing, and what it listens to ends."""
        if not await self._db.write(ledger.revoke_token, token_id, self._clock()):
            raise Problem("not_found")
        self._expel(token_key(token_id))
        await self.record(principal.name, visitor, "token_revoke", "ok", token_id)

    # The audit trail

    async def events(self, limit: int, cursor: str | None) -> tuple[list[AuditRow], str | None]:
        return await self._db.read(queries.list_events, limit, cursor)

    # Who asks

    async def identify(self, session: str | None, authorization: str | None) -> Principal | None:
        """Who shows this cookie or this Authorization header. A bearer token wins over a cookie."""
        token = tokens.bearer(authorization) if authorization else None
        if token is not None:
            return await self._by_token(token)
        return await self._by_session(session) if session else None

    async def _by_session(self, cookie: str) -> Principal | None:
        id_hash, now_ns = tokens.digest(cookie), self._clock()
        row = await self._db.read(ledger.session_by_hash, id_hash, now_ns)
        if row is None:
            return None
        if now_ns - row.seen_at_ns > limits.SEEN_EVERY_S * SECOND_NS:
            idle_until_ns = now_ns + limits.SESSION_IDLE_S * SECOND_NS
            await self._db.write(ledger.touch_session, id_hash, now_ns, idle_until_ns)
        return Principal(
            row.user_name,
            frozenset(map(Scope, row.scopes)),
            user_id=row.user_id,
            session_id=row.id,
            csrf=row.csrf,
        )

    async def _by_token(self, text: str) -> Principal | None:
        if self._api_token is not None and self._api_token.equals(text):
            return self._bootstrap
        parts = tokens.parse(text)
        row = await self._db.read(ledger.token_by_id, parts[0]) if parts else None
        if (
            parts is None
            or row is None
            or not tokens.equal(tokens.digest(parts[1]), row.secret_hash)
        ):
            return None
        now_ns = self._clock()
        expired = row.expires_at_ns is not None and row.expires_at_ns <= now_ns
        if expired or row.revoked_at_ns is not None:
            return None
        if row.used_at_ns is None or now_ns - row.used_at_ns > limits.SEEN_EVERY_S * SECOND_NS:
            await self._db.write(ledger.touch_token, row.id, now_ns)
        scopes = frozenset(map(Scope, row.scopes))
        return Principal(f"token {row.name}", scopes, user_id=row.user_id, token_id=row.id)

    async def _person(self, principal: Principal) -> UserRow:
        assert principal.user_id is not None, "a person's own affairs need a session"
        user = await self._db.read(ledger.user_by_id, principal.user_id)
        if user is None:
            raise Problem("not_signed_in")
        return user

    async def _open_session(self, user: UserRow, visitor: Visitor, tried: str) -> str:
        cookie, now_ns = tokens.random_token(), self._clock()
        await self.forget_tries(tried, visitor)
        await self._db.write(
            admission.open_session,
            sessions_max=limits.SESSIONS_PER_USER_MAX,
            id_hash=tokens.digest(cookie),
            user_id=user.id,
            csrf=tokens.random_token(),
            now_ns=now_ns,
            idle_until_ns=now_ns + limits.SESSION_IDLE_S * SECOND_NS,
            until_ns=now_ns + limits.SESSION_LIFE_S * SECOND_NS,
            ip=visitor.ip,
            agent=visitor.agent,
        )
        return cookie

    async def count_try(self, name: str, visitor: Visitor) -> None:
        """Counts before the password is looked at: tries at the same time count as well."""
        subject, now_ns = _subject(name, visitor), self._clock()
        wait_ns = await self._db.write(admission.take_turn, subject, now_ns, LOGIN_TURNS)
        if wait_ns is not None:
            wait_s = wait_ns // SECOND_NS
            await self.record(name, visitor, "login", "limited")
            raise Problem(
                "too_many_attempts", values={"retry_after_s": wait_s}, retry_after_s=wait_s
            )

    async def record(
        self, actor: str, visitor: Visitor, action: str, result: str, detail: str = ""
    ) -> None:
        """To the audit trail and the log."""
        actor = "".join(letter if letter.isprintable() else "?" for letter in actor)
        log.info(action, actor=actor, ip=visitor.ip, result=result, detail=detail)
        at_ns = self._clock()
        await self._db.write(ledger.record_event, at_ns, actor, visitor.ip, action, result, detail)


def folded(name: str) -> str:
    """One spelling per user name, as it is stored and counted."""
    return unicodedata.normalize("NFKC", name).strip().casefold()


def _bootstrap(mode: str) -> Principal:
    scopes = set(ALL) - ({Scope.TRADE} if mode == "live" else set())
    return Principal("token KIMP_API_TOKEN", frozenset(scopes))


def _bad_credentials() -> Problem:
    tries, minutes = limits.LOGIN_TRIES_MAX, limits.LOGIN_WINDOW_S // 60
    return Problem("bad_credentials", values={"tries": tries, "minutes": minutes})


def _name_errors(name: str) -> tuple[FieldError, ...]:
    if _NAME.fullmatch(name):
        return ()
    expected = f"1..{limits.USER_NAME_LENGTH_MAX} letters, digits, . _ - @"
    return (FieldError(column="name", value=name[:200], expected=expected),)


def _password_errors(password: str, name: str) -> tuple[FieldError, ...]:
    expected = weakness(password, name)
    return (FieldError(column="password", expected=expected),) if expected else ()


def _subject(name: str, visitor: Visitor) -> str:
    """What tries are counted under; a digest, since names come from outside at any length."""
    return tokens.digest(f"{name}\n{visitor.ip}")
