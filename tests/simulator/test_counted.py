"""Bitget's checksums and Coinbase's counter of a connection."""

from __future__ import annotations

import base64
import json
import time
import zlib
from itertools import pairwise
from typing import Any

import httpx
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from tests.simulator.kit import Ladder, Person, Simulated, hmac_base64

DELTAS = 25


# ---- Bitget ----


def bitget_says(person: Person, channel: str, word: str = "subscribe") -> None:
    argument = {"instType": "SPOT", "channel": channel, "instId": "BTCUSDT"}
    person.says({"op": word, "args": [argument]})


def checksum(ladder: Ladder) -> int:
    """bid:size:ask:size of the best 25, as the venue's document has it."""
    bids, asks = ladder.best(25)
    words = [text for bid, ask in zip(bids, asks, strict=True) for text in (*bid, *ask)]
    unsigned = zlib.crc32(":".join(words).encode())
    return unsigned - (1 << 32) if unsigned >= 1 << 31 else unsigned


def test_bitget_writes_the_checksum_of_the_book_that_a_client_has(market: Simulated) -> None:
    with market.open("bitget", "/v2/ws/public") as person:
        bitget_says(person, "books")
        assert person.hears()["event"] == "subscribe"
        whole = person.hears()
        assert (whole["action"], whole["data"][0]["checksum"]) == ("snapshot", 0)
        ladder, last = Ladder(), whole["data"][0]["seq"]
        ladder.put(whole["data"][0]["bids"], whole["data"][0]["asks"])
        for _ in range(DELTAS):
            frame = person.hears()
            [row] = frame["data"]
            assert (frame["action"], row["seq"] > last) == ("update", True)
            last = row["seq"]
            ladder.put(row["bids"], row["asks"])
            assert row["checksum"] == checksum(ladder)


def test_bitget_lies_once_when_asked_to_and_a_lost_frame_shows(market: Simulated) -> None:
    assert market.fault("bitget", "gap").status_code == 409
    for kind in ("checksum", "drop"):
        with market.open("bitget", "/v2/ws/public") as person:
            bitget_says(person, "books")
            person.hears()
            ladder = Ladder()
            [row] = person.hears()["data"]
            ladder.put(row["bids"], row["asks"])
            assert market.fault("bitget", kind, symbol="BTCUSDT").status_code < 300
            for _ in range(100):
                [row] = person.hears()["data"]
                ladder.put(row["bids"], row["asks"])
                if row["checksum"] != checksum(ladder):
                    break
            else:
                raise AssertionError(kind)


def test_bitget_pushes_whole_windows_and_answers_text_pings(market: Simulated) -> None:
    with market.open("bitget", "/v2/ws/public") as person:
        person.says("ping")
        assert person.hears() == "pong"
        bitget_says(person, "books15")
        for _ in range(10):
            frame = person.waits(lambda one: "action" in one)
            assert frame["action"] == "snapshot"
            ladder = Ladder()
            ladder.put(frame["data"][0]["bids"], frame["data"][0]["asks"])
            assert ladder.is_sound(15)
        bitget_says(person, "books7")
        refusal = person.waits(lambda one: one.get("event") == "error")
        assert refusal["code"] == 30001


def bitget_coins(market: Simulated) -> dict[str, Any]:
    rows = market.get("bitget", "/api/v2/spot/public/coins").json()["data"]
    return {row["coin"]: row for row in rows}


def test_bitget_tells_wallets_to_all_and_rates_to_those_who_sign(market: Simulated) -> None:
    rows = bitget_coins(market)
    chains = {chain["chain"]: chain for chain in rows["USDT"]["chains"]}
    assert chains["TRC20"]["rechargeable"] in ("true", "false")
    assert float(chains["ERC20"]["withdrawFee"]) > 0
    path = "/api/v2/common/trade-rate?businessType=spot&symbol=BTCUSDT"
    keys, stamp = market.keys("bitget"), str(int(time.time() * 1_000))
    headers = {
        "ACCESS-KEY": keys["key"],
        "ACCESS-SIGN": hmac_base64(keys["secret"], f"{stamp}GET{path}"),
        "ACCESS-TIMESTAMP": stamp,
        "ACCESS-PASSPHRASE": keys["passphrase"],
    }
    assert market.get("bitget", path, **headers).json()["code"] == "00000"
    wrong = {"ACCESS-SIGN": "40009", "ACCESS-KEY": "40006", "ACCESS-PASSPHRASE": "40012"}
    for name, code in wrong.items():
        assert market.get("bitget", path, **{**headers, name: "x"}).json()["code"] == code
    assert market.get("bitget", path).json()["code"] == "40001"


# ---- Coinbase ----


def coinbase_says(person: Person, channel: str, *products: str) -> None:
    order: dict[str, Any] = {"type": "subscribe", "channel": channel}
    person.says(order | ({"product_ids": list(products)} if products else {}))


def test_coinbase_counts_every_message_of_a_connection(market: Simulated) -> None:
    with market.open("coinbase", "/") as person:
        coinbase_says(person, "heartbeats")
        coinbase_says(person, "level2", "BTC-USD", "ETH-USD")
        coinbase_says(person, "market_trades", "BTC-USD")
        heard: set[str] = set()
        for number in range(500):
            frame = person.hears()
            assert frame["sequence_num"] == number
            heard.add(frame["channel"])
            if len(heard) == 4 and number > 60:
                break
        assert heard == {"subscriptions", "heartbeats", "l2_data", "market_trades"}


def test_coinbase_keeps_a_book_and_says_usd_for_usdc(market: Simulated) -> None:
    with market.open("coinbase", "/") as person:
        coinbase_says(person, "level2", "BTC-USDC")
        acknowledged = person.hears()["events"][0]["subscriptions"]
        assert acknowledged == {"level2": ["BTC-USDC"]}
        ladder, kinds = Ladder(), []
        for _ in range(DELTAS):
            [event] = person.hears()["events"]
            assert event["product_id"] == "BTC-USD"
            kinds.append(event["type"])
            for side in ("bid", "offer"):
                rows = [
                    (row["price_level"], row["new_quantity"])
                    for row in event["updates"]
                    if row["side"] == side
                ]
                ladder.put(*((rows, []) if side == "bid" else ([], rows)))
            assert ladder.is_sound()
        assert kinds == ["snapshot"] + ["update"] * (DELTAS - 1)
    rows = market.get("coinbase", "/api/v3/brokerage/market/products").json()["products"]
    products = {row["product_id"]: row for row in rows}
    assert products["BTC-USDC"]["alias"] == "BTC-USD"
    assert products["BTC-USD"]["alias_to"] == ["BTC-USDC"]


def test_a_gap_at_coinbase_is_of_connections_that_watch_the_product(market: Simulated) -> None:
    with market.open("coinbase", "/") as touched, market.open("coinbase", "/") as spared:
        coinbase_says(touched, "level2", "BTC-USD")
        coinbase_says(spared, "level2", "ETH-USD")
        touched.hears(), spared.hears()
        assert market.fault("coinbase", "gap", symbol="BTC-USD").status_code < 300
        numbers = [touched.hears()["sequence_num"] for _ in range(20)]
        assert any(b != a + 1 for a, b in pairwise(numbers))
        assert [spared.hears()["sequence_num"] for _ in range(10)] == list(range(1, 11))


def test_coinbase_tells_networks_and_contracts_on_the_exchange_s_path(market: Simulated) -> None:
    rows = {row["id"]: row for row in market.get("coinbase", "/currencies").json()}
    networks = {network["id"]: network for network in rows["USDC"]["supported_networks"]}
    assert networks["ethereum"]["contract_address"].startswith("0x")
    assert {network["status"] for network in networks.values()} <= {"online", "offline"}
    assert rows["USD"]["details"] == {"type": "fiat"}


def bearer(keys: dict[str, str], **changes: Any) -> str:
    """A token as the official library makes it: raw r and s, not DER."""
    private = load_pem_private_key(keys["private_pem"].encode(), None)
    assert isinstance(private, ec.EllipticCurvePrivateKey)
    now = int(time.time())
    claims = {"sub": keys["key"], "iss": "cdp", "nbf": now, "exp": now + 120}
    claims["uri"] = "GET api.coinbase.com/api/v3/brokerage/transaction_summary"
    head = {"alg": "ES256", "kid": keys["key"], "nonce": "00ff", "typ": "JWT"}
    parts = [
        base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=")
        for part in (head, claims | changes)
    ]
    pair = utils.decode_dss_signature(private.sign(b".".join(parts), ec.ECDSA(SHA256())))
    raw = b"".join(number.to_bytes(32, "big") for number in pair)
    return b".".join([*parts, base64.urlsafe_b64encode(raw).rstrip(b"=")]).decode()


def test_coinbase_admits_tokens_of_its_key_for_this_path_and_time(market: Simulated) -> None:
    keys, path = market.keys("coinbase"), "/api/v3/brokerage/transaction_summary"

    def status(token: str) -> int:
        return market.get("coinbase", path, Authorization=f"Bearer {token}").status_code

    assert status(bearer(keys)) == 200
    ccxt_on_loopback = f"GET http://127.0.0.1:{market.ports['coinbase']}{path}"
    assert status(bearer(keys, uri=ccxt_on_loopback)) == 200
    time.sleep(1.0)  # ten public requests a second
    assert status(bearer(keys, uri="POST api.coinbase.com" + path)) == 401
    assert status(bearer(keys, exp=int(time.time()) - 1)) == 401
    assert status(bearer(keys, sub="nobody")) == 401
    token = bearer(keys)
    assert status(token[:-4] + ("AAAA" if token[-4:] != "AAAA" else "BBBB")) == 401
    assert status("not.a.token") == 401
    assert market.get("coinbase", path).status_code == 401


# ---- all of them: one world ----


def test_the_fenced_coin_is_closed_where_the_world_says_so(market: Simulated) -> None:
    world = market.world()
    rows = bitget_coins(market)
    closed = {
        coin: not any(chain["rechargeable"] == "true" for chain in row["chains"])
        for coin, row in rows.items()
    }
    assert closed.get(world["fenced"], False) == ("bitget" in world["fenced_at"])


def test_a_wallet_fault_closes_doors_and_opens_them_again(market: Simulated) -> None:
    def doors() -> set[str]:
        rows = market.get("gate", "/api/v4/wallet/currency_chains?currency=BTC").json()
        return {f"{row['is_deposit_disabled']}{row['is_withdraw_disabled']}" for row in rows}

    assert doors() == {"00"}
    fault = market.fault("gate", "wallet", asset="BTC", seconds=60).json()["id"]
    assert doors() == {"11"}
    httpx.delete(f"http://127.0.0.1:{market.ports['gate']}/__sim/faults/{fault}")
    assert doors() == {"00"}
