"""The embedded engine: a process that alone opens the folder, and answers as ClickHouse does.

    python -m app.archive.embedded FOLDER

The first line of its input is the password; the end of its input ends it. It prints `ready PORT`.
Only as much of ClickHouse's HTTP interface is spoken as the client and curl need.
"""

from __future__ import annotations

import base64
import contextlib
import gzip
import hmac
import json
import os
import re
import signal
import sys
import threading
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlsplit

import chdb
import lz4.frame  # type: ignore[import-untyped]
from backports import zstd

from app.archive.limits import BODY_BYTES_MAX, ENGINE, NICENESS, THREADS

USER = "kimp"
DATABASE = "kimp"

INSERT = re.compile(rb"\s*(INSERT\s+INTO\s.*?)\s+FORMAT\s+(\w+)\s*(?:;|\r?\n|$)", re.I | re.S)
FORMAT = re.compile(r"\bFORMAT\s+(\w+)\s*;?\s*$", re.I)
CODE = re.compile(r"Code: (\d+)")
UNKNOWN = "1001"  # ClickHouse's own number for an exception that has none
# What stands in a request's query beside settings of the engine.
NOT_SETTINGS = {
    "buffer_size",
    "cancel_http_readonly_queries_on_client_close",
    "client_protocol_version",
    "compress",
    "database",
    "decompress",
    "default_format",
    "enable_http_compression",
    "http_headers_progress_interval_ms",
    "password",
    "query",
    "query_id",
    "quota_key",
    "role",
    "send_progress_in_http_headers",
    "session_check",
    "session_id",
    "session_timeout",
    "user",
    "wait_end_of_query",
}


class Answer(NamedTuple):
    """status: of HTTP. code: ClickHouse's number of an error."""

    status: int
    body: bytes
    format: str = ""
    code: str | None = None


class Engine:
    """One way into the open folder: a query at a time, with the settings that were asked last."""

    def __init__(self, address: str) -> None:
        self._connection = chdb.connect(address)
        self._lock = threading.Lock()
        self._settings: dict[str, str] = {}
        self.run(f"CREATE DATABASE IF NOT EXISTS {DATABASE}")
        self.run(f"USE {DATABASE}")
        self.run(f"SET max_threads = {THREADS}")

    def run(self, sql: str) -> bytes:
        return bytes(self._connection.query(sql, "TabSeparated").bytes() or b"")

    def ask(
        self, sql: str, asked: dict[str, str], settings: dict[str, str], default: str
    ) -> Answer:
        named = FORMAT.search(sql)
        form = named[1] if named else default
        with self._lock:
            self._set(settings)
            found = self._connection.query(sql, form, params=asked)
            return Answer(200, bytes(found.bytes() or b""), form)

    def insert(self, sql: str, form: str, rows: bytes, settings: dict[str, str]) -> Answer:
        with self._lock:
            self._set(settings)
            with self._connection.send_insert(sql, form) as stream:
                stream.append(rows)
                stream.finish()
        return Answer(200, b"", "Null")

    def _set(self, settings: dict[str, str]) -> None:
        for name in self._settings.keys() - settings.keys():
            self.run(f"SET {name} = DEFAULT")
            del self._settings[name]
        for name, value in settings.items():
            if self._settings.get(name) != value:
                if not name.isidentifier():
                    raise ValueError(f"Code: 115. {name[:40]!r} is no setting")
                quoted = value.replace("\\", "\\\\").replace("'", "\\'")
                self.run(f"SET {name} = '{quoted}'")
                self._settings[name] = value

    def close(self) -> None:
        with self._lock:
            self._connection.close()


class Server(ThreadingHTTPServer):
    """Loopback only, and only for who has the password: queries can read the machine's files."""

    daemon_threads = True

    def __init__(self, address: str, password: str) -> None:
        # A long question must not hold up what is being stored.
        self.writing, self.reading = Engine(address), Engine(address)
        token = base64.b64encode(f"{USER}:{password}".encode()).decode()
        self._authorization = f"Basic {token}"
        self._password = password
        super().__init__(("127.0.0.1", 0), Connection)

    def admits(self, authorization: str, key: str) -> bool:
        return hmac.compare_digest(authorization, self._authorization) or hmac.compare_digest(
            key, self._password
        )


class Connection(BaseHTTPRequestHandler):
    """One client. Everything is a POST, or a GET with a query."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Server

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base's name
        """Nothing is logged: whoever asked knows."""

    def do_GET(self) -> None:
        self.do_POST()

    def do_POST(self) -> None:
        try:
            body = self._body()
        except ValueError as error:
            self.close_connection = True
            self._send(Answer(400, f"{error}\n".encode(), code=UNKNOWN))
            return
        parts = urlsplit(self.path)
        if parts.path == "/ping":
            self._send(Answer(200, b"Ok.\n"))
            return
        headers = self.headers
        if not self.server.admits(
            headers.get("Authorization", ""), headers.get("X-ClickHouse-Key", "")
        ):
            self._send(Answer(403, b"Code: 516. Authentication failed\n", code="516"))
            return
        try:
            answer = self._answer(dict(parse_qsl(parts.query, keep_blank_values=True)), body)
        except Exception as error:  # noqa: BLE001 - whatever the engine says is its answer
            found = CODE.search(str(error))
            code = found[1] if found else UNKNOWN
            answer = Answer(500, f"{error}\n".encode(), code=code)
        self._send(answer)

    def _answer(self, asked: dict[str, str], body: bytes) -> Answer:
        settings = {
            name: value
            for name, value in asked.items()
            if name not in NOT_SETTINGS and not name.startswith("param_")
        }
        sql = asked.get("query", "").encode()
        whole = sql + b"\n" + body if sql else body
        insert = INSERT.match(whole)
        if insert is not None:
            rows = whole[insert.end() :]
            return self.server.writing.insert(
                insert[1].decode(), insert[2].decode(), rows, settings
            )
        default = (
            self.headers.get("X-ClickHouse-Format") or asked.get("default_format") or "TabSeparated"
        )
        given = {name[6:]: value for name, value in asked.items() if name.startswith("param_")}
        return self.server.reading.ask(whole.decode(), given, settings, default)

    def _body(self) -> bytes:
        """Raises ValueError."""
        if "chunked" in self.headers.get("Transfer-Encoding", ""):
            raw = b"".join(self._chunks())
        else:
            length = int(self.headers.get("Content-Length") or 0)
            if length > BODY_BYTES_MAX:
                raise ValueError("the request is too large")
            raw = self.rfile.read(length)
        return unpacked(raw, self.headers.get("Content-Encoding", ""))

    def _chunks(self) -> Any:
        total = 0
        while size := int(self.rfile.readline().split(b";")[0], 16):
            total += size
            if total > BODY_BYTES_MAX:
                raise ValueError("the request is too large")
            yield self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()

    def _send(self, answer: Answer) -> None:
        self.send_response(answer.status)
        headers = {
            "Content-Type": "application/octet-stream",
            "Content-Length": str(len(answer.body)),
            "X-ClickHouse-Server-Display-Name": "kimp",
            "X-ClickHouse-Query-Id": str(uuid.uuid4()),
            "X-ClickHouse-Timezone": "UTC",
            "X-ClickHouse-Summary": json.dumps({"read_rows": "0", "written_rows": "0"}),
        }
        if answer.format:
            headers["X-ClickHouse-Format"] = answer.format
        if answer.code is not None:
            headers["X-ClickHouse-Exception-Code"] = answer.code
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        with contextlib.suppress(OSError):  # nobody waits for it any more
            self.wfile.write(answer.body)


def unpacked(raw: bytes, encoding: str) -> bytes:
    """Raises ValueError for an encoding that is none of these."""
    match encoding:
        case "":
            return raw
        case "gzip":
            return gzip.decompress(raw)
        case "zstd":
            return zstd.decompress(raw)
        case "lz4":  # one frame per block, one after another
            blocks: list[bytes] = []
            while raw:
                frame = lz4.frame.LZ4FrameDecompressor()
                blocks.append(frame.decompress(raw))
                raw = frame.unused_data or b""
            return b"".join(blocks)
    raise ValueError(f"the encoding {encoding[:20]!r} is not read")


def main(folder: str) -> None:
    # Terminals and supervisors tell all of a group to end: the service does, and then its input.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    os.nice(NICENESS)
    password = sys.stdin.readline().strip()
    settings = "&".join(f"{name}={value}" for name, value in ENGINE.items())
    server = Server(f"{folder}?{settings}", password)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print("ready", server.server_address[1], flush=True)  # noqa: T201 - the service waits for it
    sys.stdin.read()
    server.shutdown()
    for engine in (server.writing, server.reading):
        engine.close()
    os._exit(0)  # the engine's threads do not end by themselves


if __name__ == "__main__":
    main(sys.argv[1])
