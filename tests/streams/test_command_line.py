"""`python -m app`: what a person types, and what is said when something stands in the way."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from app.domain.problems import Problem
from app.domain.secret import Secret
from app.ledger.database import Database
from app.runtime.accounts import Accounts
from app.security.principal import Visitor
from tests.streams.kit import PATIENCE_S, Listener

ROOT = Path(__file__).resolve().parents[2]
TOKEN = "command-line-token-of-enough-letters"
KIMP = [sys.executable, "-m", "app"]


def environment(folder: Path, **names: str) -> dict[str, str]:
    kept = {name: text for name, text in os.environ.items() if not name.startswith("KIMP_")}
    ours = {"DATA_DIR": str(folder / "data"), "API_TOKEN": TOKEN, "PORT": str(free_port())}
    ours |= {"FEEDS": "off"} | names
    return kept | {f"KIMP_{name}": text for name, text in ours.items()}


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        return int(sock.getsockname()[1])


def say(*words: str, typed: str = "", **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*KIMP, *words],
        cwd=ROOT,
        env=variables,
        input=typed,
        capture_output=True,
        text=True,
        check=False,
    )


@asynccontextmanager
async def started(variables: dict[str, str]) -> AsyncGenerator[asyncio.subprocess.Process, None]:
    """`serve`, from its line that it is ready on."""
    process = await asyncio.create_subprocess_exec(
        *KIMP,
        "serve",
        cwd=ROOT,
        env=variables,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(PATIENCE_S * 2):
            line = (await process.stdout.readline()).decode()
        assert line == f"kimp is ready at http://127.0.0.1:{variables['KIMP_PORT']}\n"
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


@pytest.mark.parametrize("words", [(), ("dance",), ("serve", "now"), ("--help",)])
def test_a_word_that_kimp_does_not_know_is_answered_with_those_it_knows(
    tmp_path: Path, words: tuple[str, ...]
) -> None:
    done = say(*words, **environment(tmp_path))

    assert done.returncode == 2
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert "serve, warm, doctor, health" in line
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("word", ["serve", "warm", "doctor", "health"])
def test_a_wrong_value_stops_every_word_with_one_line(tmp_path: Path, word: str) -> None:
    done = say(word, **environment(tmp_path, PORT="eighty"))

    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert "KIMP_PORT=eighty" in line


@pytest.mark.parametrize("word", ["serve", "warm", "doctor"])
def test_a_folder_that_cannot_be_made_stops_it_with_one_line(tmp_path: Path, word: str) -> None:
    (tmp_path / "file").write_text("in the way")

    done = say(word, **environment(tmp_path, DATA_DIR=str(tmp_path / "file" / "data")))

    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert "KIMP_DATA_DIR" in line


def test_a_port_that_is_taken_stops_serve_with_one_line_before_anything_is_made(
    tmp_path: Path,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        done = say("serve", **environment(tmp_path, PORT=port))

    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert port in line
    assert not (tmp_path / "data" / "kimp.db").exists()


async def test_a_second_kimp_in_the_same_folder_is_told_so_in_one_line(tmp_path: Path) -> None:
    async with started(environment(tmp_path)):
        done = await asyncio.to_thread(say, "serve", **environment(tmp_path))

    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert str(tmp_path / "data") in line


def test_a_database_that_does_not_answer_stops_serve_with_one_line(tmp_path: Path) -> None:
    url = "postgresql://kimp:canary-secret@127.0.0.1:9/kimp"

    done = say("serve", **environment(tmp_path, DATABASE_URL=url))

    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert "127.0.0.1:9" in line
    assert "canary" not in line


async def test_serve_says_that_it_is_ready_when_it_is_and_ends_well_with_streams_open(
    tmp_path: Path,
) -> None:
    variables = environment(tmp_path)
    port = int(variables["KIMP_PORT"])

    async with started(variables) as process:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as web:
            assert (await web.get("/healthz")).json() == {"status": "ok"}
        alive = await asyncio.to_thread(say, "health", **variables)
        bearer = {"Authorization": f"Bearer {TOKEN}"}
        listeners = [
            await Listener.open(port, "/api/v1/events?topics=backtests", headers=bearer)
            for _ in range(20)
        ]
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(PATIENCE_S):
            _, told = await process.communicate()
        ends = [(await listener.rest())[-1].name for listener in listeners]

    assert alive.returncode == 0
    assert process.returncode == 0
    assert ends == ["bye"] * 20
    assert b"Traceback" not in told
    assert TOKEN.encode() not in told
    dead = await asyncio.to_thread(say, "health", **variables)
    assert dead.returncode == 1


async def test_what_serve_keeps_is_its_owner_s_alone(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir(mode=0o755)

    async with started(environment(tmp_path)):
        modes = {
            path.relative_to(data): stat.S_IMODE(path.stat().st_mode)
            for path in (data, *data.rglob("*"))
        }

    assert modes
    assert {path: mode for path, mode in modes.items() if mode & 0o077} == {}


async def test_a_variable_with_a_typing_error_is_pointed_out(tmp_path: Path) -> None:
    async with started(environment(tmp_path, PROT="8001")) as process:
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(PATIENCE_S):
            _, told = await process.communicate()

    assert b"KIMP_PROT" in told


def lines_of(done: subprocess.CompletedProcess[str]) -> dict[str, str]:
    """What is looked at → ok, note or fail."""
    return {line[6:18].strip(): line[:5].strip() for line in done.stdout.splitlines()}


def test_the_doctor_finds_a_new_machine_fit(tmp_path: Path) -> None:
    done = say("doctor", **environment(tmp_path))

    assert done.returncode == 0, done.stdout
    found = lines_of(done)
    assert found.pop("open files") in {"ok", "note"}, "the machine decides"
    assert found == {
        "settings": "ok",
        "data folder": "ok",
        "kernels": "note",
        "database": "note",
        "disk": "ok",
        "live": "note",
    }
    assert not (tmp_path / "data" / "kimp.db").exists(), "a look changes nothing"
    assert not (tmp_path / "data" / "master.key").exists()


def test_the_doctor_says_what_to_do_about_each_thing_that_is_missing(tmp_path: Path) -> None:
    done = say(
        "doctor",
        **environment(
            tmp_path,
            DATABASE_URL="postgresql://kimp:canary-secret@127.0.0.1:9/kimp",
            REDIS_URL="redis://127.0.0.1:9",
            CLICKHOUSE_URL="http://127.0.0.1:9",
            DASK_SCHEDULER="tcp://127.0.0.1:9",
        ),
    )

    assert done.returncode == 1
    found = lines_of(done)
    failed = {name for name, word in found.items() if word == "fail"}
    assert failed == {"database", "redis", "clickhouse", "dask"}
    for variable in ("DATABASE_URL", "REDIS_URL", "CLICKHOUSE_URL", "DASK_SCHEDULER"):
        assert f"check KIMP_{variable}" in done.stdout
    assert "canary" not in done.stdout


def test_the_doctor_knows_the_schema(tmp_path: Path, migrated_file: Path) -> None:
    url = f"sqlite:///{migrated_file}"

    current = say("doctor", **environment(tmp_path, DATABASE_URL=url))

    assert lines_of(current)["schema"] == "ok"
    assert lines_of(current)["database"] == "ok"


async def test_a_lost_password_is_set_anew_at_the_machine(
    tmp_path: Path, migrated_file: Path
) -> None:
    file = shutil.copy(migrated_file, tmp_path / "kimp.db")
    variables = environment(tmp_path, DATABASE_URL=f"sqlite:///{file}")
    db = Database.open(f"sqlite:///{file}")
    lost, new = "a sentence that is lost", "a sentence that is new"
    accounts = Accounts(
        db, mode="paper", public_url="http://127.0.0.1:8000", admin_password=Secret(lost)
    )
    await accounts.open()

    nobody = say("password", "nobody", typed=f"{new}\n", **variables)
    short = say("password", "admin", typed="short\n", **variables)
    done = say("password", "admin", typed=f"{new}\n", **variables)

    assert nobody.returncode == 1
    assert "nobody is called nobody" in nobody.stderr
    assert short.returncode == 1
    assert "12" in short.stderr
    assert done.returncode == 0, done.stderr
    visitor = Visitor("127.0.0.1", "")
    with pytest.raises(Problem, match="bad_credentials"):
        await accounts.sign_in("admin", lost, visitor)
    assert await accounts.sign_in("admin", new, visitor)
    await db.close()


def test_warm_compiles_the_kernels_into_the_data_folder(tmp_path: Path) -> None:
    variables = environment(tmp_path)
    variables.pop("NUMBA_CACHE_DIR", None)

    done = say("warm", **variables)

    assert done.returncode == 0, done.stderr
    compiled = tmp_path / "data" / "kernels"
    assert str(compiled) in done.stdout
    assert [*compiled.rglob("*.nbi")]
    assert lines_of(say("doctor", **variables))["kernels"] == "ok"
