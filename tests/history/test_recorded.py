"""Recorded market files as people share them, read as they are, against a plain second reading."""

from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import pytest

from app.domain.datasets import Kind
from tests.history.builders import NS, Room, place

FOLDERS = ("candles", "derived", "fx")
REFUSED = {
    "LICENSE": "columns_unsure",
    "2025-06_BTC_USDT_USDT-8h-funding_rate.csv.gz": "value_not_positive",
    "2025-06_ETH_USDT_USDT-8h-funding_rate.csv.gz": "value_not_positive",
    "binance_metadata_range_1m_20230301_20230321.csv.gz": "columns_unsure",
    "bithumb_l1_vs_binance_20231111.csv.gz": "columns_unsure",
    "datasets_exchange_rates_monthly.csv": "columns_unsure",
    "kimchi_daily_history_2017_2026_snu.json": "columns_unsure",
}


def text_of(path: Path) -> str:
    content = path.read_bytes()
    content = gzip.decompress(content) if path.suffix == ".gz" else content
    return content.decode("utf-8-sig")


def plainly(path: Path) -> list[dict[str, str]]:
    """The rows by csv.DictReader or json, nothing more."""
    text = text_of(path)
    if path.suffix == ".json":
        return [{name: str(value) for name, value in row.items()} for row in json.loads(text)]
    return [row for row in csv.DictReader(text.splitlines()) if any(row.values())]


def moment_ns(text: str) -> int:
    """The spellings of these files, by hand."""
    if text.endswith("M"):
        moment = datetime.strptime(f"{text} +0000", "%Y-%m-%d %I-%p %z")
        return int(moment.timestamp()) * NS
    day, _, clock = text.replace("T", " ").partition(" ")
    hour, _, rest = clock.partition(":")
    iso = f"{day}T{hour.zfill(2)}:{rest}" if clock else day
    moment = datetime.fromisoformat(iso)
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return int(moment.timestamp()) * NS


def files(shared_data: Path) -> list[Path]:
    found = (path for name in FOLDERS for path in (shared_data / name).rglob("*"))
    return sorted(path for path in found if path.is_file())


def test_every_file_is_read_or_refused_for_a_reason(room: Room, shared_data: Path) -> None:
    read = 0
    for path in files(shared_data):
        if path.name in REFUSED:
            assert room.refusal_code(path) == REFUSED[path.name], path
        else:
            read += len(room.read(path, path.name))
    assert read >= 60


@pytest.mark.parametrize("folder", ["events", "trades", "l2"])
def test_what_is_no_history_is_refused(room: Room, shared_data: Path, folder: str) -> None:
    for path in sorted((shared_data / folder).rglob("*")):
        if path.is_file():
            assert room.refusal(path, path.name).code in ("columns_unsure", "too_many_columns")


CANDLES: list[tuple[str, str, tuple[str, ...]]] = [
    ("binance_BTCUSDT_1m/BTC_USDT_2018_01_1m.csv.gz", "timestamp", ()),
    ("binance_BTCUSDT_1m/BTC_USDT_2025_08_1m.csv.gz", "timestamp", ()),
    ("bybit_spot_5m/2025-09_BTC_USDT-5m.csv.gz", "date", ()),
    ("coinbase_1h/Coinbase_BTCUSD_1h.csv", "Date", ("Open", "High", "Low", "Close")),
    (
        "upbit_1m_20180125_gyusu/BTC.csv",
        "candleDateTime",
        ("openingPrice", "highPrice", "lowPrice", "tradePrice"),
    ),
    (
        "upbit_hourly_2017_2024_kaist/upbit_btc_hourly_history.csv",
        "candle_date_time_utc",
        ("opening_price", "high_price", "low_price", "trade_price"),
    ),
    (
        "upbit_rest_20200220_smtm/upbit_1m_20200220_170000-20200220_202000.json",
        "candle_date_time_utc",
        ("opening_price", "high_price", "low_price", "trade_price"),
    ),
    (
        "upbit_daily_2023_kkkjwww/coin_1day/upbit_ETH_prices_2023_days.csv",
        "candle_date_time_utc",
        ("opening_price", "high_price", "low_price", "trade_price"),
    ),
]


@pytest.mark.parametrize(("name", "time", "prices"), CANDLES, ids=lambda value: str(value)[:40])
def test_candles_agree_with_a_plain_reading(
    room: Room, shared_data: Path, name: str, time: str, prices: tuple[str, ...]
) -> None:
    path = shared_data / "candles" / name
    read = room.read_one(path, path.name)
    wanted = sorted(plainly(path), key=lambda row: moment_ns(row[time]))
    assert read.column("time") == [moment_ns(row[time]) for row in wanted]
    for ours, theirs in zip(
        ("open", "high", "low", "close"), prices or ("open", "high", "low", "close"), strict=True
    ):
        assert read.column(ours) == [float(row[theirs]) for row in wanted]


def next_day(text: str) -> int:
    return moment_ns(text) + 86_400 * NS


RATES: list[tuple[str, str, str, Callable[[str], int]]] = [
    ("fred_DEXKOUS_1981_2026.csv", "observation_date", "DEXKOUS", next_day),
    ("usd_krw_and_usdt_krw_2025_2026.csv", "Date", "usd_krw", next_day),
    ("usd_krw_investingcom_2017_2024.csv", "Date", "Price", next_day),
]


@pytest.mark.parametrize(
    ("name", "time", "rate", "known"), RATES, ids=lambda value: str(value)[:20]
)
def test_rates_agree_with_a_plain_reading(
    room: Room, shared_data: Path, name: str, time: str, rate: str, known: Callable[[str], int]
) -> None:
    path = shared_data / "fx" / name
    read = room.read_one(path, path.name)
    wanted = sorted(
        (known(row[time]), float(row[rate].replace(",", "")))
        for row in plainly(path)
        if row[rate] not in ("", ".")
    )
    assert list(zip(read.column("known_at"), read.column("rate"), strict=True)) == wanted


def test_joined_blocks_of_minutes_with_gaps_between(room: Room, shared_data: Path) -> None:
    path = shared_data / "derived" / "kimchi_btc_1m_2024_2025_chunks.csv.gz"
    korea, abroad, rate = room.read(path, path.name)
    rows = plainly(path)
    assert [read.facts.kind for read in (korea, abroad, rate)] == [
        Kind.CANDLES,
        Kind.CANDLES,
        Kind.FX,
    ]
    assert korea.column("open") == korea.column("close") == [float(r["upbit_krw"]) for r in rows]
    assert abroad.column("close") == [float(row["binance_usdt"]) for row in rows]
    assert rate.column("rate") == [float(row["usdkrw_prev_day"]) for row in rows]
    stamps = [moment_ns(row["ts_utc"]) for row in rows]
    apart = [after - before for before, after in pairwise(stamps)]
    assert korea.facts.timeframe_s == 60
    assert korea.facts.gaps == sum(gap > 60 * NS for gap in apart)
    assert korea.facts.longest_gap_s == max(apart) // NS - 60


def test_a_recorded_file_with_one_digit_broken(room: Room, shared_data: Path) -> None:
    path = shared_data / "candles" / "upbit_1m_20180125_gyusu" / "BTC.csv"
    lines = text_of(path).splitlines()
    lines[2_000] = lines[2_000].replace(".0,", "..0,", 1)
    problem = room.refusal("\n".join(lines).encode(), path.name)
    assert (problem.code, place(problem).row) == ("value_not_number", 2_001)
