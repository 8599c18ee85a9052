"""Won per dollar: what is a rate, and from when on it was known."""

from __future__ import annotations

import numpy as np
import pytest

from app.domain.datasets import Kind
from tests.history.builders import Room, csv, ns, place


def daily(count: int = 5) -> list[str]:
    return [f"2024-03-0{day + 1},13{day}0.5" for day in range(count)]


@pytest.mark.parametrize(
    "header",
    [
        "date,rate",
        "Date,Close",
        "date,price",
        "time,value",
        "timestamp,usdkrw",
        "Date,USD_KRW",
        "observation_date,DEXKOUS",
    ],
)
def test_a_daily_rate_is_known_the_next_day(room: Room, header: str) -> None:
    read = room.read_one(csv(daily(), header))
    facts = read.facts
    assert (facts.kind, facts.shape, facts.timeframe_s) == (Kind.FX, "fx_daily", 86_400)
    assert (facts.base, facts.quote) == ("USD", "KRW")
    assert read.column("time")[0] == ns("2024-03-01")
    assert read.column("known_at")[0] == ns("2024-03-02")
    assert read.column("rate") == [1300.5, 1310.5, 1320.5, 1330.5, 1340.5]


@pytest.mark.parametrize(
    ("spelling", "tz"),
    [("{} 00:00:00", "Asia/Seoul"), ("{}T00:00:00+09:00", None), ("{} 0:00", None)],
)
def test_midnights_are_days_in_whatever_zone(room: Room, spelling: str, tz: str | None) -> None:
    lines = [f"{spelling.format(line[:10])},{line[11:]}" for line in daily()]
    read = room.read_one(csv(lines, "date,rate"), tz=tz)
    assert read.facts.shape == "fx_daily"
    assert read.column("known_at")[0] == ns("2024-03-02")


def test_missing_rates_are_left_out(room: Room) -> None:
    lines = ["1981-04-13,675.40", "1981-04-14,.", "1981-04-15,", "1981-04-16,676.7"]
    read = room.read_one(csv(lines, "observation_date,DEXKOUS"))
    assert read.column("rate") == [675.4, 676.7]
    assert (read.facts.gaps, read.facts.longest_gap_s) == (1, 2 * 86_400)


def test_investing_com_quotes_and_thousands(room: Room) -> None:
    lines = [
        '"05/30/2024","1,377.38","1,370.33","1,378.25","1,370.33","","0.53%"',
        '"05/29/2024","1,370.08","1,363.87","1,372.04","1,361.14","","0.56%"',
    ]
    read = room.read_one(csv(lines, '\ufeff"Date","Price","Open","High","Low","Vol.","Change %"'))
    assert read.times == ["2024-05-29T00:00:00", "2024-05-30T00:00:00"]
    assert read.column("rate") == [1370.08, 1377.38]


def test_a_korean_download(room: Room) -> None:
    lines = [
        f'"2024- 05- {day}","1,37{day % 10}.5","1,370","1,380","1,360","","0.1%"'
        for day in range(13, 31)
    ]
    content = csv(lines, '"날짜","종가","시가","고가","저가","거래량","변동 %"')
    read = room.read_one(content.decode().encode("cp949"))
    assert (read.facts.kind, read.facts.shape, read.facts.rows) == (Kind.FX, "fx_daily", 18)
    assert read.column("rate")[:2] == [1373.5, 1374.5]
    assert read.facts.columns == {"time": "날짜", "rate": "종가"}


def test_dates_that_may_be_either_are_not_guessed(room: Room) -> None:
    problem = room.refusal(csv(["01/02/2024,1300", "02/02/2024,1301"], "Date,Price"))
    assert (problem.code, place(problem).row) == ("time_ambiguous", 2)
    read = room.read_one(csv(["01/02/2024,1300", "13/02/2024,1301"], "Date,Price"))
    assert read.times == ["2024-02-01T00:00:00", "2024-02-13T00:00:00"]


def test_yahoo_s_three_header_lines(room: Room) -> None:
    lines = ["Ticker,KRW=X,KRW=X", "Date,,", "2024-01-02,1300.5,1301", "2024-01-03,1301,1302.25"]
    read = room.read_one(csv(lines, "Price,Open,Close"))
    assert read.column("rate") == [1301, 1302.25]
    assert read.facts.columns == {"time": "Date", "rate": "Close"}


def test_the_dollar_coin_is_taken_when_asked_for(room: Room) -> None:
    content = csv(["2025-01-01,1467.39,1493", "2025-01-02,1473.52,1484"], "Date,usd_krw,usdt_krw")
    assert room.read_one(content).column("rate") == [1467.39, 1473.52]
    tether = room.read_one(content, quote="USDT")
    assert tether.column("rate") == [1493, 1484]
    assert tether.facts.quote == "USDT"


def test_one_value_at_any_time_is_a_tick(room: Room) -> None:
    lines = ["2024-03-01 09:00:13,1330", "2024-03-01 09:00:40,1331", "2024-03-01 09:02:00.5,1332"]
    read = room.read_one(csv(lines, "timestamp,rate"))
    assert (read.facts.shape, read.facts.timeframe_s) == ("fx_ticks", None)
    assert read.column("known_at") == read.column("time")


def hourly(generator: np.random.Generator, price: float, move: float, count: int = 60) -> list[str]:
    closes = price * np.exp(np.cumsum(generator.normal(0, move, count)))
    return [
        f"2024-03-{1 + hour // 24:02d} {hour % 24:02d}:00,{close:.4f},{close * 1.001:.4f},"
        f"{close * 0.999:.4f},{close:.4f}"
        for hour, close in enumerate(closes)
    ]


def test_rate_candles_are_known_at_their_close(room: Room) -> None:
    lines = hourly(np.random.default_rng(5), 1_330, 0.0004)
    read = room.read_one(csv(lines, "timestamp,open,high,low,close"))
    assert (read.facts.kind, read.facts.shape) == (Kind.FX, "fx_candles")
    assert read.column("known_at")[0] == ns("2024-03-01T01:00")


def test_a_coin_at_a_rate_s_price_moves_more(room: Room) -> None:
    lines = hourly(np.random.default_rng(5), 1_330, 0.008)
    read = room.read_one(csv(lines, "timestamp,open,high,low,close"))
    assert read.facts.kind is Kind.CANDLES


def test_between_the_two_the_uploader_decides(room: Room) -> None:
    lines = hourly(np.random.default_rng(5), 1_330, 0.0032)
    content = csv(lines, "timestamp,open,high,low,close")
    assert room.refusal(content).code == "columns_unsure"
    assert room.read_one(content, base="ETH", quote="USDT").facts.kind is Kind.CANDLES
    assert room.read_one(content, base="USD", quote="KRW").facts.kind is Kind.FX
    assert room.read_one(content, "usdkrw_1h.csv").facts.kind is Kind.FX
    mapped = room.read_one(content, columns={"time": "timestamp", "rate": "close"})
    assert mapped.facts.kind is Kind.FX


def test_tether_candles_of_a_korean_venue_are_a_rate(room: Room) -> None:
    header = "market,candle_date_time_utc,opening_price,high_price,low_price,trade_price"
    lines = [f"KRW-USDT,2024-03-01T00:0{at}:00,1400,1402,1399,140{at}" for at in range(3)]
    read = room.read_one(csv(lines, header))
    assert (read.facts.kind, read.facts.base, read.facts.quote) == (Kind.FX, "USDT", "KRW")
    assert read.column("known_at")[0] == ns("2024-03-01T00:01")
    assert read.column("rate") == [1400, 1401, 1402]


def test_a_list_of_trades_is_not_a_rate(room: Room) -> None:
    lines = [f"2024-03-01 00:00:0{at},KRW-BTC,90000000,0.1" for at in range(5)]
    assert room.refusal(csv(lines, "ts_utc,market,price,volume")).code == "columns_unsure"
    assert room.refusal(csv(["2024-03-01 00:00:01,90000000"], "time,price")).code == (
        "columns_unsure"
    )


def test_text_for_a_rate(room: Room) -> None:
    problem = room.refusal(csv([*daily(3), "2024-03-04,n/a"], "date,rate"))
    assert problem.code == "value_not_number"
    assert (place(problem).row, place(problem).column, place(problem).value) == (5, "rate", "n/a")
