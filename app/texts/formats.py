"""How figures, sizes, ages and times are written. Minus is U+2212, none is `–`, unknown is `?`."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from decimal import Decimal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

MINUS = "\N{MINUS SIGN}"
NONE = "\N{EN DASH}"
UNKNOWN = "?"
BPS_SHOWN_MAX = 9_999.0
NS = 1_000_000_000
# Assets without decimals, and how many decimals an amount of a size is shown with.
WHOLE = ("KRW",)
AMOUNT_DIGITS = ((100_000, 0), (1_000, 2), (1, 4), (0.001, 6))

# Offered as the viewer's zone: IANA name → the short name beside a time.
ZONES: dict[str, str] = {
    "Asia/Seoul": "KST",
    "UTC": "UTC",
    "Asia/Tokyo": "JST",
    "Asia/Singapore": "SGT",
    "Europe/London": "London",
    "Europe/Berlin": "Berlin",
    "America/New_York": "New York",
    "America/Los_Angeles": "Los Angeles",
}
# These two need no zone database, which a bare machine may lack.
_FIXED: dict[str, tzinfo] = {"Asia/Seoul": timezone(timedelta(hours=9)), "UTC": UTC}
WEEKDAYS = {"en": ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"), "ko": tuple("월화수목금토일")}


def number(value: float | None, digits: int = 0, *, signed: bool = False) -> str:
    """Grouped by thousands. A value that rounds to zero has no sign."""
    if value is None:
        return NONE
    if not math.isfinite(value):
        return UNKNOWN
    written = f"{abs(value):,.{digits}f}"
    if not any(mark in written for mark in "123456789"):
        return written
    if value < 0:
        return MINUS + written
    return "+" + written if signed else written


def won(value: float | None, *, signed: bool = False) -> str:
    """Won never have decimals: 1,284,550."""
    return number(value, 0, signed=signed)


def won_short(lang: str, value: float | None, *, signed: bool = False) -> str:
    """For tiles only: 11.13 M, 26.08 bn; Korean 1,113만, 1.5억."""
    if value is None or not math.isfinite(value):
        return number(value)
    steps = (
        ((1e8, "억", 2), (1e4, "만", 0))
        if lang == "ko"
        else ((1e9, " bn", 2), (1e6, " M", 2), (1e3, " k", 0))
    )
    for size, unit, digits in steps:
        if abs(value) >= size:
            return number(value / size, digits, signed=signed) + unit
    return won(value, signed=signed)


def price(value: float | None) -> str:
    """A price read from a file: up to eight significant decimals, none that were not there."""
    return _plain(value, 8)


def quantity(value: float | None) -> str:
    """Coins: eight decimals at most."""
    return _plain(value, 8)


def _plain(value: float | None, digits: int) -> str:
    written = number(value, digits)
    return written.rstrip("0").rstrip(".") if "." in written else written


def bps(value: float | None, *, signed: bool = True) -> str:
    """+64.6, −12.3; beyond ±9,999 `> +9,999`."""
    if value is not None and abs(value) > BPS_SHOWN_MAX:
        side = ">" if value > 0 else "<"
        return f"{side} {number(math.copysign(BPS_SHOWN_MAX, value), 0, signed=signed)}"
    return number(value, 1, signed=signed)


def share(value: float | None, digits: int = 1) -> str:
    """A part of a whole, already in percent: 75.9 %."""
    return value_unit(number(value, digits), "%")


def returns(value: float | None) -> str:
    """A gain or a loss in percent: +11.13 %."""
    return value_unit(number(value, 2, signed=True), "%")


def value_unit(written: str, unit: str) -> str:
    return written if written in {NONE, UNKNOWN} else f"{written} {unit}"


def direction(value: float | None, digits: int = 2) -> str:
    """The class of a signed figure: `up`, `down`, or none where it rounds to zero."""
    if value is None or not math.isfinite(value) or round(value, digits) == 0:
        return ""
    return "up" if value > 0 else "down"


def size(value: float | None) -> str:
    """Bytes as people read them: 812 B, 6 KB, 284.1 MB, 4.2 GB."""
    if value is None:
        return NONE
    if value < 1000:
        return f"{value:.0f} B"
    for unit, divisor in (("KB", 1e3), ("MB", 1e6), ("GB", 1e9)):
        if value < divisor * 999.95 or unit == "GB":
            return f"{value / divisor:,.{0 if unit == 'KB' else 1}f} {unit}"
    raise AssertionError(value)


def gib(value: float) -> str:
    """A limit that was set in GiB."""
    return f"{value / 2**30:,.4g} GiB"


def age(lang: str, seconds: float | None) -> str:
    """Two figures, one unit: 12 ms, 3.2 s, 41 s, 9 min, 3 h 12 m; Korean 41초, 9분, 3시간 12분."""
    if seconds is None:
        return UNKNOWN
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    return duration(lang, seconds)


def micros(value: float | None) -> str:
    """A latency in µs as it is read: 3.1 µs, 400 µs, 1.7 ms, 42 ms, 1.8 s."""
    if value is None:
        return NONE
    for unit, divisor in (("µs", 1.0), ("ms", 1e3)):
        if value < 999.5 * divisor:
            return f"{number(value / divisor, 1 if value < 9.95 * divisor else 0)} {unit}"
    return f"{number(value / 1e6, 1)} s"


def duration(lang: str, seconds: float | None) -> str:
    """How long something took or stood still, two units at most: 45 min, 4 h 12 m, 2 d 3 h."""
    if seconds is None:
        return NONE
    korean = lang == "ko"
    whole = round(seconds)
    days, rest = divmod(whole, 86_400)
    hours, rest = divmod(rest, 3_600)
    minutes, left = divmod(rest, 60)
    if days:
        parts = ((days, "일", " d"), (hours, "시간", " h"))
    elif hours:
        parts = ((hours, "시간", " h"), (minutes, "분", " m"))
    elif minutes:
        parts = (
            ((minutes, "분", " min"), (0, "", ""))
            if left == 0 or minutes >= 10
            else (
                (minutes, "분", " m"),
                (left, "초", " s"),
            )
        )
    else:
        parts = ((left, "초", " s"), (0, "", ""))
    first, second = parts
    unit = 1 if korean else 2
    written = f"{first[0]:,}{first[unit]}"
    return f"{written} {second[0]}{second[unit]}" if second[0] else written


def timeframe(lang: str, seconds: int | None) -> str:
    """A candle's length: 1 min, 15 min, 1 h, 1 d; Korean 1분, 15분, 1시간, 1일."""
    return NONE if seconds is None else duration(lang, seconds)


def zone(name: str) -> tzinfo:
    """The zone of an offered name; KST where it is unknown here."""
    if name in _FIXED:
        return _FIXED[name]
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return _FIXED["Asia/Seoul"]


def zone_label(name: str) -> str:
    """KST, UTC, New York."""
    return ZONES.get(name, name)


def at(ns: int, zone_name: str) -> datetime:
    """The instant in the viewer's zone; below a microsecond is cut."""
    seconds, rest = divmod(ns, NS)
    return datetime.fromtimestamp(seconds, zone(zone_name)).replace(microsecond=rest // 1000)


def day(ns: int | None, zone_name: str) -> str:
    return NONE if ns is None else at(ns, zone_name).strftime("%Y-%m-%d")


def moment(ns: int | None, zone_name: str) -> str:
    """2026-11-19 14:23"""
    return NONE if ns is None else at(ns, zone_name).strftime("%Y-%m-%d %H:%M")


def second(ns: int | None, zone_name: str) -> str:
    """2026-11-19 14:23:06"""
    return NONE if ns is None else at(ns, zone_name).strftime("%Y-%m-%d %H:%M:%S")


def dated(ns: int | None, zone_name: str) -> str:
    """In lists that go back over days: 11-19 14:23:06"""
    return NONE if ns is None else at(ns, zone_name).strftime("%m-%d %H:%M:%S")


def clock(ns: int | None, zone_name: str, *, millis: bool = False) -> str:
    """14:23:06, with milliseconds 14:23:06.412"""
    if ns is None:
        return NONE
    moment_ = at(ns, zone_name)
    written = moment_.strftime("%H:%M:%S")
    return f"{written}.{moment_.microsecond // 1000:03d}" if millis else written


def weekday(lang: str, ns: int, zone_name: str) -> str:
    """11-19 Thu; Korean 11-19 목"""
    moment_ = at(ns, zone_name)
    return f"{moment_:%m-%d} {WEEKDAYS[lang][moment_.weekday()]}"


def iso(ns: int | None) -> str:
    """For `datetime=` attributes and the doors: ISO 8601 with Z."""
    if ns is None:
        return ""
    written = at(ns, "UTC").strftime("%Y-%m-%dT%H:%M:%S")
    millis = ns % NS // 1_000_000
    return f"{written}.{millis:03d}Z" if millis else f"{written}Z"


def exact(value: Decimal | None) -> str:
    """Every digit of an amount, as the ledger has it; zeros at its end say nothing."""
    if value is None:
        return NONE
    written = f"{abs(value):,f}"
    written = written.rstrip("0").rstrip(".") if "." in written else written
    return MINUS + written if value < 0 else written


def amount(value: Decimal | None, asset: str, *, signed: bool = False) -> str:
    """An amount as a table shows it: won without decimals, coins with what their size needs."""
    if value is None:
        return NONE
    size = abs(value)
    if asset in WHOLE and size >= 1:
        return number(float(value), 0, signed=signed)
    digits = next((digits for least, digits in AMOUNT_DIGITS if size >= least), 8)
    written = number(float(value), digits, signed=signed)
    return written if digits <= 2 else written.rstrip("0").rstrip(".")


def compact(lang: str, value: Decimal, asset: str) -> str:
    """An amount in a narrow column, its whole in the title: 50,709, 3.701, 1.29 M, < 0.001."""
    size = float(abs(value))
    if size >= 1e6:
        return won_short(lang, float(value))
    if asset in WHOLE or size >= 1_000:
        return number(float(value), 0)
    if size < 0.001:
        return "< 0.001"
    return number(float(value), 1 if size >= 100 else 3)


def chain(name: str) -> str:
    """A network by its name among people: Internet Computer, SUI, BSC."""
    words = name.split("_")
    return " ".join(word if len(word) <= 3 else word.capitalize() for word in words)


def paid(value: Decimal | None) -> str:
    """An average price: six figures are as much as a person reads."""
    if value is None:
        return NONE
    whole = len(str(int(abs(value)))) if abs(value) >= 1 else 0
    digits = max(0, 6 - whole) if whole else 6
    return _plain(float(value), digits)
