"""Planted: the bugs, each a few characters of one file. `rule`: what it breaks (reliability 2.2).

`was` stands exactly once in its file; a test says so, so that no bug is planted into thin air.
"""

from __future__ import annotations

from typing import NamedTuple


class Bug(NamedTuple):
    name: str
    rule: str
    path: str
    was: str
    now: str


LEDGER, ENGINE, RUNTIME = "app/ledger/", "app/engine/execution/", "app/runtime/trading/"

BUGS = (
    # Sending
    Bug(
        "a timeout is sent again",
        "R4",
        RUNTIME + "gateway.py",
        "answer = await self._answer(self.port.place(found))\n",
        "answer = await self._answer(self.port.place(found))\n"
        "        if isinstance(answer, NoAnswer):\n"
        "            answer = await self._answer(self.port.place(found))\n",
    ),
    Bug(
        "a withdrawal without an answer is sent again",
        "H28",
        RUNTIME + "gateway.py",
        "answer = await self._answer(self.port.withdraw(found))\n",
        "answer = await self._answer(self.port.withdraw(found))\n"
        "        if isinstance(answer, NoAnswer):\n"
        "            answer = await self._answer(self.port.withdraw(found))\n",
    ),
    Bug(
        "what is found in SENT is sent",
        "R2",
        RUNTIME + "gateway.py",
        "        async with asyncio.TaskGroup() as tasks:\n            tasks.create_task(survey(",
        "        for order in orders:\n"
        "            if order.state is OrderState.SENT:\n"
        "                await self._answer(self.port.place(order))\n"
        "        async with asyncio.TaskGroup() as tasks:\n            tasks.create_task(survey(",
    ),
    Bug(
        "the kill switch is not read by the one who sends",
        "I10",
        LEDGER + "sending.py",
        "    if refused is not None:\n        return refused\n",
        "",
    ),
    Bug(
        "the venue's lease is not asked for",
        "R8",
        LEDGER + "sending.py",
        "    if not leases.holds(conn, venue_lease, at_ns):\n        return NO_LEASE\n",
        "",
    ),
    Bug(
        "a lost cycle's orders go out",
        "R8",
        LEDGER + "sending.py",
        "if cycle.closed_at_ns is not None or not (cycle.owner == owner or row.fence"
        " == cycle.fence):",
        "if cycle.closed_at_ns is not None:",
    ),
    Bug(
        "two unresolved withdrawals of one asset",
        "H28",
        LEDGER + "intent_rows.py",
        '"route_key": route_key(mode, new) if fate_unknown else None,',
        '"route_key": None,',
    ),
    Bug(
        "requests are signed at the door, whenever that is",
        "R3",
        RUNTIME + "ports/live.py",
        "self._door.act(request, intent.signed_at_ns, intent.valid_until_ns, window_ms)",
        "self._door.act(request, self._station.clock.at_ns(), 2**62, window_ms)",
    ),
    # Ids
    Bug(
        "the attempt is not in the id",
        "H11",
        ENGINE + "ids.py",
        "digest(identity, cycle, step, attempt)[:13]",
        "digest(identity, cycle, step)[:13]",
    ),
    # Answers
    Bug(
        "no answer means no",
        "R4",
        RUNTIME + "outcomes.py",
        "return noted(replace(order, state=OrderState.UNKNOWN), evidence)",
        "return noted(replace(order, state=OrderState.REJECTED), evidence)",
    ),
    Bug(
        "a withdrawal without an answer was refused",
        "R4",
        RUNTIME + "outcomes.py",
        "return moved(replace(transfer, state=TransferState.UNKNOWN), evidence)",
        "return moved(replace(transfer, state=TransferState.REJECTED), evidence)",
    ),
    Bug(
        "our own exceptions are refusals",
        "R4",
        RUNTIME + "gateway.py",
        '            return NoAnswer(f"{type(error).__name__}")',
        '            return outcomes.Rejection("error", type(error).__name__)',
    ),
    Bug(
        "a cancel that was accepted has filled nothing",
        "H19",
        RUNTIME + "outcomes.py",
        '            note = "accepted"\n',
        '            note = "accepted"\n'
        "            order = replace(order, state=OrderState.CANCELLED)\n",
    ),
    Bug(
        "a deposit of the same amount is ours",
        "H36",
        RUNTIME + "outcomes.py",
        "        if report.txid is not None and report.txid.casefold() == ours:",
        "        if ours and report.amount == transfer.terms.amount:",
    ),
    # Proof of absence
    Bug(
        "absence counts before the deadline",
        "H14",
        ENGINE + "questions.py",
        "first = _pass(evidence, sources, deadline_ns)",
        "first = _pass(evidence, sources, 0)",
    ),
    Bug(
        "the deadline has no margin",
        "R5",
        ENGINE + "questions.py",
        "    return until_ns + MARGIN_NS",
        "    return until_ns - 2 * MARGIN_NS",
    ),
    Bug(
        "one pass proves absence",
        "R5",
        ENGINE + "questions.py",
        "if first is not None and _pass(evidence, sources, since_ns) is not None and healthy:",
        "if first is not None and healthy:",
    ),
    Bug(
        "one source proves absence",
        "H13",
        ENGINE + "questions.py",
        "sources = (BY_ID, LIST) if rules.finds_ended else (LIST, FILLS)",
        "sources = (BY_ID,)",
    ),
    Bug(
        "an outage proves absence",
        "R5",
        RUNTIME + "gateway.py",
        "            found, note = None, silent.reason\n        evidence = Evidence(kind, asked_ns",
        "            found, note = False, silent.reason\n"
        "        evidence = Evidence(kind, asked_ns",
    ),
    Bug(
        "a withdrawal that takes long was not placed",
        "H33",
        ENGINE + "questions.py",
        "        return Operator(code)\n    pause_ns",
        '        return Resolve(TransferState.NOT_PLACED, "late")\n    pause_ns',
    ),
    # The ledger
    Bug(
        "an UPDATE without the expected state",
        "R2",
        LEDGER + "order_intents.py",
        "    if stored.state not in expected or stored.version != new.version:\n"
        "        return False\n    if stored.state is OrderState.PLANNED or",
        "    if stored.state is OrderState.PLANNED or",
    ),
    Bug(
        "a decision on an old version",
        "R8",
        LEDGER + "cycles.py",
        "    if row.owner != owner or row.version != decision.version:",
        "    if row.owner != owner:",
    ),
    Bug(
        "a decision by one who has lost the cycle",
        "R8",
        LEDGER + "cycles.py",
        "    if row.owner != owner or row.version != decision.version:",
        "    if row.version != decision.version:",
    ),
    Bug(
        "cycles that somebody works on are claimed",
        "H50",
        LEDGER + "cycles.py",
        "    free = table.c.owner.is_(None) | (table.c.lease_until_ns < at_ns)",
        "    free = table.c.lease_until_ns.is_(None) | (table.c.lease_until_ns >= 0)",
    ),
    Bug(
        "a lease that is held is given away",
        "R8",
        LEDGER + "leases.py",
        "    if row.until_ns > at_ns:\n        return None\n",
        "",
    ),
    Bug(
        "fills without a number of their own",
        "H22",
        LEDGER + "order_intents.py",
        '    number = f"{market.base}-{market.quote}:{market.product}:{fill.trade_id}"',
        '    number = f"{market.base}-{market.quote}:{market.product}:{fill.trade_id}:{at_ns}"',
    ),
    Bug(
        "an order is complete when it has ended",
        "H24",
        LEDGER + "order_intents.py",
        "        complete=order.state in ORDER_ENDS and filled == quantity,",
        "        complete=order.state in ORDER_ENDS,",
    ),
    Bug(
        "fees of trades are forgotten",
        "H23",
        LEDGER + "bookings.py",
        "        *_fee(traded, cycle_id, closed=closed),\n",
        "",
    ),
    Bug(
        "the fee of a withdrawal is forgotten",
        "H34",
        LEDGER + "bookings.py",
        "        *_moved(purse, (chart.FEE_NETWORK, cycle_id), terms.asset, fee),\n",
        "",
    ),
    Bug(
        "money in floats",
        "R7",
        LEDGER + "bookings.py",
        "    return EXACT.multiply(price, quantity)",
        "    return Decimal(repr(float(price) * float(quantity)))",
    ),
    Bug(
        "a deposit is booked at its sender",
        "I5",
        LEDGER + "bookings.py",
        "    purse = _purse(terms.to_venue, cycle_id, closed=closed)",
        "    purse = _purse(terms.from_venue, cycle_id, closed=closed)",
    ),
    Bug(
        "a cycle ends with its orders open",
        "H49",
        LEDGER + "endings.py",
        "    _check_intents(view, by_hand=by_hand)\n",
        "",
    ),
    # Retries and recovery
    Bug(
        "tries are not counted",
        "H63",
        ENGINE + "failing.py",
        "    attempts = scene.cycle.attempts + 1\n",
        "    attempts = scene.cycle.attempts\n",
    ),
    Bug(
        "one try more than is allowed",
        "H63",
        ENGINE + "failing.py",
        "    cycle, policy = scene.cycle, scene.policy\n"
        "    if cycle.attempts >= policy.retry_max:\n",
        "    cycle, policy = scene.cycle, scene.policy\n"
        "    if cycle.attempts > policy.retry_max:\n",
    ),
    Bug(
        "a start forgets what was under way",
        "R10",
        RUNTIME + "gateway.py",
        "            if item.state not in {OrderState.PLANNED, TransferState.PLANNED}\n",
        "            if item.state in {OrderState.OPEN, TransferState.ON_CHAIN}\n",
    ),
    Bug(
        "an answer that could not be kept is dropped",
        "H24",
        RUNTIME + "keeper.py",
        "        order, found = await self._kept(\n"
        "            keep_order, self._mode, client_id, all_of_it, seen, [*fills, *told]\n"
        "        )\n",
        "        order, found = await self._kept(\n"
        "            keep_order, self._mode, client_id, all_of_it, seen, told\n"
        "        )\n",
    ),
)
