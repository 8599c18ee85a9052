"""What the two Korean venues write alike: order objects, accounts, coins in and out.

[3] of upbit.md and bithumb.md. Their own files hold paths, field names, refusals and streams.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from decimal import ROUND_DOWN, Context, Decimal
from functools import reduce

import msgspec

from app.domain.decimals import Written
from app.domain.markets import Side
from app.domain.orders import Balance, Fill, OrderReport, OrderState, Rejection
from app.domain.times import MS_NS, from_iso
from app.domain.transfers import (
    DepositAddress,
    DepositReport,
    TransferState,
    TransferTerms,
    WithdrawalReport,
)
from app.domain.venues import Venue
from app.exchanges.accounts.contract import Page, Unclear
from app.exchanges.accounts.reading import EXACT, average, bps, changed, exact, heard, plain
from app.exchanges.contract import Names, Request, Unreadable

ROWS = 100  # of a page [3]
FEE_STEP = Decimal("0.00000001")
WIDE = Context(prec=80)  # of a quotient

SIDES = {"bid": Side.BUY, "ask": Side.SELL}
SPELLED = {side: word for word, side in SIDES.items()}

ORDER_WORDS = {
    "wait": OrderState.OPEN,
    "watch": OrderState.OPEN,
    "trade": OrderState.OPEN,  # of the stream alone
    "done": OrderState.FILLED,
    "cancel": OrderState.CANCELLED,
}
WITHDRAWAL_WORDS = {
    "WAITING": TransferState.ACCEPTED,
    "PROCESSING": TransferState.ACCEPTED,
    "DONE": TransferState.CREDITED,
    "FAILED": TransferState.RETURNED,
    "CANCELLED": TransferState.REJECTED,
    "REJECTED": TransferState.REJECTED,
}
DEPOSIT_WORDS = {
    "PROCESSING": TransferState.ON_CHAIN,
    "ACCEPTED": TransferState.CREDITED,
    "CANCELLED": TransferState.HELD,  # the venue has it, and a person must ask for it
    "REJECTED": TransferState.HELD,
    "TRAVEL_RULE_SUSPECTED": TransferState.HELD,
    "REFUNDING": TransferState.HELD,
    "REFUNDED": TransferState.RETURNED,
}
# About the key, the signature or the address we call from: nothing was looked at.
LOCKED_OUT = frozenset({
    "invalid_access_key", "jwt_verification", "invalid_query_payload", "out_of_scope",
})  # fmt: skip


class Fault(msgspec.Struct):
    name: str | int  # an integer where the public side answers
    message: str = ""
    consent_url: str = ""


class Failure(msgspec.Struct):
    error: Fault


class Trade(msgspec.Struct):
    uuid: str
    price: Written
    volume: Written
    funds: Written
    created_at: str


class Order(msgspec.Struct):
    """client_id: renamed by each venue. trades: of one order alone, not of lists."""

    uuid: str
    side: str
    state: str
    market: str
    created_at: str
    remaining_volume: Written | None
    executed_volume: Written
    paid_fee: Written
    executed_funds: Written | None = None
    trades: list[Trade] | None = None
    client_id: str | None = None


class _Account(msgspec.Struct):
    currency: str
    balance: Written
    locked: Written


class _Chance(msgspec.Struct):
    bid_fee: Written
    ask_fee: Written


class _Address(msgspec.Struct):
    currency: str
    net_type: str
    deposit_address: str | None
    secondary_address: str | None


class Withdrawal(msgspec.Struct):
    uuid: str
    currency: str
    net_type: str
    state: str
    created_at: str
    amount: Written
    fee: Written
    txid: str | None


class _Deposit(msgspec.Struct):
    uuid: str
    currency: str
    net_type: str
    state: str
    created_at: str
    amount: Written
    txid: str | None


def fault(status: int, body: bytes) -> Fault | None:
    """The venue's error, whatever the status says [3]. Raises Unclear."""
    text = heard(status, body).lstrip()
    if text[:1] == b"{" and b'"error"' in text:
        return msgspec.json.decode(text, type=Failure).error
    if status >= 400:
        raise Unclear("unreadable", f"http {status} without an error")
    return None


def answer(status: int, body: bytes, locked_out: Collection[str]) -> bytes:
    """Of a question. Raises Unclear for every error."""
    error = fault(status, body)
    if error is None:
        return body
    name = str(error.name)
    raise Unclear("not_allowed" if name in locked_out else "refused", f"{name} {error.message}")


def refused(error: Fault, refusals: Collection[str], repeated: Collection[str]) -> Rejection:
    """Of an action. repeated: names that say this request came before. Raises Unclear."""
    name = str(error.name)
    if name in refusals:
        return Rejection(name, error.message)
    if name in repeated:
        raise Unclear("duplicate")
    raise Unclear("refused", f"{name} {error.message}")


def order_state(word: str, executed: Decimal, remaining: Decimal | None) -> OrderState:
    """What is `done` with something left was an IOC that found no more [bithumb 3]."""
    state = ORDER_WORDS.get(word, OrderState.UNKNOWN)
    if state is OrderState.OPEN and executed:
        return OrderState.FILLED if remaining == 0 else OrderState.PARTIALLY_FILLED
    if state is OrderState.FILLED and remaining:
        return OrderState.CANCELLED
    return state


def side(word: str) -> Side:
    found = SIDES.get(word.lower())
    if found is None:
        raise Unreadable(f"{word[:20]!r} is neither bid nor ask")
    return found


def order(venue: Venue, told: Order, names: Names) -> OrderReport:
    executed = exact(told.executed_volume)
    remaining = None if told.remaining_volume is None else exact(told.remaining_volume)
    funds = None if told.executed_funds is None else exact(told.executed_funds)
    return OrderReport(
        venue,
        told.uuid,
        told.client_id,
        names[told.market],
        side(told.side),
        order_state(told.state, executed, remaining),
        executed,
        None if funds is None else average(funds, executed),
        from_iso(told.created_at),
    )


def fills(venue: Venue, told: Order, names: Names) -> list[Fill]:
    """The fee is told of the whole order; by value it falls on its trades.

    Where the venue has rounded it, the shares of a part would not add up to that of the whole:
    such an order's trades are told once it has ended. A list that does not make up what was
    executed is not the list yet: the fee would fall on too few.
    """
    trades = told.trades
    if trades is None:
        raise Unreadable("an order without its trades")
    if sum_of(exact(trade.volume) for trade in trades) != exact(told.executed_volume):
        raise Unclear("not_ready", "its trades do not make up what was executed")
    funds = [exact(trade.funds) for trade in trades]
    paid = exact(told.paid_fee)
    shares, is_exact = shared_out(paid, funds)
    if not is_exact and ORDER_WORDS.get(told.state) not in {
        OrderState.FILLED, OrderState.CANCELLED,
    }:  # fmt: skip
        return []
    instrument = names[told.market]
    return [
        Fill(
            venue,
            trade.uuid,
            told.uuid,
            told.client_id,
            instrument,
            side(told.side),
            exact(trade.price),
            exact(trade.volume),
            share,
            instrument.quote,
            from_iso(trade.created_at),
        )
        for trade, share in zip(trades, shares, strict=True)
    ]


def shared_out(fee: Decimal, funds: list[Decimal]) -> tuple[list[Decimal], bool]:
    """Shares that add up to the fee; whether each is what its own trade was charged."""
    total = sum_of(funds)
    if not total:
        return [Decimal(0) for _ in funds], not fee
    rate = WIDE.divide(fee, total).quantize(FEE_STEP, context=WIDE)
    if EXACT.multiply(rate, total) == fee:
        return [EXACT.multiply(rate, part) for part in funds], True
    parts = [WIDE.divide(WIDE.multiply(fee, part), total) for part in funds]
    shares = [part.quantize(FEE_STEP, ROUND_DOWN) for part in parts]
    largest = max(range(len(funds)), key=lambda index: funds[index])
    rest = EXACT.subtract(fee, sum_of(shares))
    shares[largest] = EXACT.add(shares[largest], rest)
    return shares, len(funds) == 1


def sum_of(amounts: Iterable[Decimal]) -> Decimal:
    return reduce(EXACT.add, amounts, Decimal(0))


def balances(venue: Venue, body: bytes) -> Page[Balance]:
    rows = msgspec.json.decode(body, type=list[_Account])
    return Page(
        [Balance(venue, row.currency, exact(row.balance), exact(row.locked)) for row in rows]
    )


def fee_bps(body: bytes) -> float:
    """A taker may buy or sell: the dearer one."""
    chance = msgspec.json.decode(body, type=_Chance)
    return bps(max(exact(chance.bid_fee), exact(chance.ask_fee)))


def address(venue: Venue, body: bytes) -> DepositAddress:
    told = msgspec.json.decode(body, type=_Address)
    if told.deposit_address is None:
        raise Unclear("not_ready", "the address is being made")
    return DepositAddress(
        venue, told.currency, told.net_type, told.deposit_address, told.secondary_address or ""
    )


def withdrawal_terms(terms: TransferTerms) -> dict[str, str]:
    """The amount is what arrives; both venues take the fee on top."""
    fields = {
        "currency": terms.asset,
        "net_type": terms.network,
        "amount": plain(terms.amount),
        "address": terms.address,
    }
    return fields | {"secondary_address": terms.tag} if terms.tag else fields


def withdrawal(venue: Venue, told: Withdrawal) -> WithdrawalReport:
    state = WITHDRAWAL_WORDS.get(told.state.upper(), TransferState.UNKNOWN)
    if state is TransferState.ACCEPTED and told.txid:
        state = TransferState.ON_CHAIN
    return WithdrawalReport(
        venue,
        told.uuid,
        None,
        told.currency,
        told.net_type,
        None,
        exact(told.amount),
        exact(told.fee),
        state,
        told.txid or None,
        from_iso(told.created_at),
    )


def withdrawals(venue: Venue, request: Request, body: bytes) -> Page[WithdrawalReport]:
    """One of them, asked for by its number, or a page of a list."""
    if body.lstrip()[:1] == b"{":
        return Page([withdrawal(venue, msgspec.json.decode(body, type=Withdrawal))])
    rows = msgspec.json.decode(body, type=list[Withdrawal])
    found = [withdrawal(venue, row) for row in rows]
    return Page(found, older(request, len(rows), [row.created_at for row in rows]))


def deposits(venue: Venue, request: Request, body: bytes) -> Page[DepositReport]:
    rows = msgspec.json.decode(body, type=list[_Deposit])
    found = [
        DepositReport(
            venue,
            row.uuid,
            row.currency,
            row.net_type,
            exact(row.amount),
            row.txid or None,
            DEPOSIT_WORDS.get(row.state.upper().removeprefix("DEPOSIT_"), TransferState.UNKNOWN),
            from_iso(row.created_at),
        )
        for row in rows
    ]
    return Page(found, older(request, len(rows), [row.created_at for row in rows]))


def coins_since(path: str, asset: str, since_ms: int, txid: str | None = None) -> Request:
    """Newest first; neither venue takes a time to start from."""
    query = [("currency", asset), ("limit", str(ROWS)), ("page", "1"), ("order_by", "desc")]
    if txid is not None:
        query.append(("txids[]", txid))
    notes = (("since_ms", str(since_ms)),)
    return Request("GET", path, tuple(query), signed=True, notes=notes)


def older(request: Request, count: int, created: Iterable[str]) -> Request | None:
    """The next page of a list, newest first, until it is older than what was asked for."""
    page, since_ms = request.asked("page"), request.noted("since_ms")
    if page is None or since_ms is None or count < ROWS:
        return None
    if min(map(from_iso, created)) < int(since_ms) * MS_NS:
        return None
    return changed(request, page=str(int(page) + 1))
