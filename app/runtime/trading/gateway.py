"""Gateway: the only sender of one venue's orders and withdrawals, and who asks what came of them.

Keeps R1 and R2 (a send follows its own committed claim PLANNED → SENT, in whose transaction the
fence, the venue's lease, the trading state and the kill switch are read; rowcount 1 sends once;
what is found in SENT is only ever asked about), R3 (the port signs with `signed_at_ns` of that
commit and lets nothing leave after `valid_until_ns`), R4 (no clear answer is UNKNOWN, also where
the exception is our own), R5 and R6 (`next_question` decides what to ask until there is proof) and
R7 (answer, fills and money in one transaction). Cancels and questions go on while trading is
halted. Errands that fail are looked at again: the row, not the task, remembers what is to be done.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from decimal import Decimal
from typing import Protocol, TypeVar

import msgspec
import structlog

from app.domain.events import Event
from app.domain.facts import AskOrder, CancelOrder, Command, SendOrder, SendTransfer
from app.domain.orders import (
    Balance,
    Evidence,
    Fill,
    NoAnswer,
    Order,
    OrderReport,
    OrderState,
)
from app.domain.times import SECOND_NS
from app.domain.transfers import (
    DepositAddress,
    Transfer,
    TransferState,
)
from app.domain.venues import Venue
from app.engine.execution.questions import Ask, Operator, Resolve, Wait, next_question
from app.ledger import intents
from app.ledger.leases import Lease
from app.runtime.trading import outcomes
from app.runtime.trading.clock import Clock
from app.runtime.trading.errands import Errands
from app.runtime.trading.fingerprint import fingerprint
from app.runtime.trading.keeper import Keeper
from app.runtime.trading.limits import (
    BACKOFF_S,
    BUSY_S,
    POISON_S_MAX,
    RECOVERY_AT_ONCE,
    RETRY_S,
    TURN_S,
)
from app.runtime.trading.port import Silent, VenuePort
from app.runtime.trading.store import Ledger
from app.runtime.trading.survey import listed, survey
from app.runtime.trading.transactions import (
    Kept,
)

log = structlog.get_logger("kimp.trading")

T = TypeVar("T")

# Codes of a claim that mean: not now. All others mean: not this one, never again.
LATER = frozenset({"BUSY", "NO_LEASE"})


class Told(Protocol):
    """Who hears of what came of it."""

    def changed(self, found: Kept) -> None: ...

    def event(self, event: Event) -> None: ...

    async def halt(self, reason: str) -> None: ...

    def operator(self, item: Order | Transfer, code: str) -> None:
        """Only a person can go on with it."""


class Gateway:
    """ports: of all venues that this process speaks to. lease(): of this venue, while held."""

    def __init__(
        self,
        venue: Venue,
        ports: Mapping[Venue, VenuePort],
        ledger: Ledger,
        clock: Clock,
        told: Told,
        *,
        mode: str,
        owner: str,
        lease: Callable[[], Lease | None],
        mac_key: bytes | None = None,
    ) -> None:
        self.venue = venue
        self.port = ports[venue]
        self.sent = 0
        self.external = 0
        """Rows of the user stream that belong to no order of ours."""
        self._ports = ports
        self._ledger = ledger
        self._clock = clock
        self._told = told
        self._mode = mode
        self._owner = owner
        self._lease = lease
        self._mac_key = mac_key
        self._keeper = Keeper(venue, ledger, clock, told, mode=mode)
        self._errands = Errands(str(venue), failed=self._failed, done=self._done)
        self._later: dict[str, tuple[int, Command]] = {}
        self._failures: dict[str, tuple[int, int]] = {}
        """Errand → how often it failed in a row, and until when its row rests."""
        self._asked_operator: set[tuple[str, str]] = set()
        self._is_stale = False
        """A transaction failed: it may have gone through all the same (H25)."""
        self._news = asyncio.Event()
        self._watching: asyncio.Task[None] | None = None

    # ------------------------------------------------------------------ life

    def start(self) -> None:
        """Questions begin; sends come by `do` alone. Once begun, it is begun."""
        if self._watching is None:
            self._watching = asyncio.create_task(self._keep_watch(), name=f"gateway-{self.venue}")

    async def stop(self) -> None:
        """What is under way may end; what does not is recovered from its row."""
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.gather(self._watching, return_exceptions=True)
            self._watching = None
        await self._errands.stop()

    async def sync(self) -> None:
        """Take the open intents from the ledger, whoever has changed them."""
        orders, transfers = await self._ledger.read(intents.open_intents, self._mode, self.venue)
        found: dict[str, Order | Transfer] = {order.client_id: order for order in orders}
        found |= {each.client_id: each for each in transfers if self._is_ours(each)}
        self._keeper.open = {
            client_id: item
            for client_id, item in found.items()
            if item.state not in {OrderState.PLANNED, TransferState.PLANNED}
        }
        self._news.set()

    def open(self) -> list[Order | Transfer]:
        """Sent, and not over."""
        return list(self._keeper.open.values())

    async def ask_all(self) -> int:
        """Every open intent once, as a start wants it; how many. Whoever has the lease asks."""
        found = self.open() if self._lease() is not None else []
        orders = [item for item in found if isinstance(item, Order)]
        groups = listed(orders, self._clock.at_ns(), finds_ended=self.port.rules.finds_ended)
        by_list = {order.client_id for group in groups.values() for order in group}
        at_once = asyncio.Semaphore(RECOVERY_AT_ONCE)

        async def ask(item: Order | Transfer) -> None:
            async with at_once:
                await self._guarded(item.client_id, self._ask_once(item))

        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(survey(self.port, self._keeper, self._clock, groups, self._guarded))
            for item in found:
                if item.client_id not in by_list:
                    tasks.create_task(ask(item))
        return len(found)

    async def _guarded(self, key: str, asking: Awaitable[None]) -> None:
        """One row that cannot be worked on must not keep a start from all others (H63)."""
        try:
            await asking
        except Exception as error:
            log.exception("recovery_question_failed", venue=self.venue, intent=key)
            await self._failed(key, error)

    async def _ask_once(self, item: Order | Transfer) -> None:
        if isinstance(item, Transfer):
            await self._ask_transfer(item, "withdrawals")
            return
        for kind in ("by_id", "fills") if self.port.rules.finds_ended else ("list", "fills"):
            await self._ask_order(item, kind)

    def moving(self) -> list[tuple[Venue, str]]:
        """What may change at venues, because of what is under way here."""
        found: list[tuple[Venue, str]] = []
        for item in self._keeper.open.values():
            if isinstance(item, Order):
                instrument = item.terms.instrument
                found += ((item.venue, instrument.base), (item.venue, instrument.quote))
            else:
                terms = item.terms
                found += ((terms.from_venue, terms.asset), (terms.to_venue, terms.asset))
        return found

    def _is_ours(self, transfer: Transfer) -> bool:
        """The sender's gateway asks both sides, where this process speaks to both."""
        return (
            transfer.terms.from_venue is self.venue or transfer.terms.from_venue not in self._ports
        )

    # ------------------------------------------------------------------ what is wanted

    def do(self, command: Command) -> None:
        """Begin it; a command for what is already under way comes too late."""
        match command:
            case SendOrder(client_id=client_id):
                self._errands.begin(client_id, lambda: self._send_order(client_id))
            case SendTransfer(client_id=client_id):
                self._errands.begin(client_id, lambda: self._send_transfer(client_id))
            case CancelOrder(client_id=client_id):
                self._errands.begin(f"cancel {client_id}", lambda: self._cancel(client_id))
            case AskOrder(client_id=client_id):
                self._errands.begin(f"look {client_id}", lambda: self._look(client_id))
            case _:
                raise AssertionError(f"no gateway does {type(command).__name__}")

    def hear(self, row: OrderReport | Fill | Balance) -> None:
        """From the user stream: a hint, and often the answer before the answer (H21)."""
        if isinstance(row, Balance):
            return
        client_id = self._keeper.named(row)
        if client_id is None and row.client_id is not None and row.client_id in self._errands:
            client_id = row.client_id
        if client_id is None:
            self._errands.begin(f"row {row.venue_order_id}", lambda: self._find(row))
        elif self._keeper.hear(client_id, row) and client_id not in self._errands:
            # A send in progress takes it with its own answer.
            self._errands.begin(client_id, lambda: self._keeper.order(client_id, _as_it_is))

    async def _find(self, row: OrderReport | Fill) -> None:
        """Of an order that is over here, or of none of ours (H67): then it is left alone."""
        for number in (row.venue_order_id, row.client_id):
            if number is None:
                continue
            order = await self._ledger.read(intents.by_venue_order, self._mode, self.venue, number)
            if order is not None:
                self._keeper.hear(order.client_id, row)
                await self._keeper.order(order.client_id, _as_it_is)
                return
        self.external += 1

    async def _failed(self, key: str, error: Exception) -> None:
        """A poison row must not keep everybody busy: it is looked at ever more rarely (H63)."""
        tries, _ = self._failures.get(key, (0, 0))
        rest_s = min(BACKOFF_S * 2**tries, POISON_S_MAX)
        self._failures[key] = tries + 1, self._clock.at_ns() + round(rest_s * SECOND_NS)
        self._is_stale = True
        if isinstance(error, outcomes.Contradiction):
            await self._told.halt(f"CONTRADICTION {error}")

    def _done(self, key: str, went_well: bool) -> None:
        """What the stream told meanwhile, and nobody has taken."""
        self._news.set()
        if went_well:
            self._failures.pop(key, None)
        if self._keeper.has_heard(key):
            self._errands.begin(key, lambda: self._keeper.order(key, _as_it_is))

    # ------------------------------------------------------------------ orders

    async def _send_order(self, client_id: str) -> None:
        lease = self._lease()
        if lease is None:
            self._put_off(client_id, SendOrder(self.venue, client_id))
            return
        found = await self._ledger.write(
            intents.claim_order,
            self._mode,
            client_id,
            self._owner,
            lease,
            self.port.rules.order_ms,
            signed_at_ns=self._clock.at_ns(),
        )
        if isinstance(found, str):
            self._not_claimed(SendOrder(self.venue, client_id), found)
            return
        self._keeper.open[client_id] = found
        self.sent += 1
        asked_ns = self._clock.at_ns()
        answer = await self._answer(self.port.place(found))
        answered_ns = self._clock.at_ns()
        await self._keeper.order(
            client_id,
            lambda order: outcomes.placed(order, answer, asked_ns, answered_ns),
            [self._keeper.event("answer", f"{client_id}:place", answer, answered_ns)],
        )

    async def _cancel(self, client_id: str) -> None:
        """Repeating it does no harm. Its answer is no news of the order: that is asked for."""
        order = await self._ledger.read(intents.get_order, self._mode, client_id)
        if order is None or order.state not in LIVING:
            return
        asked_ns = self._clock.at_ns()
        answer = await self._answer(self.port.cancel(order))
        answered_ns = self._clock.at_ns()
        await self._keeper.order(
            client_id, lambda row: outcomes.cancelled(row, answer, asked_ns, answered_ns)
        )
        await self._look(client_id)

    async def _look(self, client_id: str) -> None:
        """What it is now, and what it traded."""
        for kind in ("by_id", "fills"):
            order = await self._ledger.read(intents.get_order, self._mode, client_id)
            if order is not None and order.state is not OrderState.PLANNED and not order.is_over:
                await self._ask_order(order, kind)

    async def _ask_order(self, order: Order, kind: str) -> None:
        """One question and its answer, kept with the time at which the question left (R5, H14)."""
        if kind == "cancel":
            await self._cancel(order.client_id)
            return
        asked_ns = self._clock.at_ns()
        fills: Sequence[Fill] = ()
        report: OrderReport | None = None
        found: bool | None
        note = ""
        try:
            if kind == "by_id":
                report = await self.port.order(order)
                found = report is not None
            elif kind == "list":
                since_ns = order.signed_at_ns or order.planned_at_ns
                rows = await self.port.orders(order.terms.instrument, since_ns)
                report = outcomes.of_order(order, rows)
                found = report is not None
            else:
                fills = await self.port.fills(order)
                found = bool(fills)
        except Silent as silent:
            found, note = None, silent.reason
        evidence = Evidence(kind, asked_ns, self._clock.at_ns(), found, note)
        await self._keeper.order(
            order.client_id, lambda row: outcomes.reported(row, report, evidence), fills=fills
        )

    # ------------------------------------------------------------------ transfers

    async def _send_transfer(self, client_id: str) -> None:
        """The address is the receiver's own word of this moment, never one that was kept (H32)."""
        command = SendTransfer(self.venue, client_id)
        transfer = await self._ledger.read(intents.get_transfer, self._mode, client_id)
        if transfer is None or transfer.state is not TransferState.PLANNED:
            return
        address = await self._address(transfer)
        lease = self._lease()
        if address is None or lease is None:
            self._put_off(client_id, command)
            return
        found = await self._ledger.write(
            intents.claim_transfer,
            self._mode,
            client_id,
            self._owner,
            lease,
            self.port.rules.window_ms,
            address,
            signed_at_ns=self._clock.at_ns(),
            amount=await self._marked(transfer),
            mac_key=self._mac_key,
        )
        if isinstance(found, str):
            self._not_claimed(command, found)
            return
        self._keeper.open[client_id] = found
        self.sent += 1
        asked_ns = self._clock.at_ns()
        answer = await self._answer(self.port.withdraw(found))
        answered_ns = self._clock.at_ns()
        await self._keeper.transfer(
            client_id,
            lambda row: outcomes.withdrawn(row, answer, asked_ns, answered_ns),
            [self._keeper.event("answer", f"{client_id}:withdraw", answer, answered_ns)],
        )

    async def _marked(self, transfer: Transfer) -> Decimal | None:
        """The amount by which it is found again, where the venue takes no id."""
        mark = fingerprint(transfer, self.port.rules)
        if mark is None:
            return None
        terms = transfer.terms
        return await self._ledger.read(
            intents.fingerprint,
            self._mode,
            terms.from_venue,
            terms.asset,
            mark.amount,
            mark.step,
        )

    async def _address(self, transfer: Transfer) -> DepositAddress | None:
        receiver = self._ports.get(transfer.terms.to_venue)
        if receiver is None:
            return None
        try:
            found = await receiver.address(transfer.terms.asset, transfer.terms.to_network)
        except Silent as silent:
            log.warning("no_address", venue=receiver.venue, reason=silent.reason)
            return None
        if isinstance(found, DepositAddress):
            return found
        self._operator(transfer, found.code)
        return None

    async def _ask_transfer(self, transfer: Transfer, kind: str) -> None:
        asked_ns = self._clock.at_ns()
        terms = transfer.terms
        try:
            if kind == "deposits":
                receiver = self._ports[terms.to_venue]
                since_ns = transfer.signed_at_ns or transfer.planned_at_ns
                rows = await receiver.deposits(terms.asset, since_ns, transfer.txid)
                deposit = outcomes.of_deposit(transfer, rows)
                evidence = self._evidence(kind, asked_ns, found=deposit is not None)
                await self._keeper.transfer(
                    transfer.client_id,
                    lambda row: outcomes.received(row, deposit, evidence),
                    deposit=deposit,
                )
                return
            reports = await self.port.withdrawals(transfer)
        except Silent as silent:
            evidence = self._evidence(kind, asked_ns, found=None, note=silent.reason)
            await self._keeper.transfer(
                transfer.client_id, lambda row: outcomes.moved(row, evidence)
            )
            return
        report = outcomes.of_transfer(transfer, reports)
        evidence = self._evidence(kind, asked_ns, found=report is not None)
        await self._keeper.transfer(
            transfer.client_id, lambda row: outcomes.sent(row, report, evidence)
        )

    # ------------------------------------------------------------------ until there is proof

    async def _keep_watch(self) -> None:
        """Whatever a database says to one look, there is another one (H61)."""
        while True:
            try:
                await self._watch()
            except Exception:
                log.exception("watch_failed", venue=self.venue)
                self._is_stale = True
            await self._clock.sleep(RETRY_S)

    async def _watch(self) -> None:
        """While the lease is here: it alone spends the venue's budget."""
        lease = self._lease()
        while True:
            self._news.clear()
            before, lease = lease, self._lease()
            if lease is None:
                await self._clock.sleep(TURN_S)
                continue
            # Another process may have had it between two looks: then the fence tells.
            if before is None or before.fence != lease.fence or self._is_stale:
                self._is_stale = False
                await self.sync()
            now_ns = self._clock.at_ns()
            due_ns = now_ns + round(TURN_S * SECOND_NS)
            for client_id, item in list(self._keeper.open.items()):
                if client_id in self._errands or f"look {client_id}" in self._errands:
                    continue
                if self._failures.get(client_id, (0, 0))[1] > now_ns:
                    continue
                due_ns = min(due_ns, self._next(item, now_ns))
            for client_id, (at_ns, command) in list(self._later.items()):
                if at_ns <= now_ns:
                    del self._later[client_id]
                    self.do(command)
            await self._clock.wait(self._news, max(due_ns - now_ns, 1_000_000) / SECOND_NS)

    def _next(self, item: Order | Transfer, now_ns: int) -> int:
        """Do what the rule says of it; when to look at it again."""
        client_id = item.client_id
        question = next_question(item, self.port.rules, now_ns, self.port.healthy())
        match question:
            case Wait(until_ns=until_ns):
                return until_ns
            case Ask(kind="deposits") if not self._speaks_to_receiver(item):
                log.debug("deposits_elsewhere", intent=client_id)
            case Ask(kind=kind):
                if isinstance(item, Order):
                    self._errands.begin(client_id, lambda: self._ask_order(item, kind))
                else:
                    self._errands.begin(client_id, lambda: self._ask_transfer(item, kind))
            case Resolve(state=state, note=note):
                self._errands.begin(client_id, lambda: self._resolve(item, state, note))
            case Operator(code=code):
                self._errands.begin(client_id, lambda: self._ask_person(item, code))
        return now_ns + round(TURN_S * SECOND_NS)

    def _speaks_to_receiver(self, item: Order | Transfer) -> bool:
        """Else its own process asks it, and what it finds is committed there."""
        return isinstance(item, Order) or item.terms.to_venue in self._ports

    async def _resolve(
        self, item: Order | Transfer, state: OrderState | TransferState, note: str
    ) -> None:
        """The rule has its proof from the row as it was; a row that moved on is judged anew."""
        at_ns = self._clock.at_ns()
        if isinstance(item, Order):
            assert isinstance(state, OrderState)
            ended = state
            await self._keeper.order(
                item.client_id,
                lambda row: (
                    outcomes.resolved(row, ended, note, at_ns)
                    if row.version == item.version
                    else row
                ),
            )
            return
        assert isinstance(state, TransferState)
        gone = state
        evidence = Evidence("proof", at_ns, at_ns, False, note)
        await self._keeper.transfer(
            item.client_id,
            lambda row: (
                outcomes.moved(msgspec.structs.replace(row, state=gone), evidence)
                if row.version == item.version
                else row
            ),
        )

    async def _ask_person(self, item: Order | Transfer, code: str) -> None:
        """Written down as a question without an answer; asking the venue goes on."""
        self._operator(item, code)
        evidence = self._evidence("operator", self._clock.at_ns(), found=None, note=code)
        if isinstance(item, Order):
            await self._keeper.order(item.client_id, lambda row: outcomes.noted(row, evidence))
        else:
            await self._keeper.transfer(item.client_id, lambda row: outcomes.moved(row, evidence))

    # ------------------------------------------------------------------ parts

    async def _answer(self, asking: Awaitable[T]) -> T | NoAnswer:
        """Whatever goes wrong between here and the venue, nobody knows what came of it (R4)."""
        try:
            return await asking
        except Exception as error:
            log.exception("send_unclear", venue=self.venue)
            return NoAnswer(f"{type(error).__name__}")

    def _not_claimed(self, command: SendOrder | SendTransfer, code: str) -> None:
        if code in LATER:
            self._put_off(command.client_id, command)
        else:
            log.info("not_sent", venue=self.venue, intent=command.client_id, reason=code)

    def _put_off(self, client_id: str, command: Command) -> None:
        self._later[client_id] = (self._clock.at_ns() + round(BUSY_S * SECOND_NS), command)

    def _operator(self, item: Order | Transfer, code: str) -> None:
        """Told once for each reason."""
        if (item.client_id, code) not in self._asked_operator:
            self._asked_operator.add((item.client_id, code))
            log.warning("operator_needed", venue=self.venue, intent=item.client_id, reason=code)
            self._told.operator(item, code)

    def _evidence(
        self, kind: str, asked_ns: int, *, found: bool | None, note: str = ""
    ) -> Evidence:
        return Evidence(kind, asked_ns, self._clock.at_ns(), found, note)


LIVING = frozenset({
    OrderState.SENT, OrderState.UNKNOWN, OrderState.OPEN, OrderState.PARTIALLY_FILLED,
})  # fmt: skip


def _as_it_is(order: Order) -> Order:
    return order
