#!/usr/bin/env python3
"""Unpack Debian packages beside the repository: no root, nothing installed on the machine.

python3 tools/debs.py             all that the tests need and this machine has not
python3 tools/debs.py mariadbd    one of them

apt checks the signatures; only packages that the machine lacks are fetched; everything lies under
.cache/debs and may be deleted at any time.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
CACHE = REPOSITORY / ".cache" / "debs"

# What a test needs and pip has not: the program asked for, and the packages that bring it.
PROGRAMS: dict[str, tuple[str, ...]] = {
    "mariadbd": ("mariadb-server-core",),
    "chromium": ("chromium", "chromium-common", "libatomic1", "fonts-liberation"),
}
PROGRAM_FOLDERS = ("usr/sbin", "usr/bin", "sbin", "bin")
# Debian keeps some libraries one folder deeper and finds them through alternatives.
LIBRARY_FOLDERS = ("", "/pulseaudio", "/blas", "/lapack")


class Unavailable(Exception):
    """The packages could not be had; the message says why and what to do instead."""


def installed(program: str) -> Path | None:
    """The program as the machine has it; an ordinary user's PATH lacks the sbin folders."""
    path = os.pathsep.join((os.environ.get("PATH", ""), "/usr/local/sbin", "/usr/sbin", "/sbin"))
    found = shutil.which(program, path=path)
    return Path(found) if found else None


def unpacked(program: str) -> Path:
    """The root folder that holds the program's packages, unpacked now if they are not yet."""
    root = CACHE / program
    names = PROGRAMS[program]
    if not _complete(root, names):
        with _alone():
            if not _complete(root, names):
                _unpack(root, names)
    return root


def program_in(root: Path, program: str) -> Path:
    """The program inside an unpacked root."""
    for folder in PROGRAM_FOLDERS:
        if (root / folder / program).exists():
            return root / folder / program
    raise Unavailable(f"{program} is in none of the packages {', '.join(PROGRAMS[program])}")


def environment(root: Path) -> dict[str, str]:
    """Our environment with the unpacked libraries found first."""
    homes = sorted(folder for top in ("usr/lib", "lib") for folder in root.glob(f"{top}/*-linux-*"))
    paths = [f"{home}{below}" for home in homes for below in LIBRARY_FOLDERS]
    return {**os.environ, "LD_LIBRARY_PATH": os.pathsep.join(p for p in paths if Path(p).is_dir())}


def _complete(root: Path, names: tuple[str, ...]) -> bool:
    stamp = root / "packages"
    return stamp.is_file() and stamp.read_text().split() == list(names)


@contextmanager
def _alone() -> Iterator[None]:
    """One process unpacks, the others wait and find its work."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _unpack(root: Path, names: tuple[str, ...]) -> None:
    if not shutil.which("apt-get"):
        raise Unavailable(
            f"{', '.join(names)}: this machine has no apt-get. Install them its own way, "
            "or name a running server (TEST_PG_URL, TEST_MYSQL_URL)"
        )
    state, downloads, part = CACHE / "apt", CACHE / "downloads", root.with_name(f"{root.name}.part")
    for folder in (downloads, part):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
    for folder in (state / "lists" / "partial", state / "cache" / "archives" / "partial"):
        folder.mkdir(parents=True, exist_ok=True)
    apt = _apt(state)
    _run([*apt, "update"], state)
    _run([*apt, "download", *_lacking(apt, names, state)], downloads)
    for package in sorted(downloads.glob("*.deb")):
        _run(["dpkg-deb", "-x", str(package), str(part)], downloads)
    (part / "packages").write_text("\n".join(names))
    shutil.rmtree(root, ignore_errors=True)
    part.rename(root)
    shutil.rmtree(downloads)


def _apt(state: Path) -> list[str]:
    options = (
        f"Dir::State::lists={state}/lists",
        f"Dir::Cache={state}/cache",
        "Debug::NoLocking=1",
        "APT::Sandbox::User=",
        "Acquire::Languages=none",
    )
    return ["apt-get", "-qq", *(word for option in options for word in ("-o", option))]


def _lacking(apt: list[str], names: tuple[str, ...], folder: Path) -> list[str]:
    """The named packages and all that they need and this machine has not; upgrades are none."""
    plan = _run([*apt, "--no-install-recommends", "-s", "install", *names], folder)
    new = re.findall(r"^Inst (\S+) \(", plan, re.MULTILINE)
    return sorted({*new, *names})


def _run(command: list[str], folder: Path) -> str:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Unavailable(f"{' '.join(command)}: {done.stderr.strip()[-2000:]}")
    return done.stdout


def main(programs: list[str]) -> None:
    for program in programs or PROGRAMS:
        if program not in PROGRAMS:
            raise SystemExit(f"{program}: known are {', '.join(PROGRAMS)}")
        here = installed(program)
        if here and not programs:
            print(f"{program}: {here}")
            continue
        began = time.monotonic()
        try:
            root = unpacked(program)
        except Unavailable as reason:
            raise SystemExit(str(reason)) from None
        print(f"{program}: {program_in(root, program)} ({time.monotonic() - began:.1f} s)")


if __name__ == "__main__":
    main(sys.argv[1:])
