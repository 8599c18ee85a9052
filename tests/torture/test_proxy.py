"""The line between two programs does what is told of it."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import suppress

import pytest

from tests.torture.proxy import SOUND, Line, Proxies, Toxic, proxying

PIECE = b"a wire that carries " * 500


@pytest.fixture
def echo() -> Iterator[int]:
    """A server that says everything again."""
    listener = socket.create_server(("127.0.0.1", 0))

    def talk(here: socket.socket) -> None:
        with here, suppress(OSError):
            while piece := here.recv(65_536):
                here.sendall(piece)

    def listen() -> None:
        with suppress(OSError):
            while True:
                threading.Thread(target=talk, args=(listener.accept()[0],), daemon=True).start()

    threading.Thread(target=listen, daemon=True).start()
    yield listener.getsockname()[1]
    listener.close()


@pytest.fixture
def proxies() -> Iterator[Proxies]:
    with proxying() as found:
        yield found


def called(line: Line) -> socket.socket:
    return socket.create_connection(("127.0.0.1", line.port), timeout=20)


def heard(here: socket.socket, count: int) -> bytes:
    found = b""
    while len(found) < count:
        piece = here.recv(65_536)
        if not piece:
            break
        found += piece
    return found


@pytest.mark.parametrize(
    "toxic", [SOUND, Toxic(slices=7), Toxic(delay_s=0.01, jitter_s=0.01)], ids=str
)
def test_what_goes_in_comes_out_whole_and_in_order(
    echo: int, proxies: Proxies, toxic: Toxic
) -> None:
    line = proxies.line(echo)
    proxies.sicken(line, toxic)
    with called(line) as here:
        threading.Thread(target=here.sendall, args=(PIECE,), daemon=True).start()
        assert heard(here, len(PIECE)) == PIECE


def test_a_reset_cuts_off_whoever_is_there_and_lets_others_in(echo: int, proxies: Proxies) -> None:
    line = proxies.line(echo)
    with called(line) as here:
        here.sendall(b"before")
        assert heard(here, 6) == b"before"
        proxies.reset(line)
        with pytest.raises(ConnectionResetError):
            heard(here, 1)
    with called(line) as again:
        again.sendall(b"after")
        assert heard(again, 5) == b"after"


def test_a_line_that_is_down_lets_nobody_through_until_it_heals(
    echo: int, proxies: Proxies
) -> None:
    line = proxies.line(echo)
    proxies.sicken(line, Toxic(down=True))
    with called(line) as here, suppress(ConnectionError):
        here.sendall(b"hello")
        assert heard(here, 5) == b""
    proxies.sicken(line, SOUND)
    with called(line) as here:
        here.sendall(b"hello")
        assert heard(here, 5) == b"hello"


def test_a_half_open_line_swallows_until_it_heals_and_nothing_is_lost(
    echo: int, proxies: Proxies
) -> None:
    line = proxies.line(echo)
    with called(line) as here:
        here.sendall(b"first ")
        assert heard(here, 6) == b"first "
        proxies.sicken(line, Toxic(half_open=True))
        here.sendall(b"second")
        here.settimeout(0.5)
        with pytest.raises(TimeoutError):
            here.recv(1)
        proxies.sicken(line, SOUND)
        here.settimeout(20)
        assert heard(here, 6) == b"second"
