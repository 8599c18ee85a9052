"""/__sim/ of one port: faults, keys, the certificate authority, and what the seed hides."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Protocol

from app.simulator.faults import Fault, Impossible, Unasked
from app.simulator.protocol import Reply, Request


class Watched(Protocol):
    """A connection, as the core's clock sees it."""

    def flush(self) -> None: ...

    def look(self) -> None: ...

    def end(self) -> None: ...


class Control:
    """begin: starts a fault; raises Unasked, Impossible. facts: what GET /__sim/world tells.

    books: the rows of one kind of the account's books; None: no account.
    """

    def __init__(
        self,
        begin: Callable[[dict[str, Any]], Fault],
        faults: Callable[[], dict[str, Fault]],
        remove: Callable[[Fault], None],
        *,
        facts: Callable[[], dict[str, Any]],
        keys: dict[str, str],
        authority_pem: Callable[[], bytes | None],
        books: Callable[[str], Any] | None = None,
    ) -> None:
        self.connections: set[Watched] = set()
        self._begin, self._faults, self._remove = begin, faults, remove
        self._facts = facts
        self._keys = keys
        self._authority_pem = authority_pem
        self._books = books

    def http(self, request: Request) -> Reply:
        path = request.path.removeprefix("/__sim/").rstrip("/")
        name, _, rest = path.partition("/")
        match request.method, name:
            case "GET", "ca.pem":
                pem = self._authority_pem()
                if pem is None:
                    return _refused(404, "start it with --tls")
                return Reply(200, pem, (("Content-Type", "application/x-pem-file"),))
            case "GET", "keys":
                return Reply.json(self._keys)
            case "GET", "world":
                return Reply.json(self._facts())
            case "GET", "orders" | "fills" | "withdrawals" | "deposits" | "balances":
                if self._books is None:
                    return _refused(404, "nobody trades here")
                return Reply.json(self._books(name))
            case "POST", "faults" if not rest:
                return self._add(request.body)
            case "GET", "faults" if not rest:
                return Reply.json({"items": [one.told() for one in self._faults().values()]})
            case (("GET" | "DELETE"), "faults"):
                return self._one(request.method, rest)
        return _refused(404, "faults, keys, world, ca.pem, orders, fills, …")

    def _add(self, body: bytes) -> Reply:
        try:
            asked = json.loads(body)
        except ValueError:
            return _refused(422, "the body is JSON")
        if not isinstance(asked, dict):
            return _refused(422, "the body is an object")
        try:
            return Reply.json({"id": self._begin(asked).id})
        except Unasked as reason:
            return _refused(422, str(reason))
        except Impossible as reason:
            return _refused(409, str(reason))

    def _one(self, method: str, fault_id: str) -> Reply:
        if method == "DELETE" and not fault_id:
            for fault in list(self._faults().values()):
                self._remove(fault)
            return Reply.json({"items": []})
        found = self._faults().get(fault_id)
        if found is None:
            return _refused(404, f"no fault {fault_id} is active")
        if method == "DELETE":
            self._remove(found)
        return Reply.json(found.told())


def _refused(status: int, message: str) -> Reply:
    return Reply.json({"error": message}, status)
