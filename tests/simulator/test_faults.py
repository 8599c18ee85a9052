"""What /__sim/faults takes, and what each fault does on the wire of three venues."""

from __future__ import annotations

import asyncio
import itertools
import time
from typing import Any

import httpx
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from app.simulator.faults import FAULTS_MAX, KINDS, Faults, Unasked
from tests.simulator.stage import Venue, heard, several

DEPTH = "/ws/btcusdt@depth@100ms"
UPBIT_BOOK = [{"ticket": "t"}, {"type": "orderbook", "codes": ["KRW-BTC"]}]


# ---- the list --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ({}, "kind"),
        ({"kind": "flood"}, "kind"),
        ({"kind": "drop", "count": 0}, "count"),
        ({"kind": "drop", "count": True}, "count"),
        ({"kind": "drop", "count": 1.5}, "count"),
        ({"kind": "silence", "seconds": -1}, "seconds"),
        ({"kind": "silence", "seconds": "3"}, "seconds"),
        ({"kind": "http", "status": 99}, "status"),
        ({"kind": "drop", "symbol": ""}, "symbol"),
        ({"kind": "http", "after_accept": "yes"}, "after_accept"),
        ({"kind": "drop", "colour": "red"}, "colour"),
    ],
)
def test_what_names_no_fault_is_refused_with_the_reason(body: dict[str, Any], why: str) -> None:
    with pytest.raises(Unasked, match=why):
        Faults().asked(body, 0)


def test_faults_count_down_or_end_by_the_clock() -> None:
    faults = Faults()
    once = faults.asked({"kind": "drop"}, 0)
    lasting = faults.asked({"kind": "drop", "symbol": "A", "seconds": 2}, 0)
    faults.add(once)
    faults.add(lasting)
    assert faults.find(frozenset({"drop"}), "A") is once
    faults.used(once)
    assert faults.find(frozenset({"drop"}), "B") is None
    assert faults.find(frozenset({"drop"}), "A") is lasting
    faults.used(lasting)
    faults.expire(1_999)
    assert faults.streaming
    faults.expire(2_000)
    assert not faults.active
    assert not faults.streaming


def test_the_list_has_an_end() -> None:
    faults = Faults()
    for _ in range(FAULTS_MAX):
        faults.add(faults.asked({"kind": "drop"}, 0))
    with pytest.raises(Unasked, match="at most"):
        faults.asked({"kind": "drop"}, 0)


# ---- /__sim/ ---------------------------------------------------------------------------------


async def test_faults_are_added_told_and_taken_back(sick: dict[str, Venue]) -> None:
    binance = sick["binance"]
    identity = await binance.fault("drop", symbol="BTCUSDT", seconds=600)
    listed = (await binance.get("/__sim/faults")).json()["items"]
    assert [(row["id"], row["kind"], row["symbol"]) for row in listed] == [
        (identity, "drop", "BTCUSDT")
    ]
    assert (await binance.get(f"/__sim/faults/{identity}")).json()["id"] == identity
    async with httpx.AsyncClient(trust_env=False) as http:
        gone = await http.delete(f"{binance.url}/__sim/faults/{identity}")
        again = await http.delete(f"{binance.url}/__sim/faults/{identity}")
    assert (gone.status_code, again.status_code) == (200, 404)
    assert (await sick["upbit"].get("/__sim/faults")).json() == {"items": []}


@pytest.mark.parametrize(
    ("venue", "kinds"),
    [
        ("upbit", {"gap", "checksum"}),
        ("bithumb", {"gap", "checksum"}),
        ("binance", {"checksum"}),
        ("fx", KINDS - {"http", "timeout", "skew", "maintenance"}),
    ],
)
async def test_what_a_protocol_cannot_have_answers_409(
    sick: dict[str, Venue], venue: str, kinds: set[str]
) -> None:
    one = sick[venue]
    asset = {"wallet": {"asset": "BTC"}, "skew": {"ms": 10}}
    async with httpx.AsyncClient(trust_env=False) as http:
        for kind in sorted(KINDS):
            body = {"kind": kind, "seconds": 0.001, **asset.get(kind, {})}
            reply = await http.post(f"{one.url}/__sim/faults", json=body)
            assert reply.status_code == (409 if kind in kinds else 200), kind
            assert ("error" in reply.json()) == (kind in kinds)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{", 422),
        (b"[]", 422),
        (b'{"kind":"skew"}', 422),
        (b'{"kind":"wallet","asset":"NIX"}', 422),
        (b'{"kind":"wallet","asset":"BTC","network":"nix"}', 422),
        (b'{"kind":"drop","symbol":"KRW-NIX"}', 422),
    ],
)
async def test_bodies_that_mean_nothing_are_refused(
    venues: dict[str, Venue], body: bytes, status: int
) -> None:
    async with httpx.AsyncClient(trust_env=False) as http:
        reply = await http.post(f"{venues['upbit'].url}/__sim/faults", content=body)
    assert reply.status_code == status
    assert reply.json()["error"]


async def test_keys_world_and_unknown_words(venues: dict[str, Venue]) -> None:
    keys = await venues["bithumb"].read("/__sim/keys")
    assert keys == {"key": "sim-bithumb", "secret": "sim-bithumb-secret", "passphrase": "sim-pass"}
    assert "BEGIN EC PRIVATE KEY" in (await venues["coinbase"].read("/__sim/keys"))["private_pem"]
    world = (await venues["upbit"].get("/__sim/world")).json()
    assert world["ports"]["gate"] == venues["gate"].port
    assert world["twin"] != world["fenced"]
    assert (await venues["upbit"].get("/__sim/nix")).status_code == 404
    assert (await venues["upbit"].get("/__sim/ca.pem")).status_code == 404, "no --tls, no CA"


# ---- streams ---------------------------------------------------------------------------------


def holes(frames: list[dict[str, Any]]) -> int:
    return sum(one["u"] + 1 != other["U"] for one, other in itertools.pairwise(frames))


async def test_without_faults_nothing_is_missing(venues: dict[str, Venue]) -> None:
    async with venues["binance"].stream(DEPTH) as stream:
        assert holes(await several(stream, 30)) == 0


async def test_a_dropped_change_is_missing_once(sick: dict[str, Venue]) -> None:
    binance = sick["binance"]
    async with binance.stream(DEPTH) as stream:
        before = await several(stream, 5)
        await binance.fault("drop", symbol="BTCUSDT")
        assert holes([*before, *await several(stream, 60)]) == 1


async def test_a_duplicate_comes_twice(sick: dict[str, Venue]) -> None:
    binance = sick["binance"]
    async with binance.stream(DEPTH) as stream:
        before = await several(stream, 5)
        await binance.fault("duplicate", symbol="BTCUSDT", count=3)
        frames = [*before, *await several(stream, 60)]
        twice = sum(one == other for one, other in itertools.pairwise(frames))
        assert twice == 3


async def test_reordered_changes_come_the_wrong_way_round(sick: dict[str, Venue]) -> None:
    binance = sick["binance"]
    async with binance.stream(DEPTH) as stream:
        before = await several(stream, 5)
        await binance.fault("reorder", symbol="BTCUSDT")
        frames = [*before, *await several(stream, 60)]
        backwards = [other["u"] + 1 == one["U"] for one, other in itertools.pairwise(frames)]
        assert sum(backwards) == 1
        assert holes(sorted(frames, key=lambda frame: frame["U"])) == 0, "nothing is lost"


async def test_a_gap_lets_the_numbers_jump_and_a_snapshot_fits_again(
    sick: dict[str, Venue],
) -> None:
    binance = sick["binance"]
    async with binance.stream(DEPTH) as stream:
        before = await several(stream, 5)
        await binance.fault("gap", symbol="BTCUSDT")
        assert holes([*before, *await several(stream, 60)]) == 1
        snapshot = await binance.read("/api/v3/depth?symbol=BTCUSDT&limit=1000")
        last = int(snapshot["lastUpdateId"])
        frame = await heard(stream)
        while int(frame["u"]) <= last:
            frame = await heard(stream)
        assert int(frame["U"]) <= last + 1 <= int(frame["u"])


async def test_other_symbols_and_other_venues_do_not_notice(sick: dict[str, Venue]) -> None:
    await sick["binance"].fault("drop", symbol="BTCUSDT", seconds=600)
    async with sick["binance"].stream("/ws/ethusdt@depth@100ms") as stream:
        assert holes(await several(stream, 30)) == 0
    async with sick["upbit"].stream("/websocket/v1", UPBIT_BOOK) as stream:
        await several(stream, 5)


async def test_silence_is_a_socket_that_says_nothing_at_all(sick: dict[str, Venue]) -> None:
    upbit = sick["upbit"]
    async with upbit.stream("/websocket/v1", UPBIT_BOOK) as stream:
        await several(stream, 3)
        await upbit.fault("silence", seconds=600)
        quiet = await _drain(stream)
        await stream.send("PING")
        pong = await stream.ping()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(stream.recv(), 0.3)
        assert quiet
        assert not pong.done()
        await upbit.heal()
        assert await heard(stream)


async def _drain(stream: Any) -> bool:
    """Read what was on its way. True: then nothing came for a while."""
    while True:
        try:
            await asyncio.wait_for(stream.recv(), 0.3)
        except TimeoutError:
            return True


async def test_a_silent_symbol_stands_still_and_goes_on_without_a_hole(
    sick: dict[str, Venue],
) -> None:
    binance = sick["binance"]
    async with binance.stream(DEPTH) as stream:
        before = await several(stream, 5)
        await binance.fault("silence", symbol="BTCUSDT", seconds=600)
        while True:
            try:
                before.append(await asyncio.wait_for(heard(stream), 0.4))
            except TimeoutError:
                break
        await binance.heal()
        assert holes([*before, *await several(stream, 10)]) == 0


async def test_a_reset_ends_every_socket_and_the_next_one_lives(sick: dict[str, Venue]) -> None:
    binance = sick["binance"]
    async with binance.stream(DEPTH) as stream:
        await several(stream, 2)
        await binance.fault("reset")
        with pytest.raises(ConnectionClosed) as ended:
            await several(stream, 200)
        assert ended.value.rcvd is None, "no close frame: the connection just broke"
    async with binance.stream(DEPTH) as stream:
        await several(stream, 2)


async def test_maintenance_closes_and_refuses_until_it_is_over(sick: dict[str, Venue]) -> None:
    bithumb = sick["bithumb"]
    async with bithumb.stream("/websocket/v1", UPBIT_BOOK) as stream:
        await several(stream, 2)
        await bithumb.fault("maintenance", seconds=600)
        with pytest.raises(ConnectionClosed):
            await several(stream, 200)
        assert stream.close_code == 1001
    reply = await bithumb.get("/v1/market/all")
    assert reply.status_code == 503
    assert "html" in reply.headers["content-type"]
    with pytest.raises(InvalidStatus):
        async with bithumb.stream("/websocket/v1"):
            pass
    await bithumb.heal()
    assert (await bithumb.get("/v1/market/all")).status_code == 200


# ---- REST ------------------------------------------------------------------------------------


async def test_http_faults_answer_in_the_venue_s_own_words(sick: dict[str, Venue]) -> None:
    binance, upbit = sick["binance"], sick["upbit"]
    await binance.fault("http", status=429, count=2)
    await upbit.fault("http", status=500)
    for _ in range(2):
        reply = await binance.get("/api/v3/time")
        assert reply.status_code == 429
        assert reply.json()["code"] == -1003
        assert int(reply.headers["retry-after"]) > 0
    assert (await binance.get("/api/v3/time")).status_code == 200
    failed = await upbit.get("/v1/market/all")
    assert failed.status_code == 500
    assert failed.json()["error"]["name"] == 500


async def test_a_timeout_never_answers_or_answers_late(sick: dict[str, Venue]) -> None:
    binance = sick["binance"]
    await binance.fault("timeout")
    async with httpx.AsyncClient(timeout=0.3, trust_env=False) as http:
        with pytest.raises(httpx.ReadTimeout):
            await http.get(binance.url + "/api/v3/time")
        assert (await http.get(binance.url + "/api/v3/time")).status_code == 200
    await binance.fault("timeout", ms=50)
    assert (await binance.get("/api/v3/time")).status_code == 200


async def test_a_skewed_venue_has_another_clock_everywhere(sick: dict[str, Venue]) -> None:
    binance = sick["binance"]
    await binance.fault("skew", ms=-90_000)
    clock = int((await binance.read("/api/v3/time"))["serverTime"])
    assert -92_000 < clock - time.time() * 1_000 < -88_000
    async with binance.stream(DEPTH) as stream:
        frame = (await several(stream, 3))[-1]
    assert -92_000 < int(frame["E"]) - time.time() * 1_000 < -88_000
    await binance.heal()
    clock = int((await binance.read("/api/v3/time"))["serverTime"])
    assert abs(clock - time.time() * 1_000) < 2_000


async def test_a_closed_wallet_opens_again_by_itself(sick: dict[str, Venue]) -> None:
    part = sick["upbit"].part
    networks = part.wallets["ETH"].networks
    before = [(net.deposit, net.withdraw) for net in networks]
    identity = await sick["upbit"].fault("wallet", asset="ETH", network="ERC20")
    assert [net.deposit for net in networks if net.chain.key == "ethereum"] == [False]
    await sick["upbit"].fault("wallet", asset="ETH", seconds=600)
    assert not any(net.deposit or net.withdraw for net in networks)
    await sick["upbit"].heal()
    assert [(net.deposit, net.withdraw) for net in networks] == before
    assert identity


async def test_the_two_sources_agree_and_fail_apart(sick: dict[str, Venue]) -> None:
    fx = sick["fx"]
    first = float((await fx.read("/v6/latest/USD"))["rates"]["KRW"])
    second = (await fx.read("/v1/forex/recent?codes=FRX.KRWUSD"))[0]
    assert abs(float(second["basePrice"]) / first - 1) < 0.005
    assert abs(int(second["timestamp"]) - time.time() * 1_000) < 5_000
    await fx.fault("http", status=502, seconds=600)
    assert (await fx.get("/v6/latest/USD")).status_code == 502
    await fx.heal()
    assert (await fx.get("/nix")).status_code == 404
