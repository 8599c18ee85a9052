"""Command line: python -m app WORD; the words are in WORDS and ASKING."""

from __future__ import annotations

import argparse
import asyncio
import getpass
import http.client
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from app.settings import Settings, SettingsError, load

if TYPE_CHECKING:
    from app.ledger.database import Database
    from app.runtime.preferences import Preferences
    from app.runtime.trading.headless import Wanted

MODES = ("paper", "live", "drill")
# Exit codes beside 0: the word or the environment is wrong, or the work could not be done.
WRONG = 2
FAILED = 1
HEALTH_S_MAX = 3


class CannotStart(Exception):
    """One clear line about what stands in the way."""


def serve(settings: Settings) -> int:
    """Migrate, then answer until told to stop."""
    from app.ledger.database import Database
    from app.ledger.engines import DatabaseUnusable
    from app.runtime import collector, logs, serving
    from app.runtime.work.folders import FolderOccupied, Folders
    from app.security import master_key

    _prepare(settings)
    held = (settings.admin_password, settings.api_token, settings.master_key)
    logs.set_up(settings.log_format, [secret for secret in held if secret])
    for name in settings.unknown:
        print(f"kimp does not know {name}: is it a typing error?", file=sys.stderr)
    serving.raise_open_files()
    collector.calm()
    try:
        socket = serving.listen(settings.host, settings.port)
        # Looked at here for one clear line; the workbench takes it for good.
        os.close(Folders(settings.data_dir).occupy())
        if settings.master_key is None:
            master_key.kept(settings.data_dir)
        asyncio.run(Database.migrate(settings.database_url))
        foreign = asyncio.run(_foreign_key(settings))
    except (
        serving.CannotListen, FolderOccupied, DatabaseUnusable, master_key.Unreadable
    ) as reason:  # fmt: skip
        raise CannotStart(str(reason)) from reason
    if foreign is not None and settings.mode == "live":
        raise CannotStart(foreign)
    if foreign is not None:
        print(foreign, file=sys.stderr, flush=True)

    from app.main import create_app

    app = create_app(settings)
    server = serving.server(
        app,
        ready=lambda: print(f"kimp is ready at {settings.public_url}", flush=True),
        stopping=lambda: app.state.desk.hub.close(),  # noqa: PLW0108 - no desk before it listens
        trusted_proxies=settings.trusted_proxies,
    )
    server.run(sockets=[socket])
    return 0 if server.started else FAILED


async def _foreign_key(settings: Settings) -> str | None:
    """What there is to say where another master key sealed the secrets of this database."""
    from app.ledger.database import Database
    from app.runtime.vault import Vault
    from app.security import master_key
    from app.security.vault import Keyring

    key, ours = settings.master_key, "KIMP_MASTER_KEY"
    if key is None:
        key, ours = master_key.kept(settings.data_dir), str(settings.data_dir / master_key.FILE)
    db = Database.open(settings.database_url)
    try:
        return await Vault(db, Keyring(key, settings.master_key_old)).foreign(ours)
    finally:
        await db.close()


def warm(settings: Settings) -> int:
    """Compile every kernel, so that no user waits for it."""
    _prepare(settings)
    from app.runtime.work.warm import compile_once

    if compile_once(_kernels(settings)):
        print(f"kimp's kernels are compiled in {_kernels(settings)}")
    return 0


def doctor(settings: Settings) -> int:
    """Look at everything that kimp needs and say what to do about what is missing."""
    from app.domain.venues import Venue
    from app.runtime.desk import Dependencies
    from app.runtime.doctor import Finding, Live, findings, live_findings
    from app.security import master_key
    from app.security.vault import Keyring

    _prepare(settings)
    outside = Dependencies(
        settings.database_url,
        settings.redis_url,
        settings.clickhouse_url,
        settings.dask_scheduler,
    )
    found = [
        Finding("ok", "settings", f"{settings.env}, {settings.mode}, {settings.public_url}"),
        *(Finding("note", "settings", f"{name} is not known") for name in settings.unknown),
        Finding("ok", "data folder", str(settings.data_dir)),
        *asyncio.run(findings(settings.data_dir, outside, settings.roles)),
    ]
    try:
        made = (settings.data_dir / master_key.FILE).exists()
        key = settings.master_key or (master_key.kept(settings.data_dir) if made else None)
    except master_key.Unreadable as reason:
        raise CannotStart(str(reason)) from reason
    ring = None if key is None else Keyring(key, settings.master_key_old)
    given = frozenset(v for v in Venue if settings.venue_settings[v].api_key is not None)
    live = Live(ring, given, settings.holder is not None, settings.mode)
    if all(finding.word != "fail" for finding in found):
        found += asyncio.run(live_findings(settings.database_url, live))
    for finding in found:
        print(finding)
    return FAILED if any(finding.word == "fail" for finding in found) else 0


def health(settings: Settings) -> int:
    """Whether the kimp of this address is alive: for containers."""
    host = "127.0.0.1" if settings.host in {"0.0.0.0", "localhost"} else settings.host  # noqa: S104
    connection = http.client.HTTPConnection(host, settings.port, timeout=HEALTH_S_MAX)
    try:
        connection.request("GET", "/healthz", headers={"Host": "127.0.0.1"})
        status = connection.getresponse().status
    except OSError as error:
        print(f"kimp does not answer at {host} port {settings.port}: {error}", file=sys.stderr)
        return FAILED
    return 0 if status == http.client.OK else FAILED


def decode(settings: Settings, words: Sequence[str]) -> int:
    """Print recorded messages of one venue as events, a JSON line each."""
    _prepare(settings)
    import msgspec

    from app.exchanges import EXCHANGES
    from app.exchanges.decode import decode as events

    parser = argparse.ArgumentParser("python -m app decode")
    parser.add_argument("venue", choices=EXCHANGES, metavar="VENUE")
    parser.add_argument("file", nargs="?", type=Path, metavar="FILE", help="else standard input")
    parser.add_argument("--depth", type=int, default=20, help="levels of each side; 0: all")
    parser.add_argument("--final", action="store_true", help="the last book of each symbol only")
    asked = parser.parse_args(words)
    try:
        lines = asked.file.read_bytes() if asked.file else sys.stdin.buffer.read()
    except OSError as error:
        raise CannotStart(f"{asked.file} cannot be read: {error.strerror}") from error
    status = 0
    for row in events(
        EXCHANGES[asked.venue], lines.splitlines(), depth=asked.depth, final=asked.final
    ):
        sys.stdout.buffer.write(msgspec.json.encode(row) + b"\n")
        if row["event"] == "error":
            status = FAILED
    return status


def password(settings: Settings, words: Sequence[str]) -> int:
    """Set a person's password anew, asked for at the terminal or read from standard input."""
    from app.domain.problems import Problem
    from app.runtime.accounts import Accounts

    parser = argparse.ArgumentParser("python -m app password")
    parser.add_argument("name", metavar="NAME")
    name = parser.parse_args(words).name
    new = getpass.getpass("new password: ") if sys.stdin.isatty() else sys.stdin.readline()

    async def reset() -> None:
        async with _ledger(settings) as db:
            accounts = Accounts(db, mode=settings.mode, public_url=settings.public_url)
            await accounts.reset_password(name, new.rstrip("\n"))

    _prepare(settings)
    try:
        asyncio.run(reset())
    except Problem as problem:
        told = problem.errors[0].expected if problem.errors else f"nobody is called {name}"
        print(f"the password is as it was: {told}", file=sys.stderr)
        return FAILED
    print(f"{name} has a new password; every session of theirs has ended")
    return 0


def second_factor(settings: Settings, words: Sequence[str]) -> int:
    """Take a person's second factor away, whose telephone and recovery codes are lost."""
    from app.domain.problems import Problem
    from app.runtime.accounts import Accounts
    from app.runtime.second_factor import SecondFactor
    from app.runtime.vault import Vault
    from app.security import master_key
    from app.security.vault import Keyring

    parser = argparse.ArgumentParser("python -m app second-factor")
    parser.add_argument("name", metavar="NAME")
    parser.add_argument("away", choices=("remove",))
    name = parser.parse_args(words).name

    async def reset() -> None:
        async with _ledger(settings) as db:
            ring = Keyring(settings.master_key or master_key.kept(settings.data_dir))
            accounts = Accounts(db, mode=settings.mode, public_url=settings.public_url)
            await SecondFactor(db, Vault(db, ring), accounts, mode=settings.mode).reset(name)

    _prepare(settings)
    try:
        asyncio.run(reset())
    except Problem:
        print(f"nobody is called {name}", file=sys.stderr)
        return FAILED
    print(f"{name} has no second factor; Settings, Security sets up a new one")
    return 0


def restored(settings: Settings, words: Sequence[str]) -> int:
    """An older copy of the database was put back: number anew, and send nothing yet."""
    from app.ledger import strangers
    from app.runtime.work.folders import FolderOccupied, Folders

    argparse.ArgumentParser("python -m app restored").parse_args(words)
    _prepare(settings)

    async def say() -> int:
        async with _ledger(settings) as db:
            return (await db.write(strangers.restored, MODES, getpass.getuser())).epoch

    try:
        os.close(Folders(settings.data_dir).occupy())
        epoch = asyncio.run(say())
    except FolderOccupied as reason:
        raise CannotStart(str(reason)) from reason
    print(f"kimp's orders have new names from now on (epoch {epoch}); trading is HALTED.")
    print("Start kimp, compare every venue on Wallets, then let it trade.")
    return 0


def simulate(_: Settings, words: Sequence[str]) -> int:
    """A market of nine venues on loopback, until told to stop."""
    from app.simulator.serve import simulate as market

    return market(words)


def record(settings: Settings, words: Sequence[str]) -> int:
    """Keep every event of a session in a file, from its first on."""
    from app.runtime.feeds.demo import CannotStart as DemoCannotStart
    from app.runtime.recording import Recorder
    from app.runtime.work.warm import compile_once

    parser = argparse.ArgumentParser("python -m app record")
    parser.add_argument("file", type=Path, metavar="FILE")
    parser.add_argument("--seconds", type=float, default=0.0, help="0: until told to stop")
    parser.add_argument("--max-gib", type=float, help="else what Settings say")
    parser.add_argument("--paper", action="store_true", help="trade on paper, and record that too")
    asked, demo_words = parser.parse_known_args(words)
    _prepare(settings)
    compile_once(_kernels(settings))  # else the first seconds of the session would go by

    def told(recorder: Recorder) -> None:
        cycles = f", {recorder.cycles:,} cycles" if asked.paper else ""
        line = f"\r{recorder.events:,} events, {recorder.bytes:,} bytes{cycles}"
        print(line, end="", file=sys.stderr, flush=True)

    async def session() -> int:
        from app.runtime.trading.headless import record as recorded

        wanted = await _wanted(settings, asked.max_gib, trades=asked.paper)
        wanted = wanted._replace(seconds=asked.seconds, words=tuple(demo_words))
        stop = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        found = await recorded(asked.file, wanted, stop, told)
        ending = found.ending
        print(
            f"\n{asked.file}: {ending.events:,} events, {ending.frames:,} frames, "
            f"{found.opportunities:,} opportunities, {found.bytes:,} bytes, {ending.reason}; "
            f"{_decided(ending.decisions, ending.decided)}digest {ending.digest}"
        )
        return 0 if ending.reason in {"stopped", "full"} else FAILED

    try:
        return asyncio.run(session())
    except (OSError, DemoCannotStart) as error:
        raise CannotStart(str(error)) from error


def replay(settings: Settings, words: Sequence[str]) -> int:
    """Live a recorded session again: its opportunities, a JSON line each, then its digest."""
    _prepare(settings)
    import msgspec

    from app.domain.facts import Fact, OpportunityClosed, OpportunityOpened, TradesPrinted
    from app.domain.times import from_iso
    from app.runtime.recording import NotARecording
    from app.runtime.replay import replay as played

    parser = argparse.ArgumentParser("python -m app replay")
    parser.add_argument("file", type=Path, metavar="FILE")
    parser.add_argument("--until", type=from_iso, help="ISO 8601; events after it are not played")
    parser.add_argument("--facts", action="store_true", help="every fact, trades left out")
    asked = parser.parse_args(words)
    opened = 0

    def found(fact: Fact) -> None:
        nonlocal opened
        opened += isinstance(fact, OpportunityOpened)
        shown = asked.facts and not isinstance(fact, TradesPrinted)
        if shown or isinstance(fact, OpportunityOpened | OpportunityClosed):
            sys.stdout.buffer.write(msgspec.json.encode(fact) + b"\n")

    try:
        done = played(asked.file, found, until_ns=asked.until)
    except (OSError, NotARecording) as error:
        raise CannotStart(str(error)) from error
    sys.stdout.buffer.flush()
    same = {None: "", done.digest: ", as recorded"}.get(done.recorded, ", NOT as recorded")
    decided = _decided(done.decisions, done.decided, done.recorded_decided)
    print(
        f"{done.events:,} events, {done.frames:,} frames, {opened:,} opportunities in "
        f"{done.seconds:.2f} s; {decided}digest {done.digest}{same}"
    )
    return FAILED if "NOT as recorded" in same + decided else 0


def _decided(count: int, digest: str | None, recorded: str | None = None) -> str:
    """Of a session that traded; "" of one that only looked."""
    if not count:
        return "" if recorded is None or recorded == digest else "no decisions, NOT as recorded; "
    same = {None: "", digest: ", as recorded"}.get(recorded, ", NOT as recorded")
    return f"{count:,} decisions {digest}{same}; "


WORDS: dict[str, Callable[[Settings], int]] = {
    "serve": serve,
    "warm": warm,
    "doctor": doctor,
    "health": health,
}
ASKING: dict[str, Callable[[Settings, Sequence[str]], int]] = {
    "decode": decode,
    "password": password,
    "record": record,
    "replay": replay,
    "restored": restored,
    "second-factor": second_factor,
    "simulate": simulate,
}
"""Words with further words behind them."""


async def _wanted(settings: Settings, max_gib: float | None, *, trades: bool = False) -> Wanted:
    """What a recording is made of: the environment, and what Settings say."""
    from app.main import outside
    from app.runtime.policy import Policies
    from app.runtime.preferences import Preferences
    from app.runtime.recording import GIB
    from app.runtime.trading.headless import Wanted

    around = outside(settings)
    async with _ledger(settings) as db:
        preferences = Preferences(db)
        fixed = None if settings.fx_fixed is None else float(settings.fx_fixed)
        policies = Policies(db, preferences, fx_fixed=fixed, fx_sources=len(around.fx_urls))
        feeds = settings.feeds or await policies.feeds()
        if feeds == "off":
            raise CannotStart("there is nothing to record: the feeds are off")
        most = max_gib or (await preferences.get("recorder.max_gib")).value
        return Wanted(
            feeds=feeds,
            venues=around.venues,
            endpoints=around.endpoints,
            keys=around.keys,
            fx_urls=around.fx_urls,
            channels=await policies.channels(),
            policy=await policies.load(feeds),
            seconds=0.0,
            bytes_max=int(float(most) * GIB),
            trades=await _set_by_people(preferences) if trades else None,
        )


async def _set_by_people(preferences: Preferences) -> dict[str, object]:
    """What differs from the defaults."""
    found = (await preferences.all()).values()
    return {each.key: each.value for each in found if each.changed_at_ns is not None}


@asynccontextmanager
async def _ledger(settings: Settings) -> AsyncIterator[Database]:
    """The migrated database, open for the length of the block."""
    from app.ledger.database import Database

    await Database.migrate(settings.database_url)
    db = Database.open(settings.database_url)
    try:
        yield db
    finally:
        await db.close()


def _prepare(settings: Settings) -> None:
    """The data folder is its owner's alone, and compiled kernels are kept in it.

    numba reads NUMBA_CACHE_DIR when it is imported, which nothing here has done yet.
    """
    os.umask(0o077)
    try:
        settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        if settings.data_dir.stat().st_uid == os.getuid():  # else a volume that is lent to us
            settings.data_dir.chmod(0o700)
    except OSError as error:
        raise CannotStart(
            f"KIMP_DATA_DIR={settings.data_dir} cannot be used: {error.strerror}"
        ) from error
    os.environ.setdefault("NUMBA_CACHE_DIR", str(_kernels(settings)))


def _kernels(settings: Settings) -> Path:
    from app.runtime.work.folders import Folders

    return Folders(settings.data_dir).kernels


def main(words: list[str]) -> int:
    word, *further = words or [""]
    known = word in ASKING or (word in WORDS and not further)
    if not known:
        named = " ".join(words) or "nothing"
        all_words = ", ".join([*WORDS, *ASKING])
        print(f"kimp knows the words {all_words}; this was {named}", file=sys.stderr)
        return WRONG
    try:
        settings = load(os.environ, Path.cwd())
        return ASKING[word](settings, further) if word in ASKING else WORDS[word](settings)
    except BrokenPipeError:  # whoever reads our output has seen enough, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except (SettingsError, CannotStart) as reason:
        print(f"kimp cannot start: {reason}", file=sys.stderr)
        return WRONG


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
