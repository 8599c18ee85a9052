"""OKX's private side: orders from the trading account, coins out of the funding account. okx.md."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from msgspec import UNSET

from app.domain.markets import Instrument
from app.domain.orders import (
    Balance,
    Fill,
    OrderReport,
    OrderState,
    OrderTerms,
    PlaceAnswer,
    Placed,
)
from app.domain.times import MS_NS
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
from app.exchanges.accounts.contract import IdClass, Page, Rules, StreamRow, Unclear
from app.exchanges.accounts.okx_words import (
    ADDRESS_UNKNOWN,
    CANCEL_REFUSALS,
    DEPOSIT_WORDS,
    FUNDING,
    NO_SUCH_ORDER,
    ORDER_WORDS,
    REFUSALS,
    ROWS,
    SPOT,
    TRADING,
    TYPES,
    WITHDRAW_REFUSALS,
    WITHDRAWAL_WORDS,
    Address,
    Applied,
    Balances,
    Deposit,
    Fee,
    Frame,
    Kept,
    Order,
    Path,
    Pushed,
    Trade,
    Transferred,
    Withdrawal,
    answer,
    before_all,
    done,
    fault_of,
    refused,
    rows,
    side_of,
)
from app.exchanges.accounts.reading import EXACT, action, bps, exact, plain, question
from app.exchanges.contract import Names, Request, Ticket, Unreadable
from app.exchanges.logins import login
from app.exchanges.okx import OKX
from app.exchanges.signing import RECEIVE_WINDOW_MS, Keys

SIGNATURE_MS = 30_000  # how long the venue takes a signature [4]


class OKXAccount:
    """An id may be used again once its order is over: a request is never sent twice [3]."""

    venue = Venue.OKX
    rules = Rules(
        IdClass.W,
        IdClass.W,
        window_ms=SIGNATURE_MS,
        finds_ended=True,
        has_ioc=True,
        fee_in_base=True,
        order_window_ms=RECEIVE_WINDOW_MS,
    )
    logs_in = True
    _public = OKX()

    def client_id(self, digest: str) -> str:
        """Letters and digits only [0]."""
        return digest

    def place(self, terms: OrderTerms, client_id: str, at_ms: int) -> Request:
        """`expTime`: the venue throws it away when its clock is past that [3]."""
        fields = {
            "instId": self._public.symbol(terms.instrument),
            "tdMode": "cash",
            "side": terms.side.value,
            "ordType": TYPES[terms.type],
            "px": plain(terms.price),
            "sz": plain(terms.quantity),
            "clOrdId": client_id,
        }
        return Request(
            "POST",
            Path.ORDER,
            signed=True,
            body=msgspec.json.encode(fields),
            headers=(("expTime", str(at_ms + RECEIVE_WINDOW_MS)),),
        )

    @action
    def read_placed(self, request: Request, status: int, body: bytes) -> PlaceAnswer:
        fault = fault_of(status, body)
        if fault is not None:
            return refused(fault, REFUSALS)
        return Placed(done(body).ordId)

    def cancel(
        self, instrument: Instrument, client_id: str, venue_order_id: str | None
    ) -> Request | None:
        fields = dict((("instId", self._public.symbol(instrument)), _by(client_id, venue_order_id)))
        return Request("POST", Path.CANCEL, signed=True, body=msgspec.json.encode(fields))

    @action
    def read_cancelled(self, request: Request, status: int, body: bytes) -> PlaceAnswer:
        fault = fault_of(status, body)
        if fault is not None:
            return refused(fault, CANCEL_REFUSALS)
        return Placed(done(body).ordId)

    def ask_order(
        self, instrument: Instrument, client_id: str, venue_order_id: str | None
    ) -> Request | None:
        query = (("instId", self._public.symbol(instrument)), _by(client_id, venue_order_id))
        return Request("GET", Path.ORDER, query, signed=True)

    @question
    def read_order(
        self, request: Request, status: int, body: bytes, names: Names
    ) -> OrderReport | None:
        fault = fault_of(status, body)
        if fault is not None and fault.code == NO_SUCH_ORDER:
            return None
        (told,) = rows(answer(fault, body), Order)
        return self._report(told, names)

    def ask_orders(self, instrument: Instrument, since_ms: int) -> list[Request]:
        """Ended ones of 7 days [3]."""
        market = (("instType", SPOT), ("instId", self._public.symbol(instrument)))
        limit = ("limit", str(ROWS))
        return [
            Request("GET", Path.PENDING, (*market, limit), signed=True),
            Request("GET", Path.ENDED, (*market, ("begin", str(since_ms)), limit), signed=True),
        ]

    @question
    def read_orders(
        self, request: Request, status: int, body: bytes, names: Names
    ) -> Page[OrderReport]:
        told = rows(answer(fault_of(status, body), body), Order)
        found = [self._report(row, names) for row in told]
        return Page(found, before_all(request, [row.ordId for row in told]))

    def ask_fills(
        self, instrument: Instrument, venue_order_id: str, since_ms: int
    ) -> list[Request]:
        """Of the last days at once, and later those of three months [3]."""
        query = (
            ("instType", SPOT),
            ("instId", self._public.symbol(instrument)),
            ("ordId", venue_order_id),
            ("limit", str(ROWS)),
        )
        return [Request("GET", path, query, signed=True) for path in (Path.FILLS, Path.FILLS_OLD)]

    @question
    def read_fills(self, request: Request, status: int, body: bytes, names: Names) -> Page[Fill]:
        told = rows(answer(fault_of(status, body), body), Trade)
        found = [
            Fill(
                self.venue,
                row.tradeId,
                row.ordId,
                row.clOrdId or None,
                names[row.instId],
                side_of(row.side),
                exact(row.fillPx),
                exact(row.fillSz),
                EXACT.minus(exact(row.fee)),  # what is charged is below zero [6]
                row.feeCcy,
                int(row.ts) * MS_NS,
            )
            for row in told
        ]
        return Page(found, before_all(request, [row.billId for row in told]))

    def ask_balances(self) -> Request:
        return Request("GET", Path.BALANCE, signed=True)

    @question
    def read_balances(self, request: Request, status: int, body: bytes) -> Page[Balance]:
        """The trading account, then the funding account."""
        told = answer(fault_of(status, body), body)
        if request.path == Path.FUNDING:
            return Page(self._kept(rows(told, Kept)))
        (balances,) = rows(told, Balances)
        return Page(self._kept(balances.details), Request("GET", Path.FUNDING, signed=True))

    def ask_fee(self, instrument: Instrument) -> Request | None:
        query = (("instType", SPOT), ("instId", self._public.symbol(instrument)))
        return Request("GET", Path.FEE, query, signed=True)

    @question
    def read_fee(self, request: Request, status: int, body: bytes) -> float:
        """What is charged is below zero [3]."""
        (told,) = rows(answer(fault_of(status, body), body), Fee)
        return bps(-exact(told.taker))

    def ask_address(self, asset: str, network: str) -> Request:
        """It answers with those of all networks."""
        notes = (("network", network),)
        return Request("GET", Path.ADDRESS, (("ccy", asset),), signed=True, notes=notes)

    @question
    def read_address(
        self, request: Request, status: int, body: bytes
    ) -> DepositAddress | NeedsOperator:
        """Some lead to the funding account: what arrives there cannot be traded at once."""
        told = rows(answer(fault_of(status, body), body), Address)
        network = request.noted("network")
        fitting = [row for row in told if row.chain == network]
        if network is None or not fitting:
            raise Unclear("not_ready", f"no address on {network}")
        fitting.sort(key=lambda row: (row.to != TRADING, not row.selected))
        best = fitting[0]
        return DepositAddress(self.venue, best.ccy, network, best.addr, best.tag or best.memo)

    def fund(self, terms: TransferTerms, client_id: str, at_ms: int) -> Request | None:
        """From the trading to the funding account, with the fee that comes on top."""
        fields = {
            "ccy": terms.asset,
            "amt": plain(EXACT.add(terms.amount, terms.fee)),
            "from": TRADING,
            "to": FUNDING,
            "clientId": client_id,
        }
        return Request("POST", Path.TRANSFER, signed=True, body=msgspec.json.encode(fields))

    @action
    def read_funded(self, request: Request, status: int, body: bytes) -> PlaceAnswer:
        fault = fault_of(status, body)
        if fault is not None:
            return refused(fault, WITHDRAW_REFUSALS)
        (told,) = rows(body, Transferred)
        return Placed(told.transId)

    def withdraw(self, terms: TransferTerms, client_id: str, at_ms: int) -> Request:
        """The amount is what arrives: the fee comes on top [3]."""
        address = f"{terms.address}:{terms.tag}" if terms.tag else terms.address
        fields = {
            "ccy": terms.asset,
            "amt": plain(terms.amount),
            "dest": "4",
            "toAddr": address,
            "chain": terms.network,
            "clientId": client_id,
        }
        return Request("POST", Path.WITHDRAW, signed=True, body=msgspec.json.encode(fields))

    @action
    def read_withdrawn(self, request: Request, status: int, body: bytes) -> WithdrawAnswer:
        fault = fault_of(status, body)
        if fault is not None and fault.code == ADDRESS_UNKNOWN:
            return NeedsOperator(fault.code, fault.text)
        if fault is not None:
            return refused(fault, WITHDRAW_REFUSALS)
        (told,) = rows(body, Applied)
        return Withdrawn(told.wdId)

    def ask_withdrawals(
        self, asset: str, since_ms: int, client_id: str | None, withdrawal_id: str | None
    ) -> list[Request]:
        """By id it is found however old; else newest first, from `before` on."""
        query = [("ccy", asset), ("limit", str(ROWS))]
        if withdrawal_id is not None:
            query.append(("wdId", withdrawal_id))
        elif client_id is not None:
            query.append(("clientId", client_id))
        else:
            query.append(("before", str(since_ms - 1)))
        return [Request("GET", Path.WITHDRAWALS, tuple(query), signed=True)]

    @question
    def read_withdrawals(
        self, request: Request, status: int, body: bytes
    ) -> Page[WithdrawalReport]:
        told = rows(answer(fault_of(status, body), body), Withdrawal)
        found = [self._withdrawal(row) for row in told]
        return Page(found, before_all(request, [row.ts for row in told]))

    def ask_deposits(self, asset: str, since_ms: int, txid: str | None) -> list[Request]:
        query = [("ccy", asset), ("limit", str(ROWS)), ("before", str(since_ms - 1))]
        if txid is not None:
            query.append(("txId", txid))
        return [Request("GET", Path.DEPOSITS, tuple(query), signed=True)]

    @question
    def read_deposits(self, request: Request, status: int, body: bytes) -> Page[DepositReport]:
        told = rows(answer(fault_of(status, body), body), Deposit)
        found = [
            DepositReport(
                self.venue,
                row.depId,
                row.ccy,
                row.chain,
                exact(row.amt),
                row.txId or None,
                DEPOSIT_WORDS.get(row.state, TransferState.UNKNOWN),
                int(row.ts) * MS_NS,
            )
            for row in told
        ]
        return Page(found, before_all(request, [row.ts for row in told]))

    def stream_entry(self) -> Request | None:
        return None

    def stream_path(self, entry: bytes | None) -> str:
        return "/ws/v5/private"

    def stream_headers(self, keys: Keys, ticket: Ticket) -> dict[str, str]:
        return {}

    def stream_frames(
        self, keys: Keys, instruments: Sequence[Instrument], ticket: Ticket
    ) -> list[bytes]:
        """Trades come with orders: their own channel is for large accounts [7]."""
        channels = [{"channel": "orders", "instType": SPOT}, {"channel": "account"}]
        frames = (
            login(self.venue, keys, ticket.at_ns // MS_NS, ticket.tag),
            {"op": "subscribe", "args": channels},
        )
        return [msgspec.json.encode(frame) for frame in frames]

    def login_reply(self, frame: bytes) -> bool | None:
        if frame == b"pong":
            return None
        head = msgspec.json.decode(frame, type=Frame)
        match head.event:
            case "login":
                return head.code == "0"
            case "error":
                return False
        return None

    def stream_ping(self, ticket: Ticket) -> bytes | None:
        return b"ping"

    def read_stream(self, frame: bytes, names: Names) -> list[StreamRow]:
        if frame == b"pong":
            return []
        head = msgspec.json.decode(frame, type=Frame)
        if head.event == "error":
            raise Unclear("refused", f"{head.code} {head.msg}")
        if head.event == "notice":  # it is about to close [1]
            raise Unclear("closed")
        if head.event is not None:
            return []
        if head.arg is None or head.data is UNSET:
            raise Unreadable("no message that OKX's documents describe")
        match head.arg.channel:
            case "orders":
                pushed = msgspec.json.decode(head.data, type=list[Pushed])
                return [row for push in pushed for row in self._pushed(push, names)]
            case "account":
                told = msgspec.json.decode(head.data, type=list[Balances])
                return [row for balances in told for row in self._kept(balances.details)]
        return []

    def _kept(self, told: Sequence[Kept]) -> list[Balance]:
        return [
            Balance(self.venue, row.ccy, exact(row.availBal), exact(row.frozenBal)) for row in told
        ]

    def _report(self, told: Order, names: Names) -> OrderReport:
        average = exact(told.avgPx) if told.avgPx else None
        return OrderReport(
            self.venue,
            told.ordId,
            told.clOrdId or None,
            names[told.instId],
            side_of(told.side),
            ORDER_WORDS.get(told.state, OrderState.UNKNOWN),
            exact(told.accFillSz),
            average or None,
            int(told.uTime) * MS_NS,
        )

    def _pushed(self, told: Pushed, names: Names) -> list[StreamRow]:
        """A push that a trade caused carries it; any other has an empty number there [7]."""
        found: list[StreamRow] = [self._report(told, names)]
        if told.tradeId:
            fill = Fill(
                self.venue,
                told.tradeId,
                told.ordId,
                told.clOrdId or None,
                names[told.instId],
                side_of(told.side),
                exact(told.fillPx),
                exact(told.fillSz),
                EXACT.minus(exact(told.fillFee)),
                told.fillFeeCcy,
                int(told.fillTime) * MS_NS,
            )
            found.append(fill)
        return found

    def _withdrawal(self, row: Withdrawal) -> WithdrawalReport:
        state = WITHDRAWAL_WORDS.get(row.state, TransferState.UNKNOWN)
        if state is TransferState.ACCEPTED and row.txId:
            state = TransferState.ON_CHAIN
        return WithdrawalReport(
            self.venue,
            row.wdId,
            row.clientId or None,
            row.ccy,
            row.chain,
            row.to,
            exact(row.amt),
            exact(row.fee),
            state,
            row.txId or None,
            int(row.ts) * MS_NS,
        )


def _by(client_id: str, venue_order_id: str | None) -> tuple[str, str]:
    return ("ordId", venue_order_id) if venue_order_id else ("clOrdId", client_id)
