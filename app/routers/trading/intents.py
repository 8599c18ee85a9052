"""Intents: orders and transfers as rows, each committed before it was sent."""

from __future__ import annotations

from dataclasses import dataclass

from app.domain.accounting import OrderRow, TransferRow
from app.domain.orders import ORDER_ENDS, Order
from app.domain.times import SECOND_NS
from app.domain.transfers import Transfer


@dataclass(frozen=True, slots=True)
class Intent:
    """took_s: from sending until it was over, or until now."""

    id: str
    item: Order | Transfer
    took_s: float | None

    @property
    def is_order(self) -> bool:
        return isinstance(self.item, Order)


def intent(row: OrderRow | TransferRow, now_ns: int) -> Intent:
    item = row.order if isinstance(row, OrderRow) else row.transfer
    if item.signed_at_ns is None:
        return Intent(row.id, item, None)
    over = item.state in ORDER_ENDS if isinstance(item, Order) else item.is_over
    end_ns = item.updated_at_ns if over else now_ns
    return Intent(row.id, item, max(end_ns - item.signed_at_ns, 0) / SECOND_NS)
