"""Coinbase, private side: Advanced Trade's orders, the wallet's transfers. coinbase.md.

A client id that comes again gives the first order back: the venue's own safeguard [3]. There is
no question by it, only lists.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeVar

import msgspec

from app.domain.markets import Instrument, Side
from app.domain.orders import (
    Balance,
    Fill,
    OrderReport,
    OrderState,
    OrderTerms,
    OrderType,
    PlaceAnswer,
    Placed,
    Rejection,
)
from app.domain.times import MS_NS, from_iso, to_iso
from app.domain.transfers import (
    DepositAddress,
    DepositReport,
    NeedsOperator,
    TransferState,
    TransferTerms,
    WithdrawalReport,
    WithdrawAnswer,
    Withdrawn,
)
from app.domain.venues import Venue
from app.exchanges.accounts import coinbase_words as words
from app.exchanges.accounts.contract import IdClass, Page, Rules, StreamRow, Unclear
from app.exchanges.accounts.reading import (
    action,
    bps,
    changed,
    exact,
    heard,
    plain,
    question,
)
from app.exchanges.coinbase import Coinbase
from app.exchanges.contract import Names, Request, Ticket, Unreadable
from app.exchanges.logins import coinbase_proof
from app.exchanges.signing import TOKEN_LIFE_S, Keys

T = TypeVar("T")

ROWS, WALLET_ROWS = 250, 100
SIDES = {"BUY": Side.BUY, "SELL": Side.SELL}
NO_ADDRESS = "Coinbase has given no address for {} on {}"


class CoinbaseAccount:
    """The wallet's accounts are named by their currency, which the documents allow."""

    venue = Venue.COINBASE
    # What is fresh is a token's affair: nothing else ends a request [4].
    rules = Rules(IdClass.U, IdClass.U, TOKEN_LIFE_S * 1_000, False, True, False)
    logs_in = True

    def __init__(self) -> None:
        self._spells = Coinbase()

    def client_id(self, digest: str) -> str:
        return digest

    def place(self, terms: OrderTerms, client_id: str, at_ms: int) -> Request:
        amounts = {"base_size": plain(terms.quantity), "limit_price": plain(terms.price)}
        how: dict[str, object] = {"limit_limit_gtc": amounts | {"post_only": False}}
        if terms.type is OrderType.IOC:
            how = {"sor_limit_ioc": amounts}
        fields = {
            "client_order_id": client_id,
            "product_id": self._spells.symbol(terms.instrument),
            "side": terms.side.upper(),
            "order_configuration": how,
        }
        return _post(words.Path.ORDERS, fields)

    @action
    def read_placed(self, request: Request, status: int, body: bytes) -> PlaceAnswer:
        """200 even when rejected [3]."""
        if (refused := _refused(status, body)) is not None:
            return refused
        reply = msgspec.json.decode(body, type=words.Placed)
        if reply.success and reply.success_response is not None:
            return Placed(reply.success_response.order_id)
        if reply.error_response is None:
            raise Unreadable("neither an order nor an error")
        return _failure(reply.error_response)

    def cancel(
        self, instrument: Instrument, client_id: str, venue_order_id: str | None
    ) -> Request | None:
        if venue_order_id is None:
            return None
        return _post(words.Path.CANCEL, {"order_ids": [venue_order_id]})

    @action
    def read_cancelled(self, request: Request, status: int, body: bytes) -> PlaceAnswer:
        if (refused := _refused(status, body)) is not None:
            return refused
        result = msgspec.json.decode(body, type=words.Cancels).results[0]
        if result.success:
            return Placed(result.order_id)
        if not result.failure_reason:
            raise Unreadable("a failure without a reason")
        return Rejection(result.failure_reason, "")

    def ask_order(
        self, instrument: Instrument, client_id: str, venue_order_id: str | None
    ) -> Request | None:
        if venue_order_id is None:
            return None
        return _get(f"{words.Path.ORDER}/{venue_order_id}")

    @question
    def read_order(
        self, request: Request, status: int, body: bytes, names: Names
    ) -> OrderReport | None:
        error = _error(status, body)
        if status == 404 and error is not None and "NOT_FOUND" in _words(error):
            return None
        return _order(_well(status, body, words.One).order, names)

    def ask_orders(self, instrument: Instrument, since_ms: int) -> list[Request]:
        query = {
            "product_ids": self._spells.symbol(instrument),
            "start_date": to_iso(since_ms * MS_NS),
            "limit": str(ROWS),
        }
        return [_get(words.Path.LIST, tuple(query.items()))]

    @question
    def read_orders(
        self, request: Request, status: int, body: bytes, names: Names
    ) -> Page[OrderReport]:
        told = _well(status, body, words.Orders)
        rest = changed(request, cursor=told.cursor) if told.has_next and told.cursor else None
        return Page([_order(row, names) for row in told.orders], rest)

    def ask_fills(
        self, instrument: Instrument, venue_order_id: str, since_ms: int
    ) -> list[Request]:
        limit = ("limit", str(ROWS))
        if venue_order_id:
            return [_get(words.Path.FILLS, (("order_ids", venue_order_id), limit))]
        market = ("product_ids", self._spells.symbol(instrument))
        since = ("start_sequence_timestamp", to_iso(since_ms * MS_NS))
        return [_get(words.Path.FILLS, (market, since, limit))]

    @question
    def read_fills(self, request: Request, status: int, body: bytes, names: Names) -> Page[Fill]:
        told = _well(status, body, words.Trades)
        more = told.cursor and len(told.fills) >= ROWS
        rest = changed(request, cursor=told.cursor) if more else None
        return Page([_fill(row, names) for row in told.fills], rest)

    def ask_balances(self) -> Request:
        return _get(words.Path.ACCOUNTS, (("limit", str(ROWS)),))

    @question
    def read_balances(self, request: Request, status: int, body: bytes) -> Page[Balance]:
        told = _well(status, body, words.Accounts)
        rows = [_balance(row) for row in told.accounts if row.type != "ACCOUNT_TYPE_VAULT"]
        return Page(rows, changed(request, cursor=told.cursor) if told.has_next else None)

    def ask_fee(self, instrument: Instrument) -> Request | None:
        return _get(words.Path.SUMMARY)

    @question
    def read_fee(self, request: Request, status: int, body: bytes) -> float:
        return bps(exact(_well(status, body, words.Summary).fee_tier.taker_fee_rate))

    def ask_address(self, asset: str, network: str) -> Request:
        """Those that were given before: asking for a new one each time would fill a list."""
        request = _get(_wallet(asset, "addresses"), (("limit", str(WALLET_ROWS)),))
        return msgspec.structs.replace(request, notes=(("asset", asset), ("network", network)))

    @question
    def read_address(
        self, request: Request, status: int, body: bytes
    ) -> DepositAddress | NeedsOperator:
        asset, network = request.noted("asset") or "", request.noted("network") or ""
        for row in _well(status, body, words.Addresses).data:
            if row.network == network:
                tag = row.address_info.destination_tag or row.destination_tag or ""
                return DepositAddress(Venue.COINBASE, asset, network, row.address, tag)
        return NeedsOperator("no_address", NO_ADDRESS.format(asset, network))

    def fund(self, terms: TransferTerms, client_id: str, at_ms: int) -> Request | None:
        return None

    @action
    def read_funded(self, request: Request, status: int, body: bytes) -> PlaceAnswer:
        raise Unclear("refused", "nothing was asked")

    def withdraw(self, terms: TransferTerms, client_id: str, at_ms: int) -> Request:
        """The fee comes on top; the same `idem` gives the first transaction back [3]."""
        fields = {
            "type": "send",
            "to": terms.address,
            "amount": plain(terms.amount),
            "currency": terms.asset,
            "network": terms.network,
            "idem": client_id,
        }
        tag = {"destination_tag": terms.tag} if terms.tag else {}
        return _post(_wallet(terms.asset, "transactions"), fields | tag)

    @action
    def read_withdrawn(self, request: Request, status: int, body: bytes) -> WithdrawAnswer:
        error = _error(status, body)
        if error is not None:
            for told in error.errors:
                if told.id in words.PEOPLE:
                    return NeedsOperator(told.id, told.message)
        if (refused := _refused(status, body)) is not None:
            return refused
        made = msgspec.json.decode(body, type=words.OneTransaction).data
        return Withdrawn(made.id, _withdrawal(made))

    def ask_withdrawals(
        self, asset: str, since_ms: int, client_id: str | None, withdrawal_id: str | None
    ) -> list[Request]:
        if withdrawal_id is not None:
            return [_get(f"{_wallet(asset, 'transactions')}/{withdrawal_id}")]
        return [_sends(asset, since_ms)]

    @question
    def read_withdrawals(
        self, request: Request, status: int, body: bytes
    ) -> Page[WithdrawalReport]:
        rows, rest = _transactions(request, status, body)
        return Page([_withdrawal(row) for row in rows if exact(row.amount.amount) < 0], rest)

    def ask_deposits(self, asset: str, since_ms: int, txid: str | None) -> list[Request]:
        return [_sends(asset, since_ms)]

    @question
    def read_deposits(self, request: Request, status: int, body: bytes) -> Page[DepositReport]:
        rows, rest = _transactions(request, status, body)
        return Page([_deposit(row) for row in rows if exact(row.amount.amount) > 0], rest)

    def stream_entry(self) -> Request | None:
        return None

    def stream_path(self, entry: bytes | None) -> str:
        return "/"

    def stream_headers(self, keys: Keys, ticket: Ticket) -> dict[str, str]:
        return {}

    def stream_frames(
        self, keys: Keys, instruments: Sequence[Instrument], ticket: Ticket
    ) -> list[bytes]:
        """Each with a token of its own. Without heartbeats a still channel is closed [1a]."""
        frames: list[bytes] = []
        for count, channel in enumerate(("user", "heartbeats")):
            proof = coinbase_proof(keys, ticket.at_ns // MS_NS, f"{ticket.tag}{count}")
            frames.append(msgspec.json.encode({"type": "subscribe", "channel": channel, **proof}))
        return frames

    def login_reply(self, frame: bytes) -> bool | None:
        head = msgspec.json.decode(frame, type=words.Frame)
        if head.type == "error":
            return False
        return True if head.channel in {"subscriptions", "user"} else None

    def stream_ping(self, ticket: Ticket) -> bytes | None:
        return None

    def read_stream(self, frame: bytes, names: Names) -> list[StreamRow]:
        """Sums only: which trades they come from, the fills must tell [7]."""
        head = msgspec.json.decode(frame, type=words.Frame)
        if head.type == "error" or not head.channel:
            raise Unreadable("no message that Coinbase's documents describe")
        if head.channel != "user":
            return []
        at_ns = None if head.timestamp is None else from_iso(head.timestamp)
        return [_change(row, names, at_ns) for event in head.events for row in event.orders]


def _get(path: str, query: tuple[tuple[str, str], ...] = ()) -> Request:
    return Request("GET", path, query, signed=True)


def _post(path: str, fields: Mapping[str, object]) -> Request:
    return Request("POST", path, signed=True, body=msgspec.json.encode(fields))


def _wallet(asset: str, what: str) -> str:
    return f"{words.Path.WALLETS}/{asset}/{what}"


def _sends(asset: str, since_ms: int) -> Request:
    """Newest first; the wallet takes no time to begin with."""
    query = (("limit", str(WALLET_ROWS)), ("order", "desc"))
    request = _get(_wallet(asset, "transactions"), query)
    return msgspec.structs.replace(request, notes=(("since_ms", str(since_ms)),))


def _transactions(
    request: Request, status: int, body: bytes
) -> tuple[list[words.Transaction], Request | None]:
    """Sends alone: an account also shows trades, rewards and what moved inside."""
    if request.path.rpartition("/")[2] != "transactions":
        return [_well(status, body, words.OneTransaction).data], None
    told = _well(status, body, words.Transactions)
    since_ns = int(request.noted("since_ms") or 0) * MS_NS
    after = told.pagination.next_starting_after if told.pagination is not None else None
    is_old = bool(told.data) and from_iso(told.data[-1].created_at) < since_ns
    rest = changed(request, starting_after=after) if after and not is_old else None
    rows = [row for row in told.data if row.type == "send"]
    return [row for row in rows if from_iso(row.created_at) >= since_ns], rest


def _error(status: int, body: bytes) -> words.Error | None:
    """Raises Unclear."""
    if status == 401 and body.strip() == words.UNAUTHORISED:
        return words.Error("UNAUTHORISED")
    text = heard(status, body)
    if status < 300:
        return None
    return msgspec.json.decode(text, type=words.Error)


def _words(error: words.Error) -> set[str]:
    return ({error.error} | {told.id.upper() for told in error.errors}) - {""}


def _well(status: int, body: bytes, kind: type[T]) -> T:
    """Of a question. Raises Unclear: an error is no answer to it."""
    error = _error(status, body)
    if error is None:
        return msgspec.json.decode(body, type=kind)
    said = ", ".join(sorted(_words(error)))[:60]
    if status in {401, 403}:
        raise Unclear("not_allowed", said)
    raise Unclear("refused", said)


def _refused(status: int, body: bytes) -> Rejection | None:
    """An error of the call itself. Raises Unclear for what is not listed as definitive."""
    error = _error(status, body)
    if error is None:
        return None
    if error.error == "UNAUTHORISED":  # what nobody signed, nobody does
        return Rejection("401", "Unauthorized")
    for told in error.errors:
        if told.id in words.WALLET_REFUSED:
            return Rejection(told.id, told.message)
    if error.error.upper() in words.REFUSED:
        return Rejection(error.error, error.message)
    raise Unclear("refused", ", ".join(sorted(_words(error)))[:60])


def _failure(failure: words.Failure) -> Rejection:
    """The reason stands in one of three fields [3]. Raises Unclear."""
    for code in (failure.error, failure.preview_failure_reason, failure.new_order_failure_reason):
        if code in words.REFUSED or code.startswith("PREVIEW_"):
            return Rejection(code, failure.message)
    raise Unclear("refused", failure.error[:60])


def _side(word: str) -> Side:
    if word not in SIDES:
        raise Unreadable(f"{word[:20]!r} is no side")
    return SIDES[word]


def _order(row: words.Order, names: Names) -> OrderReport:
    change = words.OrderChange(
        row.order_id,
        row.product_id,
        row.side,
        row.status,
        row.filled_size,
        row.client_order_id,
        row.average_filled_price,
    )
    return _change(change, names, from_iso(row.last_fill_time or row.created_time))


def _change(row: words.OrderChange, names: Names, at_ns: int | None) -> OrderReport:
    filled = exact(row.cumulative_quantity)
    state = words.STATES.get(row.status, OrderState.UNKNOWN)
    if filled and state is OrderState.OPEN:
        state = OrderState.PARTIALLY_FILLED
    elif filled and state is OrderState.REJECTED:  # it failed after it had begun
        state = OrderState.CANCELLED
    return OrderReport(
        Venue.COINBASE,
        row.order_id,
        row.client_order_id or None,
        names[row.product_id],
        _side(row.order_side),
        state,
        filled,
        exact(row.avg_price) if filled and row.avg_price else None,
        at_ns,
    )


def _fill(row: words.Trade, names: Names) -> Fill:
    """The fee is in the quote, on top of a purchase [6]."""
    if row.trade_type != "FILL" or row.size_in_quote:
        raise Unreadable(f"a trade that is {row.trade_type[:20]}, or is counted in its quote")
    instrument = names[row.product_id]
    return Fill(
        Venue.COINBASE,
        row.trade_id,
        row.order_id,
        None,
        instrument,
        _side(row.side),
        exact(row.price),
        exact(row.size),
        exact(row.commission),
        instrument.quote,
        from_iso(row.trade_time),
    )


def _balance(row: words.Account) -> Balance:
    free, locked = exact(row.available_balance.value), exact(row.hold.value)
    return Balance(Venue.COINBASE, row.currency, free, locked)


def _withdrawal(row: words.Transaction) -> WithdrawalReport:
    whole, network = abs(exact(row.amount.amount)), row.network
    fee = exact(network.transaction_fee.amount) if network.transaction_fee is not None else None
    if network.transaction_amount is not None:
        arrives = exact(network.transaction_amount.amount)
    else:  # inside the venue there is no fee, and none is told
        arrives = whole - (fee or 0)
    state, txid = words.WITHDRAWALS.get(row.status, TransferState.UNKNOWN), network.hash or None
    if state is TransferState.ACCEPTED and txid is not None:
        state = TransferState.ON_CHAIN
    return WithdrawalReport(
        Venue.COINBASE,
        row.id,
        row.idem or None,
        row.amount.currency,
        network.network_name or None,
        row.to.address if row.to is not None else None,
        arrives,
        fee,
        state,
        txid,
        from_iso(row.created_at),
    )


def _deposit(row: words.Transaction) -> DepositReport:
    return DepositReport(
        Venue.COINBASE,
        row.id,
        row.amount.currency,
        row.network.network_name or None,
        exact(row.amount.amount),
        row.network.hash or None,
        words.DEPOSITS.get(row.status, TransferState.UNKNOWN),
        from_iso(row.created_at),
    )
