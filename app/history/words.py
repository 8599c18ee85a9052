"""Column words: what files call the things that we read. Compared after `plain`."""

from __future__ import annotations

import re
from datetime import UTC, tzinfo
from enum import StrEnum

from app.history.times import KST


class Word(StrEnum):
    """Our words for a column; the mapping form uses the same."""

    TIME = "time"
    OPEN = "open"
    HIGH = "high"
    LOW = "low"
    CLOSE = "close"
    VOLUME = "volume"
    RATE = "rate"
    KRW = "krw_price"
    GLOBAL = "global_price"


PRICES = (Word.OPEN, Word.HIGH, Word.LOW, Word.CLOSE)


SYNONYMS = {
    "날짜": "date",
    "일자": "date",
    "일시": "datetime",
    "시간": "time",
    "시가": "open",
    "고가": "high",
    "저가": "low",
    "종가": "close",
    "거래량": "volume",
    "환율": "rate",
    "매매기준율": "rate",
    "종목": "symbol",
    "마켓": "market",
    "vol": "volume",
    "date_time": "datetime",
    "instrument_name": "instrument",
    "instid": "instrument",
}
"""Korean downloads, and spellings that can mean one thing only."""


def plain(name: str) -> str:
    """A column name without case, quotes and spaces: `Open Time ` → `open_time`."""
    name = re.sub(r"[\s\-]+", "_", name.strip().strip("\"'").strip().lower())
    return SYNONYMS.get(name, name)


UPBIT_TIMES: dict[str, tzinfo] = {
    "candle_date_time_utc": UTC,
    "candledatetime": UTC,
    "candle_date_time_kst": KST,
    "candledatetimekst": KST,
}
"""In the order of preference. Upbit's `timestamp` is the last trade, never the bar."""

UPBIT_NAMES: tuple[dict[Word, str], ...] = (
    {
        Word.OPEN: "opening_price",
        Word.HIGH: "high_price",
        Word.LOW: "low_price",
        Word.CLOSE: "trade_price",
        Word.VOLUME: "candle_acc_trade_volume",
    },
    {
        Word.OPEN: "openingprice",
        Word.HIGH: "highprice",
        Word.LOW: "lowprice",
        Word.CLOSE: "tradeprice",
        Word.VOLUME: "candleacctradevolume",
    },
)

JOINED_NAMES: dict[Word, str] = {
    Word.KRW: "upbit_krw",
    Word.GLOBAL: "binance_usdt",
    Word.RATE: "usdkrw_prev_day",
}

BINANCE_NAMES = (
    "open_time",
    "open",
    "high",
    "low",
    "close",
    "volume",
    "close_time",
    "quote_volume",
    "count",
    "taker_buy_volume",
    "taker_buy_quote_volume",
    "ignore",
)
"""Binance's own header; files without one have these columns in this order."""

TIME_NAMES = (
    "open_time",
    "ts_utc",
    "timestamp",
    "datetime",
    "time",
    "date",
    "observation_date",
    "opentime",
    "unix",
    "unix_time",
    "unix_timestamp",
)
"""The first whose values are times is taken."""

INDEX_NAMES = frozenset({"", "unnamed:_0", "index", "__index_level_0__"})
"""What pandas calls the index that it writes beside the columns: where it is of dates, the time."""

USDT_RATE = "usdt_krw"
RATE_NAMES = ("usdkrw", "usd_krw", "dexkous", "rate", "close", "price", "value")
"""In the order of preference."""
SAYS_DOLLAR = frozenset({"usdkrw", "usd_krw", "dexkous", "usdt_krw"})

SYMBOL_NAMES = frozenset(
    {"market", "code", "symbol", "pair", "coin", "ticker", "instrument", "product_id"}
)
INTERVAL_NAMES = frozenset({"unit", "interval", "timeframe"})
TRADE_NAMES = frozenset({"quantity", "qty", "amount", "size", "side", "units_traded", "volume"})
"""Beside a price these make a list of trades, or a book, out of what looked like a rate."""
