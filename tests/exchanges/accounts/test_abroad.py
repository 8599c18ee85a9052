"""What only one of KuCoin, Gate, Bitget or Coinbase wants, and why."""

from __future__ import annotations

import json
from decimal import Decimal as D
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from msgspec.structs import replace

from app.domain.markets import Instrument, Side
from app.domain.orders import NoAnswer, OrderTerms, OrderType
from app.domain.secret import Secret
from app.domain.transfers import TransferTerms
from app.domain.venues import Venue
from app.exchanges import EXCHANGES
from app.exchanges.accounts import ACCOUNTS
from app.exchanges.accounts.contract import Account, Unclear
from app.exchanges.contract import Names, Request, Ticket
from app.exchanges.signing import Keys, sign

AT_MS = 1_700_000_000_123
TICKET = Ticket(AT_MS * 1_000_000, "00112233445566778899aabbccddeeff")
KEYS = Keys("access", Secret("c2VjcmV0"), Secret("passphrase"))
KUCOIN, GATE = ACCOUNTS[Venue.KUCOIN], ACCOUNTS[Venue.GATE]
BITGET, COINBASE = ACCOUNTS[Venue.BITGET], ACCOUNTS[Venue.COINBASE]


def terms(venue: Venue, type_: OrderType = OrderType.IOC) -> OrderTerms:
    instrument = Instrument(venue, "BTC", "USDT")
    return OrderTerms(instrument, Side.SELL, type_, D("67000.10"), D("0.00100"))


def transfer(venue: Venue, tag: str = "") -> TransferTerms:
    return TransferTerms(
        "XRP", venue, Venue.UPBIT, "ripple", "xrp", "XRP", D("25.5"), D("0.20"), "rAddress", tag
    )


def fields(request: Request | None) -> dict[str, Any]:
    assert request is not None
    read: dict[str, Any] = json.loads(request.body)
    return read


def frames(account: Account) -> list[dict[str, Any]]:
    return [json.loads(frame) for frame in account.stream_frames(KEYS, (), TICKET)]


def test_every_order_says_when_it_is_too_late() -> None:
    """Coinbase has no such field: there the token ends it."""
    kucoin = fields(KUCOIN.place(terms(Venue.KUCOIN), "id", AT_MS))
    assert kucoin["clientTimestamp"] == AT_MS
    assert kucoin["allowMaxTimeWindow"] == KUCOIN.rules.window_ms
    gate = GATE.place(terms(Venue.GATE), "t-id", AT_MS)
    assert GATE.rules.order_window_ms is not None
    deadline = str(AT_MS + GATE.rules.order_window_ms)
    assert sign(Venue.GATE, gate, KEYS, AT_MS, "n").headers["x-gate-exptime"] == deadline
    bitget = fields(BITGET.place(terms(Venue.BITGET), "id", AT_MS))
    assert bitget["requestTime"] == str(AT_MS)
    assert bitget["receiveWindow"] == str(BITGET.rules.order_window_ms)
    assert COINBASE.rules.window_ms == 120_000


@pytest.mark.parametrize(
    ("venue", "name", "ioc", "rests"),
    [
        (Venue.KUCOIN, "timeInForce", "IOC", "GTC"),
        (Venue.GATE, "time_in_force", "ioc", "gtc"),
        (Venue.BITGET, "force", "ioc", "gtc"),
    ],
)
def test_an_ioc_is_a_limit_order_that_does_not_stay(
    venue: Venue, name: str, ioc: str, rests: str
) -> None:
    account = ACCOUNTS[venue]
    assert fields(account.place(terms(venue), "id", AT_MS))[name] == ioc
    assert fields(account.place(terms(venue, OrderType.LIMIT), "id", AT_MS))[name] == rests


def test_coinbase_has_a_configuration_for_each_kind() -> None:
    asked = fields(COINBASE.place(terms(Venue.COINBASE), "id", AT_MS))
    assert asked["side"] == "SELL"
    amounts = {"base_size": "0.001", "limit_price": "67000.1"}
    assert asked["order_configuration"] == {"sor_limit_ioc": amounts}
    rests = fields(COINBASE.place(terms(Venue.COINBASE, OrderType.LIMIT), "id", AT_MS))
    assert rests["order_configuration"] == {"limit_limit_gtc": amounts | {"post_only": False}}


def test_coinbase_knows_orders_by_its_own_number_only() -> None:
    instrument = terms(Venue.COINBASE).instrument
    assert COINBASE.ask_order(instrument, "id", None) is None
    assert COINBASE.cancel(instrument, "id", None) is None
    assert not COINBASE.rules.finds_ended


@pytest.mark.parametrize("venue", [Venue.GATE, Venue.COINBASE])
def test_trades_are_asked_for_without_a_number_where_the_text_proves_nothing(venue: Venue) -> None:
    account = ACCOUNTS[venue]
    assert not account.rules.finds_ended
    (request,) = account.ask_fills(terms(venue).instrument, "", AT_MS)
    asked = dict(request.query)
    assert not {"order_id", "order_ids"} & set(asked)
    assert {"1700000000", "2023-11-14T22:13:20.123Z"} & set(asked.values())


def test_kucoin_withdraws_from_its_other_account() -> None:
    """All that will leave goes there first, with the fee; the same id moves it once."""
    moved = fields(KUCOIN.fund(transfer(Venue.KUCOIN), "id", AT_MS))
    assert moved["amount"] == "25.7"
    assert (moved["fromAccountType"], moved["toAccountType"]) == ("TRADE", "MAIN")
    assert moved["clientOid"] == "id"
    sent = fields(KUCOIN.withdraw(transfer(Venue.KUCOIN, "77"), "id", AT_MS))
    assert (sent["amount"], sent["feeDeductType"], sent["memo"]) == ("25.5", "EXTERNAL", "77")


@pytest.mark.parametrize("venue", [Venue.GATE, Venue.BITGET, Venue.COINBASE])
def test_the_others_keep_one_purse(venue: Venue) -> None:
    account = ACCOUNTS[venue]
    assert account.fund(transfer(venue), "id", AT_MS) is None
    request = Request("POST", "/nothing", signed=True)
    assert isinstance(account.read_funded(request, 200, b"{}"), NoAnswer)


def test_the_fee_is_in_the_amount_or_on_top_of_it() -> None:
    assert fields(GATE.withdraw(transfer(Venue.GATE), "id", AT_MS))["amount"] == "25.7"
    assert fields(BITGET.withdraw(transfer(Venue.BITGET), "id", AT_MS))["size"] == "25.7"
    coinbase = COINBASE.withdraw(transfer(Venue.COINBASE), "id", AT_MS)
    assert fields(coinbase)["amount"] == "25.5"
    assert coinbase.path == "/v2/accounts/XRP/transactions"


@pytest.mark.parametrize("venue", [Venue.KUCOIN, Venue.GATE, Venue.BITGET, Venue.COINBASE])
def test_a_chain_without_tags_gets_none(venue: Venue) -> None:
    sent = fields(ACCOUNTS[venue].withdraw(transfer(venue), "id", AT_MS))
    assert not {"memo", "tag", "destination_tag"} & set(sent)


def test_the_exact_decimals_are_sent() -> None:
    asked = replace(terms(Venue.GATE), price=D("1E+3"), quantity=D("0.00000100"))
    sent = fields(GATE.place(asked, "t-id", AT_MS))
    assert (sent["price"], sent["amount"]) == ("1000", "0.000001")


def test_a_refusal_of_a_parameter_may_be_that_it_came_before() -> None:
    """KuCoin has one code for every parameter; a repeated id is no proof that nothing is there."""
    request = KUCOIN.place(terms(Venue.KUCOIN), "id", AT_MS)
    body = b'{"code":"400100","msg":"validation.createOrder.clientOidDuplicated"}'
    assert KUCOIN.read_placed(request, 400, body) == NoAnswer("duplicate")


# Streams


def test_kucoin_says_where_to_connect() -> None:
    """In a signed answer, whose token is for one connection."""
    entry = KUCOIN.stream_entry()
    assert entry is not None
    assert entry.signed
    server = {"endpoint": "wss://ws-api-spot.kucoin.com/", "pingInterval": 18000}
    told = {"token": "2neAiu+v==", "instanceServers": [server]}
    url = KUCOIN.stream_path(json.dumps({"code": "200000", "data": told}).encode())
    assert url.startswith("wss://ws-api-spot.kucoin.com/?")
    assert parse_qs(urlsplit(url).query)["token"] == ["2neAiu+v=="]
    with pytest.raises(ValueError, match="not_allowed"):
        KUCOIN.stream_path(b'{"code":"400003","msg":"KC-API-KEY not exists"}')
    topics = [frame["topic"] for frame in frames(KUCOIN)]
    assert topics == ["/spotMarket/tradeOrdersV2", "/account/balance"]
    assert all(frame["privateChannel"] for frame in frames(KUCOIN))


def test_each_of_gates_subscriptions_carries_its_proof() -> None:
    sent = frames(GATE)
    assert [frame["channel"] for frame in sent] == [
        "spot.orders",
        "spot.usertrades",
        "spot.balances",
    ]
    assert len({frame["auth"]["SIGN"] for frame in sent}) == 3
    assert {frame["time"] for frame in sent} == {AT_MS // 1_000}


def test_bitget_logs_in_first() -> None:
    login, subscription = frames(BITGET)
    assert login["op"] == "login"
    assert login["args"][0]["timestamp"] == "1700000000"
    channels = [arg["channel"] for arg in subscription["args"]]
    assert channels == ["orders", "fill", "account"]


def test_coinbase_wants_a_token_in_each_frame_and_beats_beside() -> None:
    private = ec.generate_private_key(ec.SECP256R1())
    pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    sent = COINBASE.stream_frames(Keys("organizations/x", Secret(pem)), (), TICKET)
    users, beats = (json.loads(frame) for frame in sent)
    assert (users["channel"], beats["channel"]) == ("user", "heartbeats")
    assert users["jwt"] != beats["jwt"]


@pytest.mark.parametrize(
    ("venue", "word"), [(Venue.KUCOIN, "ping"), (Venue.GATE, "spot.ping"), (Venue.BITGET, "ping")]
)
def test_a_ping_is_a_message_of_the_venue(venue: Venue, word: str) -> None:
    message = ACCOUNTS[venue].stream_ping(TICKET)
    assert message is not None
    assert word in message.decode()


def test_coinbase_needs_no_ping_of_its_own() -> None:
    assert COINBASE.stream_ping(TICKET) is None


def test_an_unlisted_error_never_answers_a_question() -> None:
    instrument = terms(Venue.GATE).instrument
    request = GATE.ask_order(instrument, "t-id", None)
    assert request is not None
    with pytest.raises(Unclear, match="refused: ODD"):
        GATE.read_order(request, 404, b'{"label":"ODD"}', Names(EXCHANGES[Venue.GATE]))
