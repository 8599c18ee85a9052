"""Every shape of history that must be accepted, told apart by content."""

from __future__ import annotations

import json

import pytest

from app.domain.datasets import Kind
from tests.history.builders import Room, csv, ns, place, rows

UPBIT_HEADER = (
    ",market,candle_date_time_utc,candle_date_time_kst,opening_price,high_price,low_price,"
    "trade_price,timestamp,candle_acc_trade_price,candle_acc_trade_volume,unit"
)
UPBIT_ROWS = [
    "0,KRW-ETH,2024-03-01T00:01:00,2024-03-01T09:01:00,4300000,4310000,4290000,4305000,"
    "1709251319999,5000000,1.5,1",
    "1,KRW-ETH,2024-03-01T00:00:00,2024-03-01T09:00:00,4290000,4301000,4289000,4300000,"
    "1709251259999,6000000,2.5,1",
]


def test_generic_candles(room: Room) -> None:
    read = room.read_one(csv(rows(4)))
    facts = read.facts
    assert (facts.kind, facts.shape, facts.timeframe_s) == (Kind.CANDLES, "generic", 60)
    assert (facts.rows, facts.gaps, facts.longest_gap_s, facts.duplicates) == (4, 0, 0, 0)
    assert (facts.start_ns, facts.end_ns) == (ns("2024-03-01T09:00"), ns("2024-03-01T09:03"))
    assert read.column("open") == [100, 101, 102, 103]
    assert read.column("high") == [102, 103, 104, 105]
    assert read.column("low") == [98.5, 99.5, 100.5, 101.5]
    assert read.column("close") == [101, 102, 103, 104]
    assert read.column("volume") == [0.25, 1.25, 2.25, 3.25]
    assert (facts.venue, facts.base, facts.quote) == (None, None, None)


def test_volume_is_optional(room: Room) -> None:
    lines = [row.rpartition(",")[0] for row in rows()]
    read = room.read_one(csv(lines, "Time,Open,High,Low,Close"))
    assert set(read.columns.names) == {"time", "open", "high", "low", "close"}
    assert read.facts.columns == {
        "time": "Time",
        "open": "Open",
        "high": "High",
        "low": "Low",
        "close": "Close",
    }


@pytest.mark.parametrize(
    "header",
    [
        " Timestamp , OPEN,High ,low,Close,Volume",
        '"date","open","high","low","close","volume"',
        "datetime;open;high;low;close;volume",
        "open_time\topen\thigh\tlow\tclose\tvolume",
        "ts_utc|open|high|low|close|volume",
    ],
)
def test_headers_of_any_case_quotes_and_delimiter(room: Room, header: str) -> None:
    delimiter = next(character for character in ",;\t|" if character in header)
    body = [row.replace(",", delimiter) for row in rows()]
    assert room.read_one(csv(body, header)).facts.rows == 5


def test_columns_in_any_order_beside_others(room: Room) -> None:
    lines = ["a,3,101,100,x,99,100.5,2024-03-01 00:00", "b,4,102,100,,99,101,2024-03-01 00:01"]
    read = room.read_one(csv(lines, "name,volume,high,open,note,low,close,time"))
    assert read.column("high") == [101, 102]
    assert read.column("volume") == [3, 4]


def test_upbit_candles_newest_first(room: Room) -> None:
    read = room.read_one(csv(UPBIT_ROWS, UPBIT_HEADER))
    facts = read.facts
    assert (facts.shape, facts.venue, facts.base, facts.quote) == ("upbit", "upbit", "ETH", "KRW")
    assert read.times == ["2024-03-01T00:00:00", "2024-03-01T00:01:00"]
    assert read.column("close") == [4_300_000, 4_305_000]
    assert facts.quality.unsorted


def test_upbit_kst_times_become_utc(room: Room) -> None:
    header = "candle_date_time_kst,opening_price,high_price,low_price,trade_price,timestamp"
    lines = ["2024-03-01T09:00:00,4,5,3,4,1709251259999", "2024-03-01T09:01:00,4,5,3,4,1"]
    read = room.read_one(csv(lines, header), tz="America/New_York")
    assert read.times == ["2024-03-01T00:00:00", "2024-03-01T00:01:00"]
    assert "volume" not in read.columns


def test_crix_names_with_an_offset(room: Room) -> None:
    header = "candleDateTimeKst,code,openingPrice,highPrice,lowPrice,tradePrice,unit"
    lines = [
        "2018-01-28T09:01:00+09:00,CRIX.UPBIT.KRW-BTC,12,13,11,12.5,1",
        "2018-01-28T09:00:00+09:00,CRIX.UPBIT.KRW-BTC,12,13,11,12,1",
    ]
    read = room.read_one(csv(lines, header))
    assert read.times == ["2018-01-28T00:00:00", "2018-01-28T00:01:00"]
    assert (read.facts.venue, read.facts.base, read.facts.quote) == ("upbit", "BTC", "KRW")


@pytest.mark.parametrize("indent", [None, 4])
def test_a_rest_reply_saved_as_json(room: Room, indent: int | None) -> None:
    names = UPBIT_HEADER.split(",")[1:]
    reply = []
    for row in UPBIT_ROWS:
        fields = row.split(",")[1:]
        reply.append(
            {
                name: value if "-" in value else float(value)
                for name, value in zip(names, fields, strict=True)
            }
        )
    read = room.read_one(json.dumps(reply, indent=indent).encode(), "reply.json")
    assert read.facts.shape == "upbit"
    assert read.column("open") == [4_290_000, 4_300_000]
    assert read.column("volume") == [2.5, 1.5]


def klines(factor: int) -> list[str]:
    opened_ms = [1_709_251_200_000 + 60_000 * at for at in range(3)]
    return [
        f"{at * factor},100.1,101,99,100.5,3,{(at + 59_999) * factor},300,17,1.5,150,0"
        for at in opened_ms
    ]


@pytest.mark.parametrize("factor", [1, 1_000])
@pytest.mark.parametrize("with_header", [True, False])
def test_binance_klines_in_ms_or_us(room: Room, factor: int, with_header: bool) -> None:
    header = (
        "open_time,open,high,low,close,volume,close_time,quote_volume,count,"
        "taker_buy_volume,taker_buy_quote_volume,ignore"
    )
    read = room.read_one(
        csv(klines(factor), header if with_header else None), "BTCUSDT-1m-2024-03.csv"
    )
    assert read.times[0] == "2024-03-01T00:00:00"
    assert read.facts.timeframe_s == 60
    facts = read.facts
    assert (facts.shape, facts.venue, facts.base, facts.quote) == (
        "binance",
        "binance",
        "BTC",
        "USDT",
    )


def test_binance_rest_arrays(room: Room) -> None:
    reply = [[*map(json.loads, line.split(","))] for line in klines(1)]
    assert room.read_one(json.dumps(reply).encode()).facts.shape == "binance"


def test_one_file_in_which_ms_become_us(room: Room) -> None:
    later = [line.replace("1709251", "1709351", 2) for line in klines(1_000)]
    read = room.read_one(csv([*klines(1), *later], None), timeframe_s=20)
    assert read.times[3] == "2024-03-02T03:46:40"


@pytest.mark.parametrize(
    ("spelling", "first"),
    [
        (lambda moment: str(int(moment.timestamp())), "2024-03-01T09:00:00"),
        (lambda moment: str(int(moment.timestamp() * 1_000)), "2024-03-01T09:00:00"),
        (lambda moment: str(int(moment.timestamp() * 1_000_000)), "2024-03-01T09:00:00"),
        (lambda moment: str(int(moment.timestamp()) * 1_000_000_000), "2024-03-01T09:00:00"),
        (lambda moment: f"{moment.timestamp():.1f}", "2024-03-01T09:00:00"),
        (lambda moment: f"{int(moment.timestamp())}e0", "2024-03-01T09:00:00"),
        (lambda moment: moment.isoformat(), "2024-03-01T09:00:00"),
        (lambda moment: moment.strftime("%Y-%m-%dT%H:%M:%SZ"), "2024-03-01T09:00:00"),
        (lambda moment: moment.strftime("%Y-%m-%dT%H:%M:%S.000000Z"), "2024-03-01T09:00:00"),
        (lambda moment: moment.strftime("%Y-%m-%d %H:%M:%S+0900"), "2024-03-01T00:00:00"),
        (lambda moment: moment.strftime("%Y-%m-%d %H:%M:%S-05:30"), "2024-03-01T14:30:00"),
        (lambda moment: moment.strftime("%Y-%m-%d %H:%M UTC"), "2024-03-01T09:00:00"),
        (lambda moment: moment.strftime("%Y/%m/%d %H:%M"), "2024-03-01T09:00:00"),
        (
            lambda moment: f"{moment:%Y}-{moment.month}-{moment.day} {moment.hour}:{moment:%M}",
            "2024-03-01T09:00:00",
        ),
        (lambda moment: moment.strftime("%Y-%m-%d %I:%M %p"), "2024-03-01T09:00:00"),
        (lambda moment: moment.strftime("%Y%m%d%H%M%S"), "2024-03-01T09:00:00"),
    ],
)
def test_times_in_every_spelling(room: Room, spelling: object, first: str) -> None:
    read = room.read_one(csv(rows(3, spelling)))  # type: ignore[arg-type]
    assert read.times[0] == first
    assert read.facts.timeframe_s == 60


def test_a_zone_given_at_upload_holds_for_naive_times_only(room: Room) -> None:
    naive = room.read_one(csv(rows()), tz="Asia/Seoul")
    zoned = room.read_one(csv(rows(5, lambda moment: moment.isoformat())), tz="Asia/Seoul")
    assert (naive.times[0], naive.facts.tz) == ("2024-03-01T00:00:00", "Asia/Seoul")
    assert (zoned.times[0], zoned.facts.tz) == ("2024-03-01T09:00:00", "UTC")


def test_a_coinbase_download_with_a_banner_and_two_times(room: Room) -> None:
    header = "Unix Timestamp,Date,Symbol,Open,High,Low,Close,Volume BTC,Volume USD"
    lines = [
        "https://www.CryptoDataDownload.com",
        header,
        "1561935600.0,2019-06-30 11-PM,BTCUSD,10915.75,10996.36,10650.06,10761.26,3114.58,33713.25",
        "1561932000.0,2019-06-30 10-PM,BTCUSD,11279.52,11279.52,10791,10915.75,2447.1,26948474.4",
    ]
    read = room.read_one(csv(lines, None), "Coinbase_BTCUSD_1h.csv")
    assert read.times == ["2019-06-30T22:00:00", "2019-06-30T23:00:00"]
    assert read.facts.columns["time"] == "Date"
    assert read.column("volume") == [2447.1, 3114.58]
    facts = read.facts
    assert (facts.venue, facts.base, facts.quote) == ("coinbase", "BTC", "USD")
    without_unix = room.read_one(csv([line.split(",", 1)[-1] for line in lines], None))
    assert without_unix.times == read.times


def test_the_uploader_wins_over_content_and_name(room: Room) -> None:
    read = room.read_one(
        csv(UPBIT_ROWS, UPBIT_HEADER), "bithumb_XRP_KRW.csv", base="SOL", venue="bithumb"
    )
    assert (read.facts.venue, read.facts.base, read.facts.quote) == ("bithumb", "SOL", "KRW")


def test_what_nobody_says_stays_unknown(room: Room) -> None:
    facts = room.read_one(csv(rows()), "data.csv").facts
    assert (facts.venue, facts.base, facts.quote) == (None, None, None)
    named = room.read_one(csv(rows()), "okx-XRP-USDT-1m.csv").facts
    assert (named.venue, named.base, named.quote) == ("okx", "XRP", "USDT")


def test_a_single_row_takes_its_timeframe_from_uploader_or_name(room: Room) -> None:
    assert room.read_one(csv(rows(1)), timeframe_s=300).facts.timeframe_s == 300
    assert room.read_one(csv(rows(1)), "BTC-15m.csv").facts.timeframe_s == 900
    assert room.refusal_code(csv(rows(1))) == "timeframe_unknown"


def test_joined_premium_becomes_three_series(room: Room) -> None:
    lines = [
        "2024-03-01 00:00:00,90000000,62000,1335.5,0.08",
        "2024-03-01 01:00:00,90100000,62100,,0.08",
        "2024-03-01 03:00:00,90200000,62200,1336.5,0.08",
        "2024-03-01 04:00:00,90200000,62200,1336.5,0.08",
    ]
    header = "ts_utc,upbit_krw,binance_usdt,usdkrw_prev_day,premium"
    korea, abroad, rate = room.read(csv(lines, header), "kimchi_btc_1h.csv")
    assert (korea.facts.venue, korea.facts.base, korea.facts.quote) == ("upbit", "BTC", "KRW")
    assert (abroad.facts.venue, abroad.facts.base, abroad.facts.quote) == (
        "binance",
        "BTC",
        "USDT",
    )
    assert rate.facts.kind is Kind.FX
    for word in ("open", "high", "low", "close"):
        assert korea.column(word) == [90_000_000, 90_100_000, 90_200_000, 90_200_000]
        assert abroad.column(word) == [62_000, 62_100, 62_200, 62_200]
    assert (korea.facts.gaps, korea.facts.longest_gap_s) == (1, 3_600)
    assert rate.column("rate") == [1335.5, 1336.5, 1336.5]
    assert rate.column("known_at") == rate.column("time")
    assert {korea.facts.shape, abroad.facts.shape, rate.facts.shape} == {"joined"}


def test_columns_that_say_nothing_ask_for_a_mapping(room: Room) -> None:
    content = csv([row.replace("2024-03-01 ", "2024-03-01T") for row in rows()], "a,b,c,d,e,f")
    problem = room.refusal(content)
    assert problem.code == "columns_unsure"
    assert problem.values["columns"] == "a, b, c, d, e, f"
    by_name = {"time": "a", "open": "b", "high": "c", "low": "d", "close": "e", "volume": "f"}
    by_number = {word: str(at) for at, word in enumerate(by_name)}
    assert room.read_one(content, columns=by_name).column("close") == [101, 102, 103, 104, 105]
    assert room.read_one(content, columns=by_number).column("close")[0] == 101
    headless = csv(rows(), None)
    assert room.read_one(headless, columns=by_number).facts.rows == 5


def test_a_mapping_to_a_column_that_is_not_there(room: Room) -> None:
    problem = room.refusal(csv(rows()), columns={"time": "when", "rate": "close"})
    assert (problem.code, place(problem).column) == ("column_unknown", "when")
