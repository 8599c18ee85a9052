"""Settings: the environment, read once into one frozen value. Names and defaults: SPEC §10."""

from __future__ import annotations

import base64
import binascii
import ipaddress
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Literal, TypeVar, cast
from urllib.parse import urlsplit

from dotenv import dotenv_values

from app.domain.roles import ALL, ProcessRole, Roles
from app.domain.secret import Secret
from app.domain.transfers import Receiver
from app.domain.venues import Venue

PREFIX = "KIMP_"
DATABASES = ("sqlite", "postgresql", "mysql", "mariadb")
PASSWORD_LENGTH_MIN = 12
API_TOKEN_LENGTH = (32, 256)
MASTER_KEY_BYTES = 32

Environment = Literal["development", "test", "production"]
Mode = Literal["paper", "live", "drill"]
Feeds = Literal["demo", "live", "off"]
T = TypeVar("T")


class SettingsError(Exception):
    """One clear line: the variable, the value that was read, and what is allowed."""


@dataclass(frozen=True, slots=True)
class VenueSettings:
    """One venue's replaced hosts (scheme, host and port only) and its keys from the environment."""

    ws_url: str | None = None
    rest_url: str | None = None
    api_key: Secret | None = None
    api_secret: Secret | None = None
    api_passphrase: Secret | None = None


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that the environment decides. `feeds` is None where Settings may choose."""

    env: Environment
    host: str
    port: int
    data_dir: Path
    database_url: str
    redis_url: str | None
    clickhouse_url: str | None
    dask_scheduler: str | None
    roles: Roles
    mode: Mode
    feeds: Feeds | None
    venues: tuple[Venue, ...]
    admin_password: Secret | None
    api_token: Secret | None
    master_key: Secret | None
    public_url: str
    trusted_proxies: tuple[str, ...]
    fx_urls: tuple[str, ...]
    fx_fixed: Decimal | None
    log_format: Literal["text", "json"]
    venue_settings: Mapping[Venue, VenueSettings]
    unknown: tuple[str, ...]
    holder: Receiver | None = None
    master_key_old: Secret | None = None


def load(environ: Mapping[str, str], folder: Path | None = None) -> Settings:
    """Read `environ` over `folder/.env.<env>` over `folder/.env`. Raises SettingsError."""
    env = _Reader(environ).choice("ENV", ("development", "test", "production"), "development")
    values: dict[str, str] = {}
    for path in (folder / ".env", folder / f".env.{env}") if folder else ():
        if path.is_file():
            values |= {name: text for name, text in dotenv_values(path).items() if text}
    values |= environ
    return _read(_Reader(values), cast("Environment", env))


def _read(read: _Reader, env: Environment) -> Settings:
    data_dir = Path(read.text("DATA_DIR") or "./var").expanduser().absolute()
    port = read.parsed("PORT", _port, "a whole number from 1 to 65535") or 8000
    host = read.text("HOST") or "127.0.0.1"
    read.parsed("HOST", _host, "an IP address to listen on, or localhost")
    public_url = read.parsed(
        "PUBLIC_URL", _origin("http", "https"), _ORIGIN.format("http or https")
    )
    settings = Settings(
        env=env,
        host=host,
        port=port,
        data_dir=data_dir,
        database_url=read.parsed("DATABASE_URL", _database, _URL.format(", ".join(DATABASES)))
        or f"sqlite:///{data_dir / 'kimp.db'}",
        redis_url=read.parsed("REDIS_URL", _url("redis", "rediss"), _URL.format("redis, rediss")),
        clickhouse_url=read.parsed("CLICKHOUSE_URL", _url("http", "https"), _URL.format("http")),
        dask_scheduler=read.parsed("DASK_SCHEDULER", _url("tcp", "tls"), "tcp://host:port"),
        roles=frozenset(map(ProcessRole, read.several("ROLES", tuple(ProcessRole)))) or ALL,
        mode=cast("Mode", read.choice("MODE", ("paper", "live", "drill"), "paper")),
        feeds=cast("Feeds | None", read.choice("FEEDS", ("demo", "live", "off"), "") or None),
        venues=tuple(Venue(name) for name in read.several("VENUES", tuple(Venue)) or tuple(Venue)),
        admin_password=read.secret("ADMIN_PASSWORD", _password, "at least 12 characters"),
        api_token=read.secret("API_TOKEN", _api_token, "32 to 256 printable characters"),
        master_key=_master_key(read, "MASTER_KEY"),
        master_key_old=_master_key(read, "MASTER_KEY_OLD"),
        public_url=public_url or f"http://127.0.0.1:{port}",
        trusted_proxies=read.listed("TRUSTED_PROXIES", _network, "IP addresses or networks"),
        fx_urls=read.listed("FX_URLS", _url("http", "https"), "http or https URLs"),
        fx_fixed=read.parsed("FX_FIXED", _rate, "KRW per USD, a number above 0"),
        log_format=cast(
            'Literal["text", "json"]',
            read.choice("LOG_FORMAT", ("text", "json"), "json" if env == "production" else "text"),
        ),
        venue_settings={venue: _venue(read, venue) for venue in Venue},
        holder=_holder(read),
        unknown=read.unknown(),
    )
    _check_together(settings, public_url)
    return settings


def _check_together(settings: Settings, public_url: str | None) -> None:
    """What one variable demands of another."""
    if not _is_loopback(settings.host):
        if public_url is None:
            raise SettingsError(
                f"KIMP_PUBLIC_URL is not set, but KIMP_HOST={settings.host} is not loopback: "
                "name the URL under which people reach kimp, such as https://kimp.example.org"
            )
        parts = urlsplit(public_url)
        if parts.scheme != "https" and not _is_loopback(parts.hostname or ""):
            raise SettingsError(
                f"KIMP_PUBLIC_URL={public_url} must be https, because KIMP_HOST={settings.host} "
                "is not loopback: put a TLS proxy in front"
            )
    if settings.env == "production" and settings.master_key is None:
        raise SettingsError(
            "KIMP_MASTER_KEY is not set: production needs it or KIMP_MASTER_KEY_FILE, "
            "base64 of 32 bytes (openssl rand -base64 32)"
        )
    if settings.mode == "drill":
        for venue in settings.venues:
            for ending in ("ws_url", "rest_url"):
                url = getattr(settings.venue_settings[venue], ending)
                if url is None or not _is_loopback(urlsplit(url).hostname or ""):
                    name = f"{PREFIX}{venue.upper()}_{ending.upper()}"
                    raise SettingsError(
                        f"{name}={url or ''} must be a loopback address, because KIMP_MODE=drill "
                        "trades with the simulator only"
                    )


class _Reader:
    """Takes values out of the environment by their short name and remembers which it knows."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self.values = values
        self.known = {f"{PREFIX}ENV"}

    def text(self, name: str) -> str | None:
        self.known.add(PREFIX + name)
        return self.values.get(PREFIX + name, "").strip() or None

    def parsed(self, name: str, parse: Callable[[str], T], allowed: str) -> T | None:
        text = self.text(name)
        if text is None:
            return None
        try:
            return parse(text)
        except (ValueError, InvalidOperation):
            raise SettingsError(f"{PREFIX}{name}={text} is not allowed: {allowed}") from None

    def secret(self, name: str, check: Callable[[str], str], allowed: str) -> Secret | None:
        """As `parsed`, but the value itself is never printed."""
        text = self.text(name)
        if text is None:
            return None
        try:
            return Secret(check(text))
        except ValueError:
            told = f"{PREFIX}{name}=*** ({len(text)} characters)"
            raise SettingsError(f"{told} is not allowed: {allowed}") from None

    def choice(self, name: str, allowed: tuple[str, ...], default: str) -> str:
        text = self.text(name)
        if text is not None and text not in allowed:
            raise SettingsError(
                f"{PREFIX}{name}={text} is not allowed: one of {', '.join(allowed)}"
            )
        return text or default

    def several(self, name: str, allowed: tuple[str, ...]) -> list[str]:
        words = [word.strip() for word in (self.text(name) or "").split(",") if word.strip()]
        for word in words:
            if word not in allowed:
                raise SettingsError(
                    f"{PREFIX}{name}={','.join(words)} is not allowed: {word} is none of "
                    f"{', '.join(allowed)}"
                )
        return words

    def listed(self, name: str, parse: Callable[[str], str], allowed: str) -> tuple[str, ...]:
        parts = (self.text(name) or "").split(",")
        text = [part.strip() for part in parts if part.strip()]
        try:
            return tuple(parse(part) for part in text)
        except ValueError:
            raise SettingsError(
                f"{PREFIX}{name}={','.join(text)} is not allowed: {allowed}, separated by commas"
            ) from None

    def unknown(self) -> tuple[str, ...]:
        """Names with our prefix that nobody asked for: likely a typing error."""
        return tuple(sorted(n for n in self.values if n.startswith(PREFIX) and n not in self.known))


_URL = "a URL of the kind {}"
_ORIGIN = "{}, host and port only, such as https://kimp.example.org"


def _venue(read: _Reader, venue: Venue) -> VenueSettings:
    name = venue.upper()
    return VenueSettings(
        ws_url=read.parsed(f"{name}_WS_URL", _origin("ws", "wss"), _ORIGIN.format("ws or wss")),
        rest_url=read.parsed(
            f"{name}_REST_URL", _origin("http", "https"), _ORIGIN.format("http or https")
        ),
        api_key=read.secret(f"{name}_API_KEY", str, "text"),
        api_secret=read.secret(f"{name}_API_SECRET", str, "text"),
        api_passphrase=read.secret(f"{name}_API_PASSPHRASE", str, "text"),
    )


def _holder(read: _Reader) -> Receiver | None:
    """Whose the accounts are: Bithumb asks before it sends coins to another exchange."""
    name_ko, name_en = read.text("HOLDER_NAME_KO"), read.text("HOLDER_NAME_EN")
    kind = read.choice("HOLDER_TYPE", ("personal", "corporation"), "personal")
    if name_ko is None and name_en is None:
        return None
    if name_ko is None or name_en is None:
        raise SettingsError("KIMP_HOLDER_NAME_KO and KIMP_HOLDER_NAME_EN go together")
    return Receiver(name_ko, name_en, kind == "corporation")


def _master_key(read: _Reader, name: str) -> Secret | None:
    allowed = "base64 of 32 bytes (openssl rand -base64 32)"
    key = read.secret(name, _key_text, allowed)
    path = read.text(f"{name}_FILE")
    if path is None:
        return key
    if key is not None:
        raise SettingsError(f"KIMP_{name} and KIMP_{name}_FILE are both set: keep one")
    file = Path(path).expanduser()
    if not file.is_file():
        raise SettingsError(f"KIMP_{name}_FILE={path} is not allowed: no such file")
    if file.stat().st_mode & 0o077:
        raise SettingsError(
            f"KIMP_{name}_FILE={path} is not allowed: others may read it (chmod 600 {path})"
        )
    try:
        return Secret(_key_text(file.read_text().strip()))
    except ValueError:
        raise SettingsError(f"KIMP_{name}_FILE={path} must hold {allowed}") from None


def _key_text(text: str) -> str:
    try:
        raw = base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError(text) from error
    if len(raw) != MASTER_KEY_BYTES:
        raise ValueError(text)
    return text


def _port(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 0 < int(text) < 65536:
        raise ValueError(text)
    return int(text)


def _host(text: str) -> str:
    return text if text == "localhost" else str(ipaddress.ip_address(text))


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _network(text: str) -> str:
    return str(ipaddress.ip_network(text, strict=False))


def _url(*schemes: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        parts = urlsplit(text)
        if parts.scheme not in schemes or not parts.hostname:
            raise ValueError(text)
        _ = parts.port  # raises ValueError outside 0..65535
        return text

    return parse


def _origin(*schemes: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        parts = urlsplit(_url(*schemes)(text))
        if parts.path.strip("/") or parts.query or parts.fragment or parts.username:
            raise ValueError(text)
        return f"{parts.scheme}://{parts.netloc}"

    return parse


def _database(text: str) -> str:
    parts = urlsplit(text)
    named = parts.scheme.split("+")[0] in DATABASES
    placed = bool(parts.path.strip("/")) and (parts.scheme.startswith("sqlite") or parts.hostname)
    if not named or not placed:
        raise ValueError(text)
    return text


def _rate(text: str) -> Decimal:
    rate = Decimal(text)
    if not rate.is_finite() or rate <= 0:
        raise ValueError(text)
    return rate


def _password(text: str) -> str:
    if len(text) < PASSWORD_LENGTH_MIN:
        raise ValueError(text)
    return text


def _api_token(text: str) -> str:
    shortest, longest = API_TOKEN_LENGTH
    if not shortest <= len(text) <= longest or not text.isascii() or not text.isprintable():
        raise ValueError(text)
    return text
