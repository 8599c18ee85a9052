"""REPEATS: a form that is sent twice has one effect, and both senders get the one answer.

Each form carries a random `once`. The guard asks here before the route runs; the middleware hands
in the answer. Kept in memory only: a double click is a matter of seconds.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import Iterable

from starlette.datastructures import FormData
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.security.csrf import SAFE_METHODS

FIELD = "once"
KEPT_MAX = 100
ANSWER_BYTES_MAX = 256 * 1024
_MEMORY, _KEY = "repeats", "repeat_key"


class Repeated(Exception):
    """This form was sent before; `answer` is what it was answered with."""

    def __init__(self, answer: Response) -> None:
        super().__init__("repeated")
        self.answer = answer


class Repeats:
    """What was answered to the last forms, and which are being answered now."""

    def __init__(self) -> None:
        self._answers: OrderedDict[str, asyncio.Future[Response | None]] = OrderedDict()

    async def first(self, key: str) -> None:
        """Returns for the first sender; raises Repeated for others, once the first is answered.

        An answer that refuses is not kept: after it the next sender is the first.
        """
        while key in self._answers:
            answer = await asyncio.shield(self._answers[key])
            if answer is not None:
                raise Repeated(answer)
        self._answers[key] = asyncio.get_running_loop().create_future()
        if len(self._answers) > KEPT_MAX:
            _, oldest = self._answers.popitem(last=False)
            _settle(oldest, None)

    def answered(self, key: str, answer: Response | None) -> None:
        """The first sender's answer; None when it changed nothing or cannot be kept."""
        future = self._answers.get(key) if answer else self._answers.pop(key, None)
        if future is not None:
            _settle(future, answer)


def _settle(future: asyncio.Future[Response | None], answer: Response | None) -> None:
    if not future.done():
        future.set_result(answer)


async def first_of(scope: Scope, whose: str, form: FormData) -> None:
    """Raises Repeated where `whose` has sent this very form before."""
    once = form.get(FIELD)
    if isinstance(once, str) and once:
        key = _digest([whose, scope["method"], scope["path"], once, repr(form.multi_items())])
        await scope["state"][_MEMORY].first(key)
        scope["state"][_KEY] = key


def _digest(parts: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


class KeepsAnswers:
    """The middleware that hands each first answer to `Repeats`."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.repeats = Repeats()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] in SAFE_METHODS:
            await self.app(scope, receive, send)
            return
        state = scope["state"]
        state[_MEMORY] = self.repeats
        kept = _Kept()

        async def keep(message: Message) -> None:
            if _KEY in state:
                kept.add(message)
            await send(message)

        try:
            await self.app(scope, receive, keep)
        finally:
            if _KEY in state:
                self.repeats.answered(state[_KEY], kept.answer())


class _Kept:
    """Gathers one small answer."""

    def __init__(self) -> None:
        self._head: Message | None = None
        self._body = b""
        self._whole = False

    def add(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._head = message
        elif message["type"] == "http.response.body" and len(self._body) <= ANSWER_BYTES_MAX:
            self._body += message.get("body", b"")
            self._whole = not message.get("more_body", False)

    def answer(self) -> Response | None:
        """What a repeat is answered with; None for refusals and for long answers."""
        if self._head is None or not self._whole or self._head["status"] >= 400:
            return None
        if len(self._body) > ANSWER_BYTES_MAX:
            return None
        answer = Response(self._body, self._head["status"])
        answer.raw_headers = list(self._head["headers"])
        return answer
