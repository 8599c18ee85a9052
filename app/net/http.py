"""HTTP: one client for every host, with limits on time and size."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import httpx

from app.net.egress import Egress, NotAllowed

CONNECT_S_MAX = 5.0
TOTAL_S_MAX = 15.0
BODY_BYTES_MAX = 64 * 1024 * 1024
CONNECTIONS_MAX = 64
IDLE_MAX = 32
IDLE_S_MAX = 30.0
NAME = "kimp"
# httpcore's words for the last moment before, and for a socket that stands and is still silent.
LEAVING = "http11.send_request_headers.started"
CONNECTED = "connection.connect_tcp.complete"


class Unanswered(Exception):
    """There is no answer: reason is one of timeout, unreachable, too large, not allowed, broken."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason


class Answer(NamedTuple):
    """headers: names in small letters. sent, received: monotonic ns; received with the head."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    sent_ns: int
    received_ns: int


class Http:
    """No cookies, no redirects, no proxy from the environment."""

    def __init__(self, egress: Egress, *, total_s: float = TOTAL_S_MAX) -> None:
        self._egress = egress
        self._total_s = total_s
        self._client = httpx.AsyncClient(
            follow_redirects=False,
            trust_env=False,
            timeout=httpx.Timeout(total_s, connect=CONNECT_S_MAX),
            limits=httpx.Limits(
                max_connections=CONNECTIONS_MAX,
                max_keepalive_connections=IDLE_MAX,
                keepalive_expiry=IDLE_S_MAX,
            ),
            headers={"user-agent": NAME, "accept": "application/json"},
        )

    async def ask(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        *,
        leaving: Callable[[], None] | None = None,
    ) -> Answer:
        """Raises Unanswered. Any status is an answer.

        leaving: called when the connection stands and nothing of the request has left. What it
        raises comes out of here, and then nothing leaves.
        """
        try:
            self._egress.check(url)
            async with asyncio.timeout(self._total_s):
                return await self._ask(method, url, headers or {}, body, leaving)
        except NotAllowed as refused:
            raise Unanswered("not allowed", str(refused)) from refused
        except (TimeoutError, httpx.TimeoutException) as late:
            raise Unanswered("timeout") from late
        except (httpx.NetworkError, httpx.ProxyError) as gone:
            raise Unanswered("unreachable", type(gone).__name__) from gone
        except (httpx.HTTPError, httpx.InvalidURL) as broken:
            raise Unanswered("broken", type(broken).__name__) from broken

    async def _ask(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes,
        leaving: Callable[[], None] | None,
    ) -> Answer:
        self._client.cookies.clear()
        request = self._client.build_request(
            method,
            url,
            headers=dict(headers),
            content=body or None,
            extensions={"trace": self._watched(urlsplit(url).hostname or "", leaving)},
        )
        sent_ns = time.monotonic_ns()
        response = await self._client.send(request, stream=True)
        received_ns = time.monotonic_ns()
        try:
            parts: list[bytes] = []
            size = 0
            async for part in response.aiter_bytes():
                size += len(part)
                if size > BODY_BYTES_MAX:  # of what is unpacked: a small body may unfold
                    raise Unanswered("too large")
                parts.append(part)
        finally:
            await response.aclose()
        headers = {name.lower(): value for name, value in response.headers.items()}
        return Answer(response.status_code, headers, b"".join(parts), sent_ns, received_ns)

    async def close(self) -> None:
        await self._client.aclose()

    def _watched(self, host: str, leaving: Callable[[], None] | None) -> Callable[[str, Any], Any]:
        async def trace(moment: str, told: Mapping[str, Any]) -> None:
            if moment == CONNECTED:
                stream = told["return_value"]
                try:
                    self._egress.check_peer(host, stream.get_extra_info("server_addr")[0])
                except NotAllowed:
                    await stream.aclose()
                    raise
            elif moment == LEAVING and leaving is not None:
                leaving()

        return trace
