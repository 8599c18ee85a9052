"""The real process on a real socket: what it listens on, what it refuses, what that costs."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from tests.browser.service import REPOSITORY, Service, running

MIB = 1 << 20
GIB = 1 << 30


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with running(tmp_path_factory.mktemp("security")) as found:
        with found.api() as api:
            api.put("/settings/uploads.max_gib", json={"value": 0.01}).raise_for_status()
        yield found


def raw(service: Service, request: bytes) -> bytes:
    """Send bytes as they are, read until the other side closes or pauses."""
    with socket.create_connection(("127.0.0.1", urlsplit(service.url).port or 0), 10) as wire:
        wire.sendall(request)
        wire.settimeout(2)
        answer = b""
        try:
            while piece := wire.recv(65_536):
                answer += piece
        except TimeoutError:
            pass
        return answer


def status(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


def process_of(service: Service) -> Path:
    """/proc of the process that serves; its workers carry another command line."""
    for found in Path("/proc").glob("[0-9]*"):
        try:
            serves = (found / "cmdline").read_bytes().endswith(b"-m\0app\0serve\0")
            ours = str(service.data_dir).encode() in (found / "environ").read_bytes()
        except (FileNotFoundError, PermissionError, ProcessLookupError):
            continue
        if serves and ours:
            return found
    raise AssertionError("the service runs nowhere")


def peak_mib(service: Service) -> float:
    """The largest resident size since `forget_peak`."""
    for line in (process_of(service) / "status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    raise AssertionError("no VmHWM")


def forget_peak(service: Service) -> float:
    (process_of(service) / "clear_refs").write_text("5")
    return peak_mib(service)


def test_binds_loopback_and_nothing_else(service: Service) -> None:
    port = urlsplit(service.url).port or 0
    listening = [
        line.split()[1]
        for table in ("tcp", "tcp6")
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]
        if line.split()[3] == "0A" and line.split()[1].endswith(f":{port:04X}")
    ]
    assert listening == [f"0100007F:{port:04X}"]


@pytest.mark.parametrize(
    ("environment", "told"),
    [
        ({"KIMP_HOST": "0.0.0.0"}, "KIMP_PUBLIC_URL is not set"),
        ({"KIMP_HOST": "0.0.0.0", "KIMP_PUBLIC_URL": "http://kimp.test"}, "must be https"),
        ({"KIMP_ADMIN_PASSWORD": "short"}, "KIMP_ADMIN_PASSWORD=*** (5 characters)"),
        ({"KIMP_API_TOKEN": "short"}, "KIMP_API_TOKEN=*** (5 characters)"),
    ],
)
def test_refuses_to_start_open_to_the_world(
    tmp_path: Path, environment: dict[str, str], told: str
) -> None:
    known = {name: value for name, value in os.environ.items() if not name.startswith("KIMP_")}
    ended = subprocess.run(
        [sys.executable, "-m", "app", "serve"],
        check=False,
        cwd=REPOSITORY,
        env=known | {"KIMP_DATA_DIR": str(tmp_path)} | environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ended.returncode != 0
    assert told in ended.stderr
    assert "Traceback" not in ended.stderr
    assert len(ended.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        (b"evil.test", 421),
        (b"x/login?", 400),
        (b"127.0.0.1/login?", 400),
        (b"127.0.0.1\r\nHost: evil.test", 400),
        (b"127.0.0.1", 200),
    ],
)
def test_host_on_the_wire(service: Service, host: bytes, expected: int) -> None:
    answer = raw(service, b"GET /healthz HTTP/1.1\r\nHost: %b\r\nConnection: close\r\n\r\n" % host)
    assert status(answer) == expected


def test_methods_on_the_wire(service: Service) -> None:
    for method in (b"TRACE", b"PROPFIND", b"PUT"):
        answer = raw(
            service, b"%b / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n" % method
        )
        assert status(answer) == 405
        assert b"\nserver:" not in answer.lower(), "says nothing about what serves it"


def test_a_forwarded_address_is_not_believed(service: Service) -> None:
    """From loopback as well: uvicorn would believe it there unless told otherwise."""
    with service.api() as api:
        for number in range(2):
            api.post(
                "/tokens",
                json={"name": "xff", "scopes": ["read"]},
                headers={"X-Forwarded-For": f"203.0.113.{number}", "X-Forwarded-Proto": "https"},
            ).raise_for_status()
        events = api.get("/audit?limit=2").json()["items"]
    assert {event["ip"] for event in events} == {"127.0.0.1"}


def head(path: bytes, *lines: bytes) -> bytes:
    token = b"Authorization: Bearer browser-tests-token-0123456789abcdef"
    return b"\r\n".join((b"POST %b HTTP/1.1" % path, b"Host: 127.0.0.1", token, *lines, b"", b""))


MULTIPART = b"Content-Type: multipart/form-data; boundary=b"
FILE = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\n'


def test_upload_that_says_it_is_too_large_is_refused_unread(service: Service) -> None:
    before = forget_peak(service)
    length = b"Content-Length: %d" % (3 * GIB)
    answer = raw(service, head(b"/api/v1/datasets", MULTIPART, length) + FILE)
    assert status(answer) == 413
    assert b'"body_too_large"' in answer
    assert peak_mib(service) - before < 20


def test_upload_that_grows_too_large_is_cut_off(service: Service) -> None:
    sent = 0

    def body() -> Iterator[bytes]:
        nonlocal sent
        yield FILE
        while sent < 200 * MIB:
            sent += MIB
            yield b"1,2,3,4,5,6\n" * (MIB // 12)

    before = forget_peak(service)
    with service.api() as api:
        answer = api.post(
            "/datasets",
            content=body(),
            headers={"Content-Type": "multipart/form-data; boundary=b"},
        )
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")
    assert peak_mib(service) - before < 20
    assert list((service.data_dir / "uploads").glob("*")) == []


def test_upload_by_nobody_is_not_read(service: Service) -> None:
    request = head(b"/api/v1/datasets", MULTIPART, b"Content-Length: 5000000").replace(
        b"Bearer", b"Nobody"
    )
    assert status(raw(service, request + FILE)) == 401


ABUSE = {
    "many fields": b"".join(
        b'--b\r\nContent-Disposition: form-data; name="f%d"\r\n\r\nx\r\n' % number
        for number in range(50_000)
    ),
    "one field without end": b'--b\r\nContent-Disposition: form-data; name="tz"\r\n\r\n'
    + b"x" * (8 * MIB),
    "a header without end": b'--b\r\nContent-Disposition: form-data; name="' + b"x" * (8 * MIB),
    "many headers": b"--b\r\n" + b"X-A: b\r\n" * 1_000_000,
    "a preamble without end": b"x" * (8 * MIB),
    "line ends before the boundary": b"\r\n" * (4 * MIB),
    "almost boundaries": FILE + b"\r\n--a" * (2 * MIB),
    "no last boundary": FILE + b"time,close\n1,2\n",
    "nothing": b"",
}


@pytest.mark.parametrize("name", ABUSE)
def test_multipart_dos_is_refused_and_costs_no_memory(service: Service, name: str) -> None:
    before = forget_peak(service)
    with service.api() as api:
        answer = api.post(
            "/datasets",
            content=ABUSE[name],
            headers={"Content-Type": "multipart/form-data; boundary=b"},
        )
    assert 400 <= answer.status_code < 500
    assert answer.headers["content-type"] == "application/problem+json"
    assert peak_mib(service) - before < 30
    assert list((service.data_dir / "uploads").glob("*")) == []


@pytest.mark.parametrize(
    "kind",
    [
        "multipart/form-data",
        "multipart/form-data; boundary=",
        f"multipart/form-data; boundary={'b' * 5000}",
        'multipart/form-data; boundary="\\"',
        "multipart/mixed; boundary=b",
        "text/plain",
        "multipart/form-data; boundary=b" + "; x=y" * 2000,
    ],
)
def test_multipart_dos_by_its_content_type(service: Service, kind: str) -> None:
    with service.api() as api:
        answer = api.post("/datasets", content=b"--b--\r\n", headers={"Content-Type": kind})
    assert 400 <= answer.status_code < 500


def test_multipart_dos_of_the_login_form(service: Service) -> None:
    """Its forms are read by the framework: they end at one MiB."""
    before = forget_peak(service)
    for body in (ABUSE["many fields"], ABUSE["one field without end"], ABUSE["many headers"]):
        answer = httpx.post(
            f"{service.url}/login",
            content=body,
            headers={"Content-Type": "multipart/form-data; boundary=b"},
            trust_env=False,
        )
        assert 400 <= answer.status_code < 500
    assert peak_mib(service) - before < 30


def test_the_login_page_answers_while_uploads_misbehave(service: Service) -> None:
    """Four half-sent uploads hold their places; the rest of the house is open."""
    port = urlsplit(service.url).port or 0
    lengths = b"Content-Length: 5000000"
    wires = [socket.create_connection(("127.0.0.1", port), 10) for _ in range(4)]
    stop = threading.Event()

    def drip(wire: socket.socket) -> None:
        wire.sendall(head(b"/api/v1/datasets", MULTIPART, lengths) + FILE)
        while not stop.wait(0.05):
            wire.sendall(b"1,2\n")

    threads = [threading.Thread(target=drip, args=(wire,)) for wire in wires]
    for thread in threads:
        thread.start()
    try:
        time.sleep(0.5)
        page = httpx.get(f"{service.url}/login", timeout=10, trust_env=False)
        assert page.status_code == 200
    finally:
        stop.set()
        for thread, wire in zip(threads, wires, strict=True):
            thread.join()
            wire.close()
