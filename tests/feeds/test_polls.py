"""What is asked by REST: markets, books, wallets, clocks, rates; and what becomes of failures."""

from __future__ import annotations

import asyncio
import json
import time
from email.utils import formatdate
from itertools import pairwise

from websockets.asyncio.server import ServerConnection

from app.domain.events import ClockRead, MarketsRead, RateRead, SnapshotRead, WalletsRead
from app.domain.facts import AskBook, AskMarkets, Watch
from app.domain.markets import Flow, Instrument, Product
from app.domain.secret import Secret
from app.domain.venues import Venue
from app.exchanges.signing import Keys
from tests.feeds.kit import FastClock, Reply, Stage, Taken, coin, feeding, json_reply, staged, until

UPBIT, OKX, GATE, BINANCE = Venue.UPBIT, Venue.OKX, Venue.GATE, Venue.BINANCE
DEPTH = b'{"lastUpdateId":7,"bids":[["1","2"]],"asks":[["3","4"]]}'


async def mute(socket: ServerConnection, _: int) -> None:
    await socket.wait_closed()


def fixed(body: bytes, **headers: str):
    return lambda method, target: json_reply(body, **headers)


def listed(*codes: str) -> bytes:
    return json.dumps([{"market": code, "english_name": "x"} for code in codes]).encode()


def upbit_stage(**answers: bytes) -> Stage:
    return Stage(
        mute,
        {
            "/v1/market/all": fixed(answers.get("markets", listed("KRW-BTC", "KRW-XRP"))),
            "/v1/orderbook/instruments": fixed(b'[{"market":"KRW-BTC","tick_size":"1000"}]'),
        },
    )


async def test_every_market_is_told_and_later_what_its_list_left_open() -> None:
    taken = Taken()
    async with staged(upbit_stage()) as stage, feeding({UPBIT: stage}, taken) as feeds:
        first = await taken.until(MarketsRead)
        assert [market.instrument.base for market in first.markets] == ["BTC", "XRP"]
        assert {market.tick for market in first.markets} == {None}
        feeds.do(Watch(UPBIT, (coin(UPBIT),)))
        second = await taken.until(MarketsRead, 2)
        ticks = {market.instrument.base: market.tick for market in second.markets}
        assert ticks == {"BTC": "1000", "XRP": None}, "of what is watched"
        assert feeds.counts(UPBIT).markets == 2


def symbol(name: str, base: str) -> dict[str, object]:
    return {"symbol": name, "status": "TRADING", "baseAsset": base, "quoteAsset": "USDT",
            "filters": []}  # fmt: skip


async def test_perpetuals_are_listed_beside_spot_and_nothing_waits_for_their_host() -> None:
    def told(*names: str) -> bytes:
        return json.dumps({"symbols": [symbol(name, name[:-4]) for name in names]}).encode()

    answers = {
        "/api/v3/exchangeInfo": fixed(told("BTCUSDT", "XRPUSDT")),
        "/fapi/v1/exchangeInfo": fixed(b"<html>"),
    }
    taken, clock, stage = Taken(), FastClock(600), Stage(mute, answers)
    spot, hedges = ("spot", "BTC"), ("perpetual", "BTC")
    async with staged(stage), feeding({BINANCE: stage}, taken, clock=clock) as feeds:
        for count, answer, beside in (
            (1, fixed(told("BTCUSDT")), []), (2, fixed(b"<html>"), [hedges]),
            (3, fixed(b"<html>"), [hedges]),
        ):  # fmt: skip
            read = await taken.until(MarketsRead, count)
            names = [(each.instrument.product.value, each.instrument.base) for each in read.markets]
            assert names == [spot, ("spot", "XRP"), *beside], "what was last heard of them stays"
            stage.answers["/fapi/v1/exchangeInfo"] = answer
        assert feeds.counts(BINANCE).markets == 2
        assert feeds.venues[BINANCE].station.rest.names["BTCUSDT"].product is Product.SPOT


async def test_markets_are_asked_every_five_minutes_so_listings_and_delistings_show() -> None:
    taken, clock = Taken(), FastClock(600)
    async with (
        staged(upbit_stage()) as stage,
        feeding({UPBIT: stage}, taken, clock=clock),
    ):
        first = await taken.until(MarketsRead)
        stage.answers["/v1/market/all"] = fixed(listed("KRW-XRP", "KRW-NEW"))
        second = await taken.until(MarketsRead, 2)
        assert [market.instrument.base for market in second.markets] == ["XRP", "NEW"]
        assert 300e9 <= second.at_ns - first.at_ns < 330e9


async def test_a_refusal_has_the_list_asked_at_once_but_not_again_and_again() -> None:
    taken, clock = Taken(), FastClock(20)
    async with (
        staged(upbit_stage()) as stage,
        feeding({UPBIT: stage}, taken, clock=clock) as feeds,
    ):
        first = await taken.until(MarketsRead)
        stage.answers["/v1/market/all"] = fixed(listed("KRW-XRP"))
        await until(lambda: clock.at_ns() - first.at_ns > 16e9)
        feeds.do(AskMarkets(UPBIT, "refused"))
        second = await taken.until(MarketsRead, 2)
        assert [market.instrument.base for market in second.markets] == ["XRP"]
        assert second.at_ns - first.at_ns < 200e9
        for _ in range(3):
            feeds.do(AskMarkets(UPBIT, "refused"))
        await asyncio.sleep(0.05)
        assert len([line for line in stage.asked if "market/all" in line]) == 2


async def test_a_list_that_does_not_come_is_asked_again_before_long() -> None:
    taken, clock = Taken(), FastClock(300)
    stage = upbit_stage()
    good = stage.answers["/v1/market/all"]
    stage.answers["/v1/market/all"] = lambda *_: (503, {"content-type": "text/html"}, b"<html>")
    async with staged(stage), feeding({UPBIT: stage}, taken, clock=clock) as feeds:
        await until(lambda: feeds.counts(UPBIT).reason == "maintenance")
        assert taken.of(MarketsRead) == []
        stage.answers["/v1/market/all"] = good
        await taken.until(MarketsRead)
        assert len([line for line in stage.asked if "market/all" in line]) <= 5


async def test_a_page_with_status_200_is_no_empty_list() -> None:
    taken = Taken()
    stage = upbit_stage()
    stage.answers["/v1/market/all"] = lambda *_: (200, {"content-type": "text/html"}, b"[]")
    async with staged(stage), feeding({UPBIT: stage}, taken) as feeds:
        await until(lambda: feeds.counts(UPBIT).reason == "maintenance")
        assert taken.of(MarketsRead) == []


async def test_a_book_is_asked_once_at_a_time_and_its_absence_is_told() -> None:
    taken = Taken()
    stage = Stage(mute, {"/api/v3/depth": fixed(DEPTH)})
    async with staged(stage), feeding({BINANCE: stage}, taken) as feeds:
        btc = coin(BINANCE)
        for _ in range(5):
            feeds.do(AskBook(btc, "second look"))
        read = await taken.until(SnapshotRead)
        assert read.instrument == btc
        assert read.snapshot is not None and read.snapshot.sequence == 7
        await asyncio.sleep(0.05)
        assert len([line for line in stage.asked if "depth" in line]) == 1
        stage.answers["/api/v3/depth"] = lambda *_: (500, {}, b"oops")
        feeds.do(AskBook(btc, "second look"))
        again = await taken.until(SnapshotRead, 2)
        assert again.snapshot is None
        feeds.do(AskBook(Instrument(Venue.OKX, "BTC", "USDT"), "not ours"))


async def test_a_venue_that_says_too_many_is_left_alone() -> None:
    taken, clock = Taken(), FastClock(100)
    stage = Stage(mute, {"/api/v3/depth": lambda *_: (429, {"retry-after": "60"}, b"{}")})
    async with staged(stage), feeding({BINANCE: stage}, taken, clock=clock) as feeds:
        await until(lambda: len(stage.asked) >= 2)
        feeds.do(AskBook(coin(BINANCE), "join"))
        await taken.until(SnapshotRead)
        asked = len(stage.asked)
        counts = feeds.counts(BINANCE)
        assert counts.limit_used == 1.0
        assert counts.limited_until_ns is not None
        until_ns = counts.limited_until_ns
        stage.answers["/api/v3/depth"] = fixed(DEPTH)
        feeds.do(AskBook(coin(BINANCE), "join"))
        read = await taken.until(SnapshotRead, 2)
        assert read.snapshot is not None
        assert read.at_ns >= until_ns, "asked only when it may be"
        assert len(stage.asked) > asked


async def test_headers_feed_the_budget() -> None:
    taken = Taken()
    answers = {"": fixed(b"{}", x_mbx_used_weight_1m="3000"), "/fapi/v1/premiumIndex": fixed(b"[]")}
    stage = Stage(mute, answers)  # perpetuals have a budget of their own
    async with staged(stage), feeding({BINANCE: stage}, taken) as feeds:
        await until(lambda: 0.5 <= feeds.counts(BINANCE).limit_used < 0.6)


async def test_wallets_without_keys_are_unknown_and_nothing_is_asked() -> None:
    taken = Taken()
    async with staged(upbit_stage()) as stage, feeding({UPBIT: stage}, taken):
        read = await taken.until(WalletsRead)
        assert (read.networks, read.reason) == ((), "no_keys")
        assert not any("wallet" in line for line in stage.asked)


WALLETS = (
    b'[{"currency":"BTC","wallet_state":"working","block_state":"normal","block_height":1,'
    b'"block_updated_at":"x","block_elapsed_minutes":1,"net_type":"BTC","network_name":"Bitcoin"}]'
)


async def test_with_keys_they_are_read_signed() -> None:
    taken = Taken()
    stage = upbit_stage()
    stage.answers["/v1/status/wallet"] = fixed(WALLETS)
    keys = {UPBIT: Keys("access", Secret("a-secret-of-32-characters-or-more"))}
    async with staged(stage), feeding({UPBIT: stage}, taken, keys=keys):
        read = await taken.until(WalletsRead)
        assert read.reason is None
        (network,) = read.networks
        assert (network.asset, network.deposit, network.withdraw) == ("BTC", Flow.OPEN, Flow.OPEN)


async def test_a_refused_key_is_a_reason_and_later_silence_only_an_age() -> None:
    taken, clock = Taken(), FastClock(600)
    stage = upbit_stage()
    refusal = b'{"error":{"name":"jwt_verification","message":"no"}}'
    stage.answers["/v1/status/wallet"] = lambda *_: (401, {}, refusal)
    keys = {UPBIT: Keys("access", Secret("a-secret-of-32-characters-or-more"))}
    async with staged(stage), feeding({UPBIT: stage}, taken, keys=keys, clock=clock):
        read = await taken.until(WalletsRead)
        assert (read.networks, read.reason) == ((), "rejected")
        stage.answers["/v1/status/wallet"] = fixed(WALLETS)
        await until(lambda: taken.of(WalletsRead)[-1].reason is None)
        count = len(taken.of(WalletsRead))
        stage.answers["/v1/status/wallet"] = lambda *_: (503, {}, b"")
        asked = len(stage.asked)
        await until(lambda: len([x for x in stage.asked[asked:] if "wallet" in x]) >= 2)
        assert len(taken.of(WalletsRead)) == count


async def test_the_clock_of_a_venue_is_the_best_of_several_answers() -> None:
    taken = Taken()
    ahead_ms = 2_500

    def now(method: str, target: str) -> Reply:
        at_ms = time.time_ns() // 1_000_000 + ahead_ms
        return json_reply(b'{"code":"0","msg":"","data":[{"ts":"%d"}]}' % at_ms)

    stage = Stage(mute, {"/api/v5/public/time": now})
    async with staged(stage), feeding({OKX: stage}, taken) as feeds:
        await until(lambda: len([line for line in stage.asked if "time" in line]) == 3)
        await taken.until(ClockRead, 2)
        read = taken.of(ClockRead)[-1]
        assert read.venue == OKX
        assert abs(read.offset_ns - ahead_ms * 1_000_000) <= read.error_ns
        counts = feeds.counts(OKX)
        assert counts.skew_ms is not None and counts.skew_error_ms is not None
        assert abs(counts.skew_ms - ahead_ms) <= counts.skew_error_ms < 100


async def test_where_no_call_tells_the_time_the_date_of_any_answer_does() -> None:
    taken = Taken()
    stage = upbit_stage()
    markets = stage.answers["/v1/market/all"]

    def dated(method: str, target: str) -> Reply:
        status, headers, body = markets(method, target)
        return status, {**headers, "date": formatdate(time.time() - 30, usegmt=True)}, body

    stage.answers["/v1/market/all"] = dated
    async with staged(stage), feeding({UPBIT: stage}, taken):
        read = await taken.until(ClockRead)
        assert abs(read.offset_ns + 30_000_000_000) <= read.error_ns
        assert 500_000_000 <= read.error_ns < 1_000_000_000


A = b'{"result":"success","base_code":"USD","time_last_update_unix":1763600000,"rates":{"KRW":%s}}'


async def test_rates_are_asked_at_once_and_after_a_failure_every_15_seconds() -> None:
    taken, clock = Taken(), FastClock(300)
    stage = Stage(mute, {"/a": fixed(A % b"1390.5"), "/b": lambda *_: (500, {}, b"")})
    async with staged(stage):
        root = f"http://127.0.0.1:{stage.rest_port}"
        async with feeding({}, taken, fx_urls=[root + "/a", root + "/b"], clock=clock):
            await until(lambda: len(taken.of(RateRead)) >= 5)
            good = [read for read in taken.of(RateRead) if read.rate is not None]
            bad = [read for read in taken.of(RateRead) if read.rate is None]
            assert [read.rate for read in good] == [1390.5]
            assert good[0].observed_at_ns == 1_763_600_000 * 10**9
            assert {read.reason for read in bad} == {"http_500"}
            gaps = [b.at_ns - a.at_ns for a, b in pairwise(bad)]
            assert all(15e9 <= gap < 40e9 for gap in gaps)
            stage.answers["/b"] = fixed(b'{"rates":{}}')
            await until(lambda: taken.of(RateRead)[-1].reason == "unreadable")
            stage.answers["/b"] = fixed(A % b"1391")
            await until(lambda: taken.of(RateRead)[-1].rate == 1391.0)
            assert len({read.source for read in taken.of(RateRead)}) == 2


async def test_a_bug_in_one_poll_is_told_and_ends_nothing_else(caplog) -> None:
    taken, clock = Taken(), FastClock(100)
    stage = upbit_stage()

    def react(event: object) -> None:
        if isinstance(event, MarketsRead) and len(taken.of(MarketsRead)) == 1:
            raise RuntimeError("a bug of ours")

    taken.react = react
    async with staged(stage), feeding({UPBIT: stage}, taken, clock=clock) as feeds:
        await until(lambda: feeds.counts(UPBIT).reason == "bug")
        await taken.until(WalletsRead)
        await taken.until(MarketsRead, 2)
