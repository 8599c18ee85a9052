"""Canary scan: a whole service with telling secrets; then everything it wrote or said is searched.

Its venues are a server that sends back all that it was sent, as careless ones do in their errors.
"""

from __future__ import annotations

import base64
import re
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx

from app.domain.secret import Secret
from app.domain.venues import Venue
from app.routers.render import PAGES
from app.security import totp
from tests.browser.service import Service, running
from tests.security.test_process import process_of

CANARY = "CANARY"
MASTER = base64.b64encode(b"CANARYmaster".ljust(32, b"0")).decode()
PASSWORD = f"{CANARY} password of the admin"
TOKEN = f"{CANARY}-token-0123456789-0123456789-0123456789"
IN_ENVIRONMENT = (Venue.UPBIT, Venue.BINANCE, Venue.OKX)
STORED = Venue.BYBIT
HTML = {"Accept": "text/html"}


def keys_of(venue: Venue) -> tuple[str, str, str]:
    return tuple(f"{CANARY}{venue}{what}0123456789" for what in ("access", "secret", "phrase"))  # type: ignore[return-value]


class Careless(BaseHTTPRequestHandler):
    """Refuses everything, with everything in the refusal."""

    protocol_version = "HTTP/1.1"
    heard: list[str] = []  # noqa: RUF012

    def answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0)).decode()
        said = f"{self.path} {dict(self.headers)} {body}"
        self.heard.append(said)
        told = said.encode()
        self.send_response(400, "Bad Request")
        self.send_header("content-length", str(len(told)))
        self.end_headers()
        self.wfile.write(told)

    do_GET = do_POST = do_DELETE = answer

    def log_message(self, *_: object) -> None:
        """Nothing: the test's own output is not what is searched."""


@contextmanager
def careless_venue() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Careless)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()


def environment(place: str) -> dict[str, str]:
    found = {
        "KIMP_MODE": "drill",
        "KIMP_FEEDS": "live",
        "KIMP_VENUES": ",".join((*IN_ENVIRONMENT, STORED)),
        "KIMP_FX_FIXED": "1390",
        "KIMP_FX_URLS": f"http://{place}/fx",
        "KIMP_MASTER_KEY": MASTER,
        "KIMP_ADMIN_PASSWORD": PASSWORD,
        "KIMP_API_TOKEN": TOKEN,
        "KIMP_LOG_FORMAT": "json",
    }
    for venue in (*IN_ENVIRONMENT, STORED):
        name = f"KIMP_{venue.upper()}"
        found |= {f"{name}_WS_URL": f"ws://{place}", f"{name}_REST_URL": f"http://{place}"}
    for venue in IN_ENVIRONMENT:
        name = f"KIMP_{venue.upper()}_API"
        whats = ("KEY", "SECRET", "PASSPHRASE")
        found |= {f"{name}_{what}": key for what, key in zip(whats, keys_of(venue), strict=True)}
    return found


class Visit:
    """Everything that a program and a person are told; secrets that arise on the way."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.said: dict[str, str] = {}
        self.secrets: list[str] = []

    def keep(self, answer: httpx.Response) -> httpx.Response:
        self.said[f"{answer.request.method} {answer.request.url}"] = answer.text
        return answer

    def as_program(self) -> None:
        access, secret, phrase = keys_of(STORED)
        body = {"api_key": access, "api_secret": secret, "api_passphrase": phrase}
        with httpx.Client(
            base_url=self.service.url, headers={"Authorization": f"Bearer {TOKEN}"}, timeout=60
        ) as api:
            assert self.keep(api.put(f"/api/v1/credentials/{STORED}", json=body)).is_success
            self.keep(api.put("/api/v1/credentials/coinbase", json=body | {"more": 1}))
            self.keep(api.put("/api/v1/credentials/okx", json={"api_secret": [secret]}))
            self.keep(api.post("/api/v1/engine/arm", json={"password": PASSWORD}))
            for path in (
                "/credentials", "/settings", "/exchanges", "/engine", "/audit", "/tokens",
                "/wallets", "/orders", "/ledger", "/nothing",
            ):  # fmt: skip
                self.keep(api.get(f"/api/v1{path}"))
            self.keep(api.get("/metrics"))
            self.keep(api.get("/readyz"))

    def as_person(self) -> None:
        with httpx.Client(
            base_url=self.service.url, headers=HTML, timeout=60, follow_redirects=True
        ) as browser:
            form = {"csrf": _csrf(browser.get("/login").text), "name": "admin"}
            self.keep(browser.post("/login", data=form | {"password": PASSWORD}))
            self.secrets.append(browser.cookies["sid"])
            page = "/settings/security"
            form = {"csrf": _csrf(browser.get(page).text), "password": PASSWORD}
            begun = browser.post(f"{page}/second-factor/begin", data=form).text
            secret = begun.partition('id="totp-secret" readonly value="')[2].partition('"')[0]
            assert secret, begun[-2_000:]
            code = totp.code(Secret(secret), int(time.time() // totp.STEP_S))
            codes = browser.post(f"{page}/second-factor/confirm", data=form | {"code": code}).text
            shown = re.findall(r"[A-Z2-9]{4}(?:-[A-Z2-9]{4}){3}", codes)
            assert len(shown) == 10
            self.secrets += [secret, *shown]
            for path in (*(each.path for each in PAGES.values()), page, "/arming", "/nothing"):
                self.keep(browser.get(path))


def _csrf(page: str) -> str:
    return page.partition('name="csrf" value="')[2].partition('"')[0]


def on_disk(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Every file as it lies there, and the database as SQL."""
    for path in folder.rglob("*"):
        if path.is_file():
            yield str(path), path.read_bytes()
    with sqlite3.connect(folder / "kimp.db") as database:
        yield "dump", "\n".join(database.iterdump()).encode()


def test_canary_scan_finds_no_secret_anywhere(tmp_path: Path) -> None:
    with careless_venue() as place, running(tmp_path, **environment(place)) as service:
        visit = Visit(service)
        visit.as_program()
        visit.as_person()
        until_s = time.monotonic() + 60
        wanted = {keys_of(venue)[0] for venue in (Venue.BINANCE, Venue.OKX, STORED)}
        while wanted and time.monotonic() < until_s:
            time.sleep(0.5)
            wanted = {key for key in wanted if key not in str(Careless.heard)}
        assert not wanted, "every account was asked with its key, from either source"
        command = (process_of(service) / "cmdline").read_bytes()
        states = (process_of(service) / "status").read_text()
    secrets = [CANARY, MASTER, PASSWORD, *visit.secrets]
    places = {
        "log": service.log.read_bytes(),
        "command": command,
        "status": states.encode(),
        **{name: text.encode() for name, text in visit.said.items()},
        **dict(on_disk(service.data_dir)),
    }
    assert len(places["log"]) > 2_000
    assert any("CANA…6789" in text for text in visit.said.values()), "masked, it may be seen"
    hits = [
        (name, secret[:6], _around(content, secret))
        for name, content in places.items()
        for secret in secrets
        if secret.encode() in content
    ]
    assert hits == []


def _around(content: bytes, secret: str) -> bytes:
    place = content.index(secret.encode())
    return content[max(0, place - 80) : place + 20]
