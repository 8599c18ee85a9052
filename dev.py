#!/usr/bin/env python3
"""kimp's front door for people: python3 dev.py WORD [KEY=VALUE …]

run    install what kimp needs and start it on embedded defaults
test   install what the tests need and run them all: real servers, a real browser
check  style, types, import contracts
bench  measure kimp beside its peers (installed into .venv-peers), print a table
sim    play trading lives on virtual time: SEEDS=100 FROM=1, or POINTS=all: one, crashed anywhere
soak   watch nine simulated venues at full rate: MINUTES=60 RATE=20000; fails when anything grows
torture  kill -9 a drill in the middle of its orders: KILLS=60 DB=sqlite|postgres|mariadb; audits it
crowd  several finalizers on one database, one is killed: N=8 DB=mariadb CYCLES=36; judges each step
mutants  plant known bugs into copies of kimp and let the simulation find them: N=36
lock   resolve every requirements*.in anew into its lock

What follows a word is KEY=VALUE (put into the environment) or, for test, a path or a pytest flag.
Needs Python 3.11 with pip, nothing else: this file uses the standard library only.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
PEERS = ROOT / ".venv-peers"
CLIENTS = ROOT / ".venv-clients"
UV = "uv>=0.13,<0.14"
BY_FILE = ("--dist", "loadfile", "--no-loadscope-reorder")
"""What a file starts is started once; pytest 9.2 hides marks of groups (pytest-xdist #1386)."""


def call(*command: object, **environment: str) -> None:
    """Run a command in the repository; its failure is ours."""
    words = [str(word) for word in command]
    done = subprocess.run(words, cwd=ROOT, env={**os.environ, **environment}, check=False)
    if done.returncode:
        raise SystemExit(done.returncode)


def python(venv: Path = VENV) -> Path:
    return venv / "bin" / "python"


def install(lock: str, venv: Path = VENV) -> None:
    """Bring `venv` to the locked packages; instant when the lock has not changed."""
    wanted = hashlib.sha256((ROOT / lock).read_bytes()).hexdigest()
    stamp = venv / f".{Path(lock).name}"
    if stamp.is_file() and stamp.read_text() == wanted:
        return
    print(f"installing {lock} into {venv.name} …", flush=True)
    if not python(venv).exists():
        call(sys.executable, "-m", "venv", "--without-pip", venv)
    pip = (sys.executable, "-m", "pip", "--python", python(venv), "--disable-pip-version-check")
    if not (venv / "bin" / "uv").exists():
        call(*pip, "install", "-q", UV)
    hashed = ("--require-hashes",) if "--hash=" in (ROOT / lock).read_text() else ()
    uv = [venv / "bin" / "uv", "pip", "install", "-q", "--python", python(venv)]
    quick = subprocess.run(
        [str(word) for word in (*uv, *hashed, "-r", lock)],
        cwd=ROOT,
        check=False,
        env={**os.environ, "UV_SYSTEM_CERTS": "1", "UV_NO_PROGRESS": "1"},
    )
    if quick.returncode:  # an index that only pip's own configuration knows
        print("uv could not install it; trying pip", flush=True)
        call(*pip, "install", "-q", *hashed, "-r", lock)
    stamp.write_text(wanted)


def run(_: list[str]) -> None:
    install("requirements.lock")
    call(python(), "-m", "app", "warm")
    os.chdir(ROOT)
    os.execv(python(), [str(python()), "-m", "app", "serve"])


def test(arguments: list[str]) -> None:
    install("requirements-dev.lock")
    install("tests/clients/requirements.lock", CLIENTS)
    call(python(), "tools/debs.py")
    call(python(), "-m", "pytest", "-q", "-n", "2", *BY_FILE, *arguments)


def check(_: list[str]) -> None:
    install("requirements-dev.lock")
    call(python(), "-m", "ruff", "format", "--check", "--quiet", ".")
    call(python(), "-m", "ruff", "check", "--quiet", ".")
    call(python(), "-m", "mypy")
    call(VENV / "bin" / "lint-imports")
    call(VENV / "bin" / "hadolint", "Dockerfile")
    call(
        VENV / "bin" / "check-jsonschema", "--builtin-schema", "vendor.compose-spec", "compose.yaml"
    )


def bench(_: list[str]) -> None:
    install("requirements.lock")
    call(python(), "-m", "bench")


def soak(_: list[str]) -> None:
    install("requirements-dev.lock")
    words = (os.environ.get(name, most) for name, most in (("MINUTES", "60"), ("RATE", "20000")))
    call(python(), "-m", "tests.live.soak", *words)


def sim(_: list[str]) -> None:
    install("requirements-dev.lock")
    if "POINTS" in os.environ:
        call(python(), "-m", "tests.simulation.points", os.environ["POINTS"])
        return
    words = (os.environ.get(name, most) for name, most in (("SEEDS", "100"), ("FROM", "1")))
    call(python(), "-m", "tests.simulation", *words)


def torture(_: list[str]) -> None:
    install("requirements-dev.lock")
    call(python(), "tools/debs.py")
    words = (os.environ.get(name, most) for name, most in (("KILLS", "60"), ("DB", "sqlite")))
    call(python(), "-m", "tests.torture", *words)


def crowd(_: list[str]) -> None:
    install("requirements-dev.lock")
    call(python(), "tools/debs.py")
    told = (("N", "4"), ("DB", "sqlite"), ("CYCLES", "36"))
    words = (os.environ.get(name, most) for name, most in told)
    call(python(), "-m", "tests.finalizers", *words)


def mutants(_: list[str]) -> None:
    install("requirements-dev.lock")
    call(python(), "-m", "tests.mutants", os.environ.get("N", "100"))


def lock(_: list[str]) -> None:
    install("requirements-dev.lock")
    uv = [VENV / "bin" / "uv", "pip", "compile", "-q", "--python-version", "3.11", "--upgrade"]
    shape = ["--generate-hashes", "--no-header", "--no-annotate"]
    call(*uv, *shape, "requirements.in", "-o", "requirements.lock")
    call(
        *uv, *shape, "-c", "requirements.lock", "requirements-dev.in", "-o", "requirements-dev.lock"
    )
    # Other people's clients pin versions that kimp must not be held to: their own environment.
    clients = "tests/clients/requirements"
    call(*uv, *shape, f"{clients}.in", "-o", f"{clients}.lock")


WORDS = {
    "run": run,
    "test": test,
    "check": check,
    "bench": bench,
    "sim": sim,
    "soak": soak,
    "torture": torture,
    "crowd": crowd,
    "mutants": mutants,
    "lock": lock,
}


def main(arguments: list[str]) -> None:
    if sys.version_info[:2] != (3, 11):
        raise SystemExit(f"kimp needs Python 3.11, this is {sys.version.split()[0]}")
    if not arguments or arguments[0] not in WORDS:
        raise SystemExit(__doc__)
    word, *rest = arguments
    for pair in (text for text in rest if "=" in text and not text.startswith("-")):
        name, value = pair.split("=", 1)
        os.environ[name] = value
    WORDS[word]([text for text in rest if "=" not in text or text.startswith("-")])


if __name__ == "__main__":
    main(sys.argv[1:])
