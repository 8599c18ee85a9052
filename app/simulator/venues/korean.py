"""What Upbit and Bithumb write alike: JWT, wallets, candles, trades and tickers in won."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from decimal import Decimal
from typing import Any
from urllib.parse import unquote

from app.simulator.protocol import (
    JSON_TYPE,
    Candle,
    Keys,
    Listing,
    Market,
    Network,
    Reply,
    Request,
    Trade,
    Wallet,
)
from app.simulator.venues.wire import MINUTE_MS, compact, number

KST = timezone(timedelta(hours=9))
UNITS = (1, 3, 5, 10, 15, 30, 60, 240)
CANDLES_MAX = 200
TRADES_MAX = 500
NETWORKS = {"tron": ("TRX", "Tron"), "arbitrum": ("ARBITRUM", "Arbitrum One")}
"""net_type and name where they are not the chain's ticker and title."""


# ---- replies ---------------------------------------------------------------------------------


def raw(text: str) -> Reply:
    return Reply(200, text.encode(), (("Content-Type", JSON_TYPE),))


def error(status: int, name: str | int, message: str) -> Reply:
    return Reply.json({"error": {"name": name, "message": message}}, status)


def flag(part: dict[str, Any], *names: str) -> bool:
    return any(part.get(name) is True for name in names)


# ---- JWT -------------------------------------------------------------------------------------


def claims(request: Request, keys: Keys, digests: Iterable[str]) -> dict[str, Any] | Reply:
    """What the token says when it is signed with our key over this query; else the refusal."""
    word, _, token = request.headers.get("authorization", "").partition(" ")
    if word != "Bearer" or token.count(".") != 2:
        return error(401, "no_authorization_token", "인증 토큰이 없습니다.")
    signed, _, signature = token.rpartition(".")
    wrong = error(401, "jwt_verification", "Jwt 토큰 검증에 실패했습니다.")
    try:
        head, said = (json.loads(_unpadded(part)) for part in signed.split("."))
        given = _unpadded(signature)
    except ValueError:
        return wrong
    if not isinstance(said, dict) or head.get("alg") not in digests:
        return wrong
    if said.get("access_key") != keys.key:
        return error(401, "invalid_access_key", "잘못된 엑세스 키입니다.")
    digest = hashlib.sha512 if head["alg"] == "HS512" else hashlib.sha256
    right = hmac.new(keys.secret.encode(), signed.encode(), digest).digest()
    if not hmac.compare_digest(right, given):
        return wrong
    query = unquote(request.query)  # hashed as it was before percent-encoding
    if query:
        wanted = hashlib.sha512(query.encode()).hexdigest()
        if said.get("query_hash") != wanted or said.get("query_hash_alg") != "SHA512":
            return error(401, "invalid_query_payload", "query_hash가 다릅니다.")
    return said


class Nonces:
    """Each may be used once; the oldest are forgotten."""

    KEPT = 10_000

    def __init__(self) -> None:
        self._seen: dict[str, None] = {}

    def fresh(self, nonce: object) -> bool:
        text = str(nonce)
        if not nonce or text in self._seen:
            return False
        self._seen[text] = None
        if len(self._seen) > self.KEPT:
            del self._seen[next(iter(self._seen))]
        return True


def _unpadded(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


# ---- wallets ---------------------------------------------------------------------------------


def net_type(network: Network) -> tuple[str, str]:
    chain = network.chain
    return NETWORKS.get(chain.key, (chain.ticker, chain.title))


def wallet_state(network: Network) -> str:
    match network.deposit, network.withdraw:
        case True, True:
            return "working"
        case True, False:
            return "deposit_only"
        case False, True:
            return "withdraw_only"
    return "paused"


def wallet_rows(wallets: Iterable[Wallet], at_ms: int) -> list[dict[str, Any]]:
    at = datetime.fromtimestamp(at_ms / 1_000, KST)
    return [
        {
            "currency": wallet.asset,
            "wallet_state": wallet_state(network),
            "block_state": "normal",
            "block_height": 900_000 + at_ms // 600_000 % 100_000,
            "block_updated_at": at.isoformat(timespec="milliseconds"),
            "block_elapsed_minutes": 1,
            "net_type": net_type(network)[0],
            "network_name": net_type(network)[1],
        }
        for wallet in wallets
        for network in wallet.networks
    ]


def asked_network(market: Market, request: Request) -> tuple[Wallet, Network] | None:
    """By `currency` and `net_type`."""
    wallet = market.wallets.get(request.asked("currency"))
    named = request.asked("net_type")
    for network in wallet.networks if wallet else ():
        if net_type(network)[0] == named:
            assert wallet is not None
            return wallet, network
    return None


# ---- candles ---------------------------------------------------------------------------------


def candles(market: Market, request: Request, zone: tzinfo) -> Reply:
    """Newest first, `to` exclusive. zone: of a `to` that names none."""
    unit = number(request.path.rsplit("/", 1)[1], 0)
    listing = market.listings.get(request.asked("market"))
    if listing is None:
        return error(404, 404, "Code not found")
    if unit not in UNITS:
        return error(400, 400, "invalid unit")
    count = min(CANDLES_MAX, max(1, number(request.asked("count"), 1)))
    end_ms = market.now_ms() + 1
    if request.asked("to"):
        try:
            at = datetime.fromisoformat(request.asked("to").replace(" ", "T", 1))
        except ValueError:
            return error(400, 400, "invalid to")
        end_ms = min(
            end_ms, round((at if at.tzinfo else at.replace(tzinfo=zone)).timestamp() * 1e3)
        )
    span_ms = unit * MINUTE_MS
    last_ms = -(-end_ms // span_ms) * span_ms
    # One more is read: the running minute may not have traded yet.
    minutes = market.candles(listing, last_ms - (count + 1) * span_ms, end_ms)
    rows = [_candle(listing, unit, row) for row in _joined(minutes, span_ms)[-count:]]
    return raw("[" + ",".join(rows[::-1]) + "]")


def _joined(minutes: Sequence[Candle], span_ms: int) -> list[Candle]:
    """Minutes as candles of span_ms."""
    joined: list[Candle] = []
    for one in minutes:
        start_ms = one.start_ms // span_ms * span_ms
        if not joined or joined[-1].start_ms != start_ms:
            joined.append(one._replace(start_ms=start_ms))
            continue
        last = joined[-1]
        joined[-1] = last._replace(
            high=max(last.high, one.high, key=Decimal),
            low=min(last.low, one.low, key=Decimal),
            close=one.close,
            volume=str(Decimal(last.volume) + Decimal(one.volume)),
            value=str(Decimal(last.value) + Decimal(one.value)),
            trades=last.trades + one.trades,
        )
    return joined


def _candle(listing: Listing, unit: int, row: Candle) -> str:
    start = datetime.fromtimestamp(row.start_ms / 1_000, UTC)
    last_ms = row.start_ms + unit * MINUTE_MS - 1
    return (
        f'{{"market":"{listing.symbol}","candle_date_time_utc":"{start:%Y-%m-%dT%H:%M:%S}",'
        f'"candle_date_time_kst":"{start.astimezone(KST):%Y-%m-%dT%H:%M:%S}",'
        f'"opening_price":{row.open},"high_price":{row.high},"low_price":{row.low},'
        f'"trade_price":{row.close},"timestamp":{last_ms},'
        f'"candle_acc_trade_price":{row.value},"candle_acc_trade_volume":{row.volume},'
        f'"unit":{unit}}}'
    )


# ---- trades and tickers ----------------------------------------------------------------------


def day_open(market: Market, listing: Listing, at_ms: int) -> str:
    """The close of the day before (09:00 KST is midnight in UTC), or of the oldest we have."""
    day = at_ms // 86_400_000
    kept = listing.cache.get("day")
    if kept is None or kept[0] != day:
        rows = market.candles(listing, (day * 1_440 - 1) * MINUTE_MS, day * 1_440 * MINUTE_MS)
        last = listing.trades[-1].price if listing.trades else listing.bids.prices[0]
        kept = listing.cache["day"] = (day, rows[0].close if rows else last)
    price: str = kept[1]
    return price


def change(price: str, before: str) -> tuple[str, str, str, str]:
    """`RISE`, absolute change, signed change, signed rate."""
    moved = Decimal(price) - Decimal(before)
    word = "RISE" if moved > 0 else "FALL" if moved < 0 else "EVEN"
    rate = moved / Decimal(before)
    return word, f"{abs(moved):f}", f"{moved:f}", f"{rate:.8f}"


def recent_trades(market: Market, request: Request, trade_id: Any) -> Reply:
    """Newest first; one unless `count` says more."""
    listing = market.listings.get(request.asked("market"))
    if listing is None:
        return error(404, 404, "Code not found")
    count = min(TRADES_MAX, max(1, number(request.asked("count"), 1)))
    rows = []
    for trade in listing.trades[-count:][::-1]:
        at = datetime.fromtimestamp(trade.at_ms / 1_000, UTC)
        before = day_open(market, listing, trade.at_ms)
        rows.append(
            f'{{"market":"{listing.symbol}","trade_date_utc":"{at:%Y-%m-%d}",'
            f'"trade_time_utc":"{at:%H:%M:%S}","timestamp":{trade.at_ms},'
            f'"trade_price":{trade.price},"trade_volume":{trade.quantity},'
            f'"prev_closing_price":{before},"change_price":{change(trade.price, before)[2]},'
            f'"ask_bid":"{side(trade)}","sequential_id":{trade_id(trade)}}}'
        )
    return raw("[" + ",".join(rows) + "]")


def side(trade: Trade) -> str:
    """Of the taker."""
    return "BID" if trade.bought else "ASK"


def ticker_fields(market: Market, listing: Listing, at_ms: int) -> str:
    """The fields that REST and stream share, as texts; the last price is the last trade's."""
    before = day_open(market, listing, at_ms)
    last = listing.trades[-1]
    word, moved, signed, rate = change(last.price, before)
    prices = sorted({before, *(one.price for one in listing.trades)}, key=Decimal)
    volume = sum((Decimal(one.quantity) for one in listing.trades), Decimal())
    value = volume * Decimal(last.price)
    return (
        f'"opening_price":{before},"high_price":{prices[-1]},"low_price":{prices[0]},'
        f'"trade_price":{last.price},"prev_closing_price":{before},"change":"{word}",'
        f'"change_price":{moved},"change_rate":{rate.lstrip("-")},'
        f'"signed_change_price":{signed},"signed_change_rate":{rate},'
        f'"trade_volume":{last.quantity},"acc_trade_volume":{volume:f},'
        f'"acc_trade_volume_24h":{volume:f},"acc_trade_price":{value:f},'
        f'"acc_trade_price_24h":{value:f},"trade_timestamp":{last.at_ms}'
    )


def listed(client_state: Any, ticket: Any) -> str:
    """The answer to LIST_SUBSCRIPTIONS."""
    rows = [{"type": kind, "codes": codes, "level": 0} for kind, codes in client_state or ()]
    return compact({"method": "LIST_SUBSCRIPTIONS", "result": rows, "ticket": ticket})
