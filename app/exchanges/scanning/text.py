"""Text: the smallest parts of a frame, read where they stand, or refused.

Frames are `bytes`: a zero byte stands behind the last one, and every loop here stops at it. Each
kernel answers the place behind what it read, STOP where that is not plainly what it looks for;
what is refused here is read slowly, so these may be stricter than JSON and never laxer.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from app.books.compiled import compiled, constant
from app.books.ladder import Floats

Bytes = npt.NDArray[np.uint8]

STOP = constant(-1)
NOTHING = constant(0)
ZERO, NINE = 48, 57
QUOTE, BACKSLASH, PLUS, POINT = 34, 92, 43, 46
MINUS, COLON, COMMA, LETTER_T = constant(45), constant(58), constant(44), constant(84)
OPEN_OBJECT, CLOSE_OBJECT = constant(123), constant(125)
OPEN_LIST, CLOSE_LIST = constant(91), constant(93)
SMALL_E, CASE = 101, 32
"""e, and the bit that makes E one."""
SPACE, LAST_PLAIN = 32, 127
DIGITS_MAX = 18
"""As many as an int64 holds, whatever they are."""
EXACT = 1 << 53
"""Up to here every whole number is a float64."""
POWERS_MAX = 22
POWERS: Floats = np.array([float(f"1e{exponent}") for exponent in range(POWERS_MAX + 1)])
"""Powers of ten that are exactly a float64."""
SPLIT = float((1 << 27) + 1)
MS_NS = 1_000_000
DAYS_BEFORE = np.array([0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334, 365])


@compiled
def blank(frame: bytes, at: int) -> int:
    """Behind white space."""
    while frame[at] <= SPACE and (
        frame[at] == SPACE or frame[at] == 10 or frame[at] == 13 or frame[at] == 9
    ):
        at += 1
    return at


@compiled
def mark(frame: bytes, at: int, wanted: int) -> int:
    """Behind one byte and the white space around it."""
    at = blank(frame, at)
    if frame[at] != wanted:
        return STOP
    return blank(frame, at + 1)


@compiled
def text_end(frame: bytes, at: int) -> int:
    """The closing quote of a text whose first byte is at `at`; plain ASCII only."""
    while True:
        byte = frame[at]
        if byte == QUOTE:
            return at
        if byte < SPACE or byte == BACKSLASH or byte > LAST_PLAIN:
            return STOP
        at += 1


@compiled
def name_end(frame: bytes, at: int) -> int:
    """The same of a text that is compared byte by byte: any alphabet."""
    while frame[at] != QUOTE:
        if frame[at] < SPACE or frame[at] == BACKSLASH:
            return STOP
        at += 1
    return at


@compiled
def whole(frame: bytes, at: int) -> tuple[int, int]:
    """A whole number without a sign, as numbers are written in JSON."""
    start, value = at, 0
    while ZERO <= frame[at] <= NINE:
        value = value * 10 + (frame[at] - ZERO)
        at += 1
    digits = at - start
    if digits == 0 or digits > DIGITS_MAX or (digits > 1 and frame[start] == ZERO):
        return 0, STOP
    if frame[at] == POINT or frame[at] | CASE == SMALL_E:
        return 0, STOP
    return value, at


@compiled
def quotient(mantissa: int, scale: int) -> float:
    """mantissa / 10^scale, rounded once; scale <= 18.

    Beyond EXACT the mantissa is a float64 and a rest; the rest of the first division, which two
    products make exact (Dekker), corrects its quotient.
    """
    power = POWERS[scale]
    if mantissa <= EXACT:
        exact: float = mantissa / power
        return exact
    high = float(mantissa)
    first = high / power
    split = SPLIT * first
    first_high = split - (split - first)
    first_low = first - first_high
    split = SPLIT * power
    power_high = split - (split - power)
    power_low = power - power_high
    product = first * power
    error = first_high * power_high - product
    error = ((error + first_high * power_low) + first_low * power_high) + first_low * power_low
    rest = ((high - product) - error) + float(mantissa - np.int64(high))
    corrected: float = first + rest / power
    return corrected


@compiled
def decimal(frame: bytes, at: int) -> tuple[float, int]:
    """The float64 nearest to the number that starts here, as `float` reads it; none below 0."""
    start, mantissa = at, 0
    byte = frame[at]
    while ZERO <= byte <= NINE:
        mantissa = mantissa * 10 + (byte - ZERO)
        at += 1
        byte = frame[at]
    digits, scale = at - start, 0
    if digits == 0 or (digits > 1 and frame[start] == ZERO):
        return 0.0, STOP
    if byte == POINT:
        at += 1
        point = at
        byte = frame[at]
        while ZERO <= byte <= NINE:
            mantissa = mantissa * 10 + (byte - ZERO)
            at += 1
            byte = frame[at]
        scale = at - point
        digits += scale
        if scale == 0:
            return 0.0, STOP
    if digits > DIGITS_MAX:
        mantissa, scale = _shorter(frame, start, at)
        if mantissa < 0:
            return 0.0, STOP
    if byte | CASE == SMALL_E:
        exponent, at = _exponent(frame, at + 1)
        if at == STOP:
            return 0.0, STOP
        scale -= exponent
    if scale == 0:
        return float(mantissa), at
    if 0 < scale <= DIGITS_MAX:
        return quotient(mantissa, scale), at
    if mantissa <= EXACT and -POWERS_MAX <= scale <= POWERS_MAX:
        return (mantissa * POWERS[-scale] if scale < 0 else mantissa / POWERS[scale]), at
    return 0.0, STOP


@compiled
def _shorter(frame: bytes, start: int, end: int) -> tuple[int, int]:
    """Mantissa and scale without the zeros at the end of the fraction; −1: it stays too long."""
    while frame[end - 1] == ZERO:
        end -= 1
    mantissa, digits, scale, is_fraction = 0, 0, 0, False
    for i in range(start, end):
        if frame[i] == POINT:
            is_fraction = True
            continue
        mantissa = mantissa * 10 + (frame[i] - ZERO)
        digits += 1
        scale += 1 if is_fraction else 0
    if digits > DIGITS_MAX or not is_fraction:
        return -1, 0
    return mantissa, scale


@compiled
def _exponent(frame: bytes, at: int) -> tuple[int, int]:
    is_negative = frame[at] == MINUS
    if is_negative or frame[at] == PLUS:
        at += 1
    start, value = at, 0
    while ZERO <= frame[at] <= NINE and at - start < 3:
        value = value * 10 + (frame[at] - ZERO)
        at += 1
    if at == start or ZERO <= frame[at] <= NINE:
        return 0, STOP
    return (-value if is_negative else value), at


@compiled
def quoted(frame: bytes, at: int) -> tuple[float, int]:
    """A decimal written as a text."""
    if frame[at] != QUOTE:
        return 0.0, STOP
    value, at = decimal(frame, at + 1)
    if at == STOP or frame[at] != QUOTE:
        return 0.0, STOP
    return value, at + 1


@compiled
def quoted_whole(frame: bytes, at: int) -> tuple[int, int]:
    if frame[at] != QUOTE:
        return 0, STOP
    value, at = whole(frame, at + 1)
    if at == STOP or frame[at] != QUOTE:
        return 0, STOP
    return value, at + 1


@compiled
def next_in(frame: bytes, at: int, closing: int) -> tuple[bool, int]:
    """Behind a member: whether another one follows, and where; else behind the closing mark."""
    at = blank(frame, at)
    if frame[at] == COMMA:
        return True, blank(frame, at + 1)
    if frame[at] == closing:
        return False, at + 1
    return False, STOP


@compiled
def skip(frame: bytes, at: int) -> int:
    """Behind a value that nobody looks at, if it is a text, a number or a word of JSON."""
    byte = frame[at]
    if byte == QUOTE:
        end = text_end(frame, at + 1)
        return STOP if end == STOP else end + 1
    if byte == 116 and frame[at + 1] == 114 and frame[at + 2] == 117 and frame[at + 3] == 101:
        return at + 4  # true
    if byte == 110 and frame[at + 1] == 117 and frame[at + 2] == 108 and frame[at + 3] == 108:
        return at + 4  # null
    if byte == 102 and frame[at + 1] == 97 and frame[at + 2] == 108 and frame[at + 3] == 115:
        return at + 5 if frame[at + 4] == 101 else STOP  # false
    if byte == MINUS:
        at += 1
    start = at
    while ZERO <= frame[at] <= NINE:
        at += 1
    if at == start or (at - start > 1 and frame[start] == ZERO):
        return STOP
    if frame[at] == POINT:
        point = at + 1
        at = point
        while ZERO <= frame[at] <= NINE:
            at += 1
        if at == point:
            return STOP
    if frame[at] | CASE == SMALL_E:
        _, at = _exponent(frame, at + 1)
    return at


@compiled
def iso(frame: bytes, at: int) -> tuple[int, int]:
    """ns since the epoch of `2023-11-14T22:13:20.090123456Z`, from 1970 to 2099."""
    century = _two(frame, at)
    year = -1 if century < 0 else _two(frame, at + 2)
    month = _after(frame, at + 4, MINUS, year)
    day = _after(frame, at + 7, MINUS, month)
    hour = _after(frame, at + 10, LETTER_T, day)
    minute = _after(frame, at + 13, COLON, hour)
    second = _after(frame, at + 16, COLON, minute)
    if second < 0 or second > 59 or minute > 59 or hour > 23 or month < 1 or month > 12:
        return 0, STOP
    if century < 19 or century > 20 or (century == 19 and year < 70):
        return 0, STOP
    year += 100 * century
    is_leap = year % 4 == 0  # 2000 is one, and 2100 is not in here
    length = DAYS_BEFORE[month] - DAYS_BEFORE[month - 1] + (1 if is_leap and month == 2 else 0)
    if day < 1 or day > length:
        return 0, STOP
    days = (year - 1970) * 365 + (year - 1969) // 4 + DAYS_BEFORE[month - 1] + day - 1
    if is_leap and month > 2:
        days += 1
    at += 19
    rest, digits = 0, 0
    if frame[at] == POINT:
        at += 1
        while ZERO <= frame[at] <= NINE:
            rest = rest * 10 + (frame[at] - ZERO)
            digits += 1
            at += 1
        if digits == 0 or digits > 9:
            return 0, STOP
        for _ in range(9 - digits):
            rest *= 10
    if frame[at] != 90:
        return 0, STOP
    return ((days * 24 + hour) * 3600 + minute * 60 + second) * 1_000_000_000 + rest, at + 1


@compiled
def _two(frame: bytes, at: int) -> int:
    """Two digits, −1 where there are none."""
    if ZERO <= frame[at] <= NINE and ZERO <= frame[at + 1] <= NINE:
        return 10 * (frame[at] - ZERO) + (frame[at + 1] - ZERO)
    return -1


@compiled
def _after(frame: bytes, at: int, wanted: int, before: int) -> int:
    """Two digits behind a mark; without those before it the frame may end before this place."""
    if before < 0 or frame[at] != wanted:
        return -1
    return _two(frame, at + 1)


@compiled
def is_word(frame: bytes, at: int, end: int, table: Bytes, row: int, column: int) -> bool:
    """Whether the word in the table (its length, then its bytes) stands at `at` to `end`."""
    if table[row, column] != end - at:
        return False
    i = 0
    while i < end - at and frame[at + i] == table[row, column + 1 + i]:
        i += 1
    return i == end - at


@compiled
def find(frame: bytes, at: int, end: int, table: Bytes, first: int, last: int, hint: int) -> int:
    """The row from `first` to before `last` whose word stands here, STOP where none does.

    hint: the row to try first.
    """
    row = hint if first <= hint < last else first
    for _ in range(last - first):
        if is_word(frame, at, end, table, row, NOTHING):
            return row
        row = row + 1 if row + 1 < last else first
    return STOP


def words(*texts: str, width: int) -> Bytes:
    """A table for `find`. Raises ValueError for a text that does not fit."""
    table = np.zeros((len(texts), width), np.uint8)
    for row, text in zip(table, texts, strict=True):
        raw = text.encode()
        if len(raw) >= width:
            raise ValueError(f"{text!r} has more than {width - 1} bytes")
        row[0] = len(raw)
        row[1 : 1 + len(raw)] = np.frombuffer(raw, np.uint8)
    return table
