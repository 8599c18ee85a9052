"""Templates → answers: the viewer's language, theme and zone, the filters, the pages in the nav."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlencode

from jinja2 import Environment, FileSystemLoader, StrictUndefined, pass_context
from jinja2.runtime import Context
from starlette.requests import HTTPConnection, Request
from starlette.responses import HTMLResponse, Response

from app import texts
from app.domain.venues import KOREAN, Venue
from app.routers.static import address
from app.routers.trading.masthead import STATES, masthead
from app.routers.watching.tape import foot, tape
from app.runtime.desk import desk
from app.texts import Language, formats

TEMPLATES = Path(__file__).resolve().parents[1] / "templates"
COOKIE_AGE_S = 365 * 86_400


@dataclass(frozen=True, slots=True)
class Page:
    """A page of the nav: its address and the letter that opens it after `g`."""

    path: str
    letter: str


# In nav order. The key is the template's name and the word in `frame.page.<key>`.
PAGES: dict[str, Page] = {
    "dashboard": Page("/", "d"),
    "opportunities": Page("/opportunities", "o"),
    "markets": Page("/markets", "m"),
    "cycles": Page("/cycles", "c"),
    "orders": Page("/orders", "r"),
    "wallets": Page("/wallets", "w"),
    "data": Page("/data", "u"),
    "backtests": Page("/backtests", "b"),
    "guide": Page("/guide", "h"),
    "risk": Page("/risk", "k"),
    "settings": Page("/settings", "s"),
    "system": Page("/system", "y"),
}
MACROS = {"m": "macros.html", "tr": "macros_trading.html"}
# The phone's tab bar; the others stand under More.
TABS = ("dashboard", "opportunities", "cycles", "wallets")

# Chosen per browser, by `?lang=`, `?theme=` and a key, and kept in a cookie each; default first.
CHOICES: dict[str, tuple[str, ...]] = {
    "lang": ("ko", "en"),
    "theme": ("dark", "light", "auto"),
    "amounts": ("shown", "hidden"),
}
UPDOWN_OF_LANGUAGE = {"ko": "kr", "en": "intl"}
VENUE_SHORT: dict[str, str] = {
    Venue.UPBIT: "UPB",
    Venue.BITHUMB: "BTH",
    Venue.BINANCE: "BIN",
    Venue.OKX: "OKX",
    Venue.BYBIT: "BYB",
    Venue.KUCOIN: "KUC",
    Venue.GATE: "GAT",
    Venue.BITGET: "BGT",
    Venue.COINBASE: "CBS",
}


# How a browser names itself → what people call it; the first that is found.
BROWSERS = {"Edg": "Edge", "OPR": "Opera", "Firefox": "Firefox", "Chrome": "Chrome",
            "Safari": "Safari", "curl": "curl"}  # fmt: skip
SYSTEMS = {"iPhone": "iPhone", "iPad": "iPad", "Android": "Android", "Windows": "Windows",
           "Mac OS": "macOS", "Linux": "Linux"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Viewer:
    """How one person reads kimp. zone: IANA name. updown: kr (red is up) | intl (green is up)."""

    lang: Language
    zone: str = "Asia/Seoul"
    theme: str = "dark"
    updown: str = "kr"
    density: str = "compact"
    amounts: str = "shown"


async def look(connection: HTTPConnection) -> None:
    """A page router's dependency: what `viewer` and the masthead know of stored things."""
    here = desk(connection)
    stored = await here.preferences.all()
    connection.state.mast = await masthead(here)
    connection.state.display = {
        key: str(stored[f"display.{key}"].value) for key in ("timezone", "updown", "density")
    }


def viewer(connection: HTTPConnection) -> Viewer:
    """From the address, the cookies, the stored settings, and what the browser speaks."""
    lang = cast(Language, _choice(connection, "lang") or _spoken(connection))
    stored: dict[str, str] = getattr(connection.state, "display", {})
    updown = stored.get("updown", "auto")
    return Viewer(
        lang=lang,
        zone=stored.get("timezone", "Asia/Seoul"),
        theme=_choice(connection, "theme") or CHOICES["theme"][0],
        updown=UPDOWN_OF_LANGUAGE[lang] if updown == "auto" else updown,
        density=stored.get("density", "compact"),
        amounts=_choice(connection, "amounts") or CHOICES["amounts"][0],
    )


def _choice(connection: HTTPConnection, name: str) -> str | None:
    for value in (
        connection.query_params.get(name),
        connection.cookies.get(f"kimp_{name}"),
    ):
        if value in CHOICES[name]:
            return value
    return None


def _spoken(connection: HTTPConnection) -> Language:
    """The first of our languages in Accept-Language."""
    for part in connection.headers.get("accept-language", "").lower().split(","):
        for lang in texts.LANGUAGES:
            if part.strip().startswith(lang):
                return lang
    return "ko"


def remember(response: Response, name: str, value: str, *, secure: bool) -> None:
    """Keep a choice in this browser; scripts may read it (the theme key writes it)."""
    response.set_cookie(
        f"kimp_{name}", value, max_age=COOKIE_AGE_S, samesite="lax", secure=secure, path="/"
    )


def browser(agent: str) -> str:
    """Chrome · Linux, from a User-Agent; `?` for one that says neither."""
    named = [
        next((name for mark, name in known.items() if mark in agent), None)
        for known in (BROWSERS, SYSTEMS)
    ]
    return " · ".join(name for name in named if name) or formats.UNKNOWN


def address_with(path: str, asked: Mapping[str, str], **changes: object) -> str:
    """An address with what was asked before, but for the changes; None takes a name away."""
    kept = {**asked, **changes}
    pairs = [(name, str(value)) for name, value in kept.items() if value not in (None, "")]
    return f"{path}?{urlencode(pairs)}" if pairs else path


def _by_language(write: Callable[..., str]) -> Callable[..., str]:
    @pass_context
    def filtered(context: Context, value: Any, *more: str, **options: bool) -> str:
        return write(context["viewer"].lang, value, *more, **options)

    return filtered


def _by_zone(write: Callable[..., str]) -> Callable[..., str]:
    @pass_context
    def filtered(context: Context, ns: int | None, **options: bool) -> str:
        return write(ns, context["viewer"].zone, **options)

    return filtered


def _environment() -> Environment:
    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    plain = (
        "number",
        "won",
        "price",
        "quantity",
        "bps",
        "share",
        "returns",
        "size",
        "gib",
        "micros",
        "direction",
        "exact",
        "amount",
        "chain",
        "paid",
    )
    made.filters.update({name: getattr(formats, name) for name in (*plain, "iso")})
    made.filters["browser"] = browser
    for name in ("won_short", "compact", "age", "duration", "timeframe"):
        made.filters[name] = _by_language(getattr(formats, name))
    for name in ("day", "moment", "second", "dated", "clock"):
        made.filters[name] = _by_zone(getattr(formats, name))
        made.filters[f"utc_{name}"] = partial(getattr(formats, name), zone_name="UTC")
    made.globals.update(
        pages=PAGES,
        tabs=TABS,
        choices=CHOICES,
        static=address,
        venue_short=VENUE_SHORT,
        korean_venues=KOREAN,
        address_with=address_with,
        zones=formats.ZONES,
        zone_label=formats.zone_label,
        languages=texts.LANGUAGES,
        once=partial(secrets.token_hex, 8),
        trading_states=STATES,
    )
    return made


ENVIRONMENT = _environment()


def render(
    request: Request,
    template: str,
    block: str | None = None,
    *,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    **context: object,
) -> HTMLResponse:
    """The whole page, or one block of it as the fragment that HTMX asked for."""
    seen = viewer(request)
    response = HTMLResponse(
        html(template, block, frame(request, seen) | context), status, headers=headers
    )
    for name, allowed in CHOICES.items():
        value = request.query_params.get(name)
        if value in allowed:
            remember(response, name, value, secure=request.url.scheme == "https")
    return response


def fragment(seen: Viewer, template: str, block: str, **context: object) -> bytes:
    """A block for a stream: the same for everyone who reads in this way."""
    return html(template, block, words(seen) | context).encode()


def html(template: str, block: str | None, context: Mapping[str, object]) -> str:
    """Text of a template or of one of its blocks; both know the macros as `m`, trading's `tr`."""
    found = ENVIRONMENT.get_template(template)
    known = dict(context)
    for name, parts in MACROS.items():
        known[name] = ENVIRONMENT.get_template(parts).make_module(dict(known))
    if block is None:
        return found.render(known)
    return "".join(found.blocks[block](found.new_context(known)))


def words(seen: Viewer) -> dict[str, Any]:
    """What every template needs, with or without a request."""
    return {
        "viewer": seen,
        "t": partial(texts.text, seen.lang),
        "has_text": texts.has,
        "problem_text": partial(texts.problem, seen.lang),
        "now_ns": time.time_ns(),
        "desk": None,
        "feeds": None,
        "principal": None,
        "csrf": "",
        "page": None,
        "mast": None,
    }


def frame(request: Request, seen: Viewer) -> dict[str, Any]:
    """What base.html shows around every page. A page before the desk is laid has no badges."""
    known = words(seen)
    principal = getattr(request.state, "principal", None)
    here = getattr(request.app.state, "desk", None)
    market = here.market if here else None
    return known | {
        "request": request,
        "desk": here,
        "feeds": market.feeds if market else here and here.feeds,
        "tape": tape(market) if market and principal else None,
        "foot": foot(market) if market and principal else None,
        "mast": getattr(request.state, "mast", None) if principal else None,
        "principal": principal,
        "csrf": getattr(principal, "csrf", None) or "",
        "today": formats.weekday(seen.lang, known["now_ns"], seen.zone),
    }
