"""One TCP connection: HTTP/1.1 with keep-alive, and a WebSocket after its handshake."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Callable
from email.utils import formatdate
from http import HTTPStatus
from typing import Any

from websockets.frames import Frame, Opcode
from websockets.protocol import OPEN
from websockets.server import ServerProtocol

from app.simulator.control import Control
from app.simulator.faults import ANSWER_KINDS
from app.simulator.frames import framed
from app.simulator.part import TLS_MARK, Outlet, Part
from app.simulator.protocol import HTML, Listing, Reply, Request

HEAD_BYTES_MAX = 32 * 1024
BODY_BYTES_MAX = 1024 * 1024
FRAME_BYTES_MAX = 1024 * 1024
BACKLOG_BYTES_MAX = 32 * 1024 * 1024
"""Unread by the client: then it is cut, as venues cut slow readers."""
HELD_S = 60.0
"""A timed-out request is held so long before its connection closes."""
HTTP_IDLE_S = 120.0
CLOSE_S_MAX = 10.0
"""For the client's own close frame."""
FRAMES = {Opcode.TEXT, Opcode.BINARY, Opcode.CONT}


class Malformed(ValueError):
    """Not HTTP that this server reads."""


class Connection(Outlet, asyncio.Protocol):
    """part: the venue, control: its /__sim/. secure: it came over TLS."""

    def __init__(self, part: Part, control: Control, *, secure: bool) -> None:
        self.part = part
        self.control = control
        self.secure = secure
        self.topics: set[str] = set()
        self.waiting: list[bytes] = []
        self.path = self.query = ""
        self.headers: dict[str, str] = {}
        self.state: Any = None
        self._buffer = b""
        self._wire: ServerProtocol | None = None
        self._text: list[bytes] = []
        self._closing = False
        loop = asyncio.get_running_loop()
        self._now: Callable[[], float] = loop.time
        self._opened_at = self._heard_at = self._sent_at = self._pinged_at = loop.time()
        self._unanswered_since: float | None = None
        self._left_at: float | None = None
        """When we sent the close frame: then nothing is heard any more."""
        self._second = (0, 0)

    # ---- asyncio -----------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.control.connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self.control.connections.discard(self)
        self._forget()

    def data_received(self, data: bytes) -> None:
        self._heard_at = self._now()
        if self._wire is not None:
            self._frames_in(data)
        elif not self._closing:
            self._buffer += data
            try:
                self._requests()
            except Malformed as reason:
                self._answer(Reply(400, str(reason).encode()), close=True)
        self.flush()

    def eof_received(self) -> bool:
        return False

    def _forget(self) -> None:
        for topic in list(self.topics):
            self.unsubscribe(topic)
        if self in self.part.outlets:
            del self.part.outlets[self]
            self.part.dialect.closed(self)

    # ---- HTTP --------------------------------------------------------------------------------

    def _requests(self) -> None:
        """Every whole request in the buffer."""
        while self._wire is None and not self._closing:
            head, ended, rest = self._buffer.partition(b"\r\n\r\n")
            if not ended:
                if len(self._buffer) > HEAD_BYTES_MAX:
                    raise Malformed("the head is too long")
                return
            method, target, headers = _head(head)
            if headers.get("upgrade", "").lower() == "websocket":
                request = self._request(method, target, headers, b"")
                self._buffer = b""
                self._handshake(request, head + ended, rest)
                return
            size = _size(headers)
            if len(rest) < size:
                return
            self._buffer = rest[size:]
            self._serve(self._request(method, target, headers, rest[:size]))

    def _request(self, method: str, target: str, headers: dict[str, str], body: bytes) -> Request:
        path, _, query = target.partition("?")
        headers.pop(TLS_MARK, None)
        if self.secure:
            headers[TLS_MARK] = "1"
        return Request(method, path, query, headers, body)

    def _serve(self, request: Request) -> None:
        close = request.headers.get("connection", "").lower() == "close"
        if request.path.startswith("/__sim/"):
            self._answer(self.control.http(request), close=close)
            return
        part = self.part
        if part.faults.find(frozenset({"maintenance"})) is not None:
            self._answer(part.dialect.maintenance(request), close=close)
            return
        self._answer_or_fail(request, close=close)

    def _answer_or_fail(self, request: Request, *, close: bool) -> None:
        part = self.part
        fault = part.faults.find(ANSWER_KINDS)
        if fault is None:
            self._answer(part.dialect.http(request), close=close)
            return
        if fault.kind == "late" and request.method == "GET":
            self._answer(part.dialect.http(request), close=close)
            return
        reply = None
        if fault.after_accept:
            # it waits for what changes the account, and spoils the answer of that alone
            before = part.desk.accepted
            reply = part.dialect.http(request)
            if part.desk.accepted == before:
                self._answer(reply, close=close)
                return
        part.faults.used(fault)
        loop = asyncio.get_running_loop()
        match fault.kind:
            case "late":  # on its way for a while: the venue sees it, and its age, then
                self._closing = True
                loop.call_later(
                    fault.ms / 1_000,
                    lambda: self._answer(part.dialect.http(request), close=True),
                )
            case "http":
                self._answer(part.dialect.limited(request, fault.status or 503), close=close)
            case _:
                if fault.ms > 0 and reply is None:
                    reply = part.dialect.http(request)
                self._hold(reply if fault.ms > 0 else None, fault.ms)

    def _hold(self, reply: Reply | None, ms: int) -> None:
        """Too late for most callers, or never; then the connection ends."""
        self._closing = True
        loop = asyncio.get_running_loop()
        if reply is None:
            loop.call_later(HELD_S, self.transport.abort)
        else:
            loop.call_later(ms / 1_000, lambda: self._answer(reply, close=True))

    def _answer(self, reply: Reply, *, close: bool) -> None:
        reason = HTTPStatus(reply.status).phrase if reply.status in _KNOWN else "Unknown"
        date = formatdate(self.part.now_ms() / 1_000, usegmt=True)
        lines = [
            f"HTTP/1.1 {reply.status} {reason}",
            f"Date: {date}",
            f"Content-Length: {len(reply.body)}",
            *(f"{name}: {value}" for name, value in reply.headers),
            f"Connection: {'close' if close else 'keep-alive'}",
            "\r\n",
        ]
        self.transport.write("\r\n".join(lines).encode() + reply.body)
        if close:
            self._closing = True
            self.transport.close()

    # ---- WebSocket ---------------------------------------------------------------------------

    def _handshake(self, request: Request, head: bytes, rest: bytes) -> None:
        refused = self.part.dialect.admits(request)
        if self.part.faults.find(frozenset({"maintenance"})) is not None:
            refused = Reply(503, b"Service Unavailable", HTML)
        if refused is not None:
            self._answer(refused, close=True)
            return
        self.path, self.query, self.headers = request.path, request.query, dict(request.headers)
        wire = ServerProtocol(max_size=FRAME_BYTES_MAX)
        wire.receive_data(head)
        asked = wire.events_received()
        if not asked:
            self._answer(Reply(400, b"no WebSocket handshake"), close=True)
            return
        wire.send_response(wire.accept(asked[0]))  # type: ignore[arg-type] # the request alone
        self._write_wire(wire)
        if wire.state is not OPEN:
            self.transport.close()
            return
        self._wire = wire
        self.part.outlets[self] = None
        self.part.dialect.opened(self)
        if rest:
            self._frames_in(rest)

    def _frames_in(self, data: bytes) -> None:
        wire = self._wire
        assert wire is not None
        wire.receive_data(data)
        for event in wire.events_received():
            assert isinstance(event, Frame)
            if event.opcode is Opcode.PONG:
                self._unanswered_since = None
            elif event.opcode in FRAMES:
                self._text.append(bytes(event.data))
                if event.fin and self._left_at is None:
                    text, self._text = b"".join(self._text), []
                    self._hear(text)
        if not self.part.silent:
            self.flush()
            self._write_wire(wire)
        else:
            wire.data_to_send()  # pongs, too, are lost
        # after our own close frame theirs is awaited: an early FIN would become an RST
        answered = self._left_at is None or wire.close_rcvd is not None
        if wire.close_expected() and answered and not self._closing:
            self._closing = True
            self.transport.close()

    def _write_wire(self, wire: ServerProtocol) -> None:
        for data in wire.data_to_send():
            if data:
                self.transport.write(data)

    def _hear(self, text: bytes) -> None:
        most = self.part.dialect.keep_alive.messages_per_s
        second = int(self._now())
        count = self._second[1] + 1 if self._second[0] == second else 1
        self._second = second, count
        if most is not None and count > most:
            self.close(1008, "too many messages")
            return
        try:
            self.part.dialect.heard(self, text.decode())
        except UnicodeDecodeError:
            self.close(1007, "no UTF-8")

    # ---- what dialects do with it ------------------------------------------------------------

    def send(self, text: str) -> None:
        if not self.part.silent:
            self.waiting.append(framed(text, binary=self.part.dialect.binary))

    def push(self, text: str, listing: Listing) -> None:
        self.part.pushed(self, text, listing)

    def subscribe(self, topic: str) -> None:
        self.topics.add(topic)
        self.part.join(self, topic)

    def unsubscribe(self, topic: str) -> None:
        self.topics.discard(topic)
        self.part.quit(self, topic)

    def close(self, code: int, reason: str = "") -> None:
        wire = self._wire
        if wire is None or self._closing or wire.state is not OPEN:
            return
        self.flush()
        wire.send_close(code, reason)
        self._write_wire(wire)
        self._left_at = self._now()
        self._forget()

    def leave(self, code: int) -> None:
        self.close(code)

    def reset(self) -> None:
        """An RST, as a crashed balancer sends it."""
        raw = self.transport.get_extra_info("socket")
        if raw is not None:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._closing = True
        self.transport.abort()

    # ---- what the core does with it ----------------------------------------------------------

    def flush(self) -> None:
        if self.waiting:
            self.transport.write(b"".join(self.waiting))
            self.waiting.clear()
            self._sent_at = self._now()

    def end(self) -> None:
        self._closing = True
        self.transport.abort()

    def look(self) -> None:
        """Once a second: pings, idle cuts, slow readers."""
        wire, rules, now = self._wire, self.part.dialect.keep_alive, self._now()
        if wire is None and not self._closing and now - self._heard_at > HTTP_IDLE_S:
            self.transport.close()
        if wire is None or self._closing:
            return
        late = self._left_at is not None and now - self._left_at > CLOSE_S_MAX
        if late or self.transport.get_write_buffer_size() > BACKLOG_BYTES_MAX:
            self.transport.abort()
            return
        if self._left_at is not None:
            return
        quiet_since = max(self._heard_at, self._sent_at)
        silent_s = self._unanswered_since and now - self._unanswered_since
        if (
            (rules.quiet_s is not None and now - quiet_since > rules.quiet_s)
            or (rules.unheard_s is not None and now - self._heard_at > rules.unheard_s)
            or (rules.pong_s is not None and silent_s and silent_s > rules.pong_s)
            or (rules.life_s is not None and now - self._opened_at > rules.life_s)
        ):
            self.leave(1001)
            return
        if rules.ping_every_s is not None and now - self._pinged_at >= rules.ping_every_s:
            self._pinged_at = now
            self._unanswered_since = self._unanswered_since or now
            wire.send_ping(str(self.part.now_ms()).encode())
            if self.part.silent:
                wire.data_to_send()
            else:
                self._write_wire(wire)


_KNOWN = {status.value for status in HTTPStatus}


def _head(head: bytes) -> tuple[str, str, dict[str, str]]:
    """Method, target, headers by lower-case name. Raises Malformed."""
    first, *lines = head.decode("latin-1").split("\r\n")
    words = first.split(" ")
    if len(words) != 3 or not words[1].startswith("/"):
        raise Malformed("no request line")
    headers = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon:
            raise Malformed("a header without a colon")
        headers[name.strip().lower()] = value.strip()
    return words[0], words[1], headers


def _size(headers: dict[str, str]) -> int:
    if "transfer-encoding" in headers:
        raise Malformed("send a Content-Length")
    text = headers.get("content-length", "0")
    if not text.isdecimal() or int(text) > BODY_BYTES_MAX:
        raise Malformed("Content-Length is a small number")
    return int(text)
