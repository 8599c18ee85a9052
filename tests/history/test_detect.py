"""Detection: layout of the head, shape, columns, market: every word of it."""

from __future__ import annotations

import pytest

from app.domain.datasets import Hints
from app.domain.problems import Problem
from app.history import detect, dialect
from app.history.detect import Plan, Shape
from app.history.lines import Chunk
from app.history.pairs import Pair, from_file_name, from_symbol
from app.history.words import Word, plain
from tests.history.builders import HEADER, csv, place, rows


def table(lines: list[str], header: str | None = HEADER) -> dialect.Table:
    return dialect.read(Chunk(csv(lines, header), 1))


def plan(
    lines: list[str], header: str | None = HEADER, name: str = "x.csv", **hints: object
) -> Plan:
    return detect.detect(table(lines, header), name, Hints(**hints))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("symbol", "pair"),
    [
        ("BTCUSDT", Pair("BTC", "USDT")),
        ("btc/usdt:usdt", Pair("BTC", "USDT")),
        ("BTC-USD", Pair("BTC", "USD")),
        ("KRW-BTC", Pair("BTC", "KRW")),
        ("BTC_KRW", Pair("BTC", "KRW")),
        ("ETHBTC", Pair("ETH", "BTC")),
        ("CRIX.UPBIT.KRW-BTC", Pair("BTC", "KRW", "upbit")),
        ("CRIX.UPBIT.BTC-ETH", Pair("ETH", "BTC", "upbit")),
        ("KRW=X", Pair("USD", "KRW")),
        ("USDT/KRW", Pair("USDT", "KRW")),
        ("BTC", Pair("BTC")),
        ("USDT", Pair("USDT")),
        ("", Pair(None)),
    ],
)
def test_symbols(symbol: str, pair: Pair) -> None:
    assert from_symbol(symbol) == pair


def test_upbit_puts_the_quote_first() -> None:
    assert from_symbol("USDT-BTC", quote_first=True) == Pair("BTC", "USDT")
    assert from_symbol("USDT-BTC") == Pair("USDT", "BTC")


@pytest.mark.parametrize(
    ("name", "pair", "timeframe_s"),
    [
        ("BTCUSDT-1m-2024-01.zip", Pair("BTC", "USDT"), 60),
        ("BTC_USDT_USDT-5m-futures.csv.gz", Pair("BTC", "USDT"), 300),
        ("upbit_BTC_KRW_20250824_181219.csv.gz", Pair("BTC", "KRW", "upbit"), None),
        ("KRW-XRP_60min.csv", Pair("XRP", "KRW"), 3_600),
        ("gateio ETH daily.parquet", Pair("ETH", None, "gate"), 86_400),
        ("../../etc/okx_SOL_USDC_4h.json", Pair("SOL", "USDC", "okx"), 14_400),
        ("C:\\data\\btc.csv", Pair("BTC"), None),
        ("history.csv", Pair(), None),
        ("0m.csv", Pair(), None),
        ("", Pair(), None),
    ],
)
def test_file_names_hint(name: str, pair: Pair, timeframe_s: int | None) -> None:
    hint = from_file_name(name)
    assert (hint.pair, hint.timeframe_s) == (pair, timeframe_s)


@pytest.mark.parametrize("name", ["USD_KRW Historical Data.csv", "usdtkrw.csv", "환율_2024.csv"])
def test_file_names_that_say_rate(name: str) -> None:
    assert from_file_name(name).says_fx
    assert not from_file_name("BTCUSDT.csv").says_fx


@pytest.mark.parametrize(
    ("name", "word"),
    [
        (' "Open Time" ', "open_time"),
        ("Close-Time", "close_time"),
        ("종가", "close"),
        ("Vol.", "vol."),
    ],
)
def test_plain_names(name: str, word: str) -> None:
    assert plain(name) == word


def test_the_layout_of_a_plain_file() -> None:
    found = table(rows(3))
    assert (found.delimiter, found.has_header, found.first_row) == (",", True, 2)
    assert found.names == tuple(HEADER.split(","))
    assert [line for line, _ in found.sample] == [2, 3, 4]


def test_a_header_after_banners_and_blank_lines() -> None:
    found = table(["a link", "a title", "", HEADER, *rows(2)], None)
    assert (found.names[0], found.first_row) == ("timestamp", 5)
    assert found.sample[0][0] == 5


def test_too_many_banners_are_no_banners() -> None:
    found = table(["a", "b", "c", "d", HEADER, *rows(2)], None)
    assert found.names == ("a",)


@pytest.mark.parametrize(
    ("first", "has_header"),
    [
        ("2024-03-01,1,2,3", False),
        ("1709251200000,1,2,3", False),
        ("KRW-BTC,1,2,3", False),
        ("time,1h,2h,3h", True),
        ("time,open,2,3", True),
        (",,,", True),
    ],
)
def test_a_header_has_names_a_row_has_numbers(first: str, has_header: bool) -> None:
    assert table([first, "2024-03-02,1,2,3"], None).has_header is has_header


def test_yahoo_needs_all_three_lines() -> None:
    header = ["Price,Close,Open", "Ticker,KRW=X,KRW=X", "Date,,", "2024-01-02,1301,1300"]
    assert table(header, None).symbol == "KRW=X"
    assert table([*header[:2], "2024-01-02,1301,1300"], None).symbol is None
    assert table([header[0], *header[2:]], None).symbol is None
    with pytest.raises(Problem) as caught:
        table([header[0], "Ticker,KRW=X,EUR=X", *header[2:]], None)
    assert (caught.value.code, place(caught.value).row) == ("coins_mixed", 2)


def test_json_layouts() -> None:
    objects = dialect.read(Chunk(b'[{"b": 1, "a": 2},\n{"b": 3, "a": 4}]\n', 1))
    assert (objects.delimiter, objects.names, objects.has_header) == (None, ("b", "a"), True)
    assert objects.sample == ((1, ["1", "2"]), (2, ["3", "4"]))
    arrays = dialect.read(Chunk(b"[[1, 2], [3, 4]]\n", 1))
    assert (arrays.names, arrays.has_header) == (("0", "1"), False)
    wide = "[" + str(list(range(65))) + "]\n"
    with pytest.raises(Problem) as caught:
        dialect.read(Chunk(wide.encode(), 1))
    assert caught.value.code == "too_many_columns"


def test_binance_needs_two_times_one_after_the_other() -> None:
    good = "1709251200000,1,2,1,2,3,1709251259999,4,5,6,7,0"
    assert plan([good], None).shape is Shape.BINANCE
    for bad in (
        good.replace("1709251259999", "1709251200000"),
        good.replace("1709251259999", "12.5"),
        good.replace("1709251259999", "end"),
        good + ",1",
    ):
        with pytest.raises(Problem) as caught:
            plan([bad], None)
        assert caught.value.code == "columns_unsure"


def test_twelve_columns_with_a_header_of_something_else_are_generic() -> None:
    header = f"{HEADER},a,b,c,d,e,f"
    assert plan([f"{row},1,2,3,4,5,6" for row in rows()], header).shape is Shape.GENERIC


def test_the_time_column_is_the_one_that_holds_times() -> None:
    lines = [f"{at},{row}" for at, row in enumerate(rows())]
    assert plan([f"x{line}" for line in lines], f"time,{HEADER}").time == 1
    fallback = plan([f"soon,{row.partition(',')[2]}" for row in rows()])
    assert fallback.time == 0  # nothing is readable: the row will be refused by name


@pytest.mark.parametrize(
    ("columns", "code"),
    [
        ({"when": "timestamp"}, "column_unknown"),
        ({"open": "open"}, "columns_unsure"),
        ({"time": "timestamp", "open": "open"}, "columns_unsure"),
        ({"time": "timestamp", "rate": "9"}, "column_unknown"),
        ({"time": "timestamp", "rate": "-1"}, "column_unknown"),
        ({"time": "timestamp", "rate": "²"}, "column_unknown"),
    ],
)
def test_mappings_that_do_not_work(columns: dict[str, str], code: str) -> None:
    with pytest.raises(Problem) as caught:
        plan(rows(), columns=columns)
    assert caught.value.code == code


def test_a_mapping_wins_over_what_was_detected() -> None:
    mapped = plan(rows(), columns={"time": "0", "rate": "close"})
    assert (mapped.is_fx, mapped.numbers) == (True, {Word.RATE: 4})


def test_one_value_columns() -> None:
    found = plan([f"KRW-BTC,{row},1" for row in rows()], f"market,{HEADER},unit")
    assert found.constants == (0, 7)
    assert (found.mixed_code(0), found.mixed_code(7)) == ("coins_mixed", "timeframes_mixed")


@pytest.mark.parametrize(
    ("hints", "is_fx"),
    [
        ({}, False),
        ({"base": "usd", "quote": "krw"}, True),
        ({"base": "USDT", "quote": "KRW", "venue": "upbit"}, True),
        ({"base": "USDC"}, True),
        ({"base": "USDC", "quote": "USDT"}, False),
        ({"venue": "upbit"}, False),
        ({"base": "ETH"}, False),
    ],
)
def test_who_says_what_the_prices_are(hints: dict[str, str], is_fx: bool) -> None:
    assert plan(rows(), **hints).is_fx is is_fx


def test_rates_that_nobody_could_mean() -> None:
    with pytest.raises(Problem):
        plan(["2024-03-01,1300"], "date,close", base="BTC")
    with pytest.raises(Problem):
        plan(["2024-03-01,ETH,1300"], "date,coin,close")
    assert plan(["2024-03-01,KRW=X,1300"], "date,ticker,close").pair == Pair("USD", "KRW")
    assert plan(["2024-03-01,1300"], "date,usdt_krw").pair == Pair("USDT", "KRW")
    assert plan(["2024-03-01,1300"], "date,close", name="upbit_usdtkrw.csv").pair == Pair(
        "USDT", "KRW", "upbit"
    )
