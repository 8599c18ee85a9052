"""Child: the embedded engine's process from the outside."""

from __future__ import annotations

import asyncio
import secrets
import sys
import tempfile
from pathlib import Path
from typing import IO, NamedTuple

from app.archive.limits import START_S_MAX, STOP_S_MAX

READY = b"ready "
LINE_MAX = 500
ROOT = Path(__file__).parents[2]


class CannotStart(Exception):
    """The engine's process did not say that it is ready. Its text is for people."""


class Child(NamedTuple):
    """One process. It ends when its input does, so it never outlives the service."""

    process: asyncio.subprocess.Process
    port: int
    password: str

    @classmethod
    async def start(cls, folder: Path) -> Child:
        """folder: exists. Raises CannotStart."""
        password = secrets.token_urlsafe(32)
        with tempfile.TemporaryFile() as said:  # a pipe that nobody reads would fill up
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "app.archive.embedded",
                str(folder),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=said,
                cwd=ROOT,
            )
            assert process.stdin is not None and process.stdout is not None
            try:
                process.stdin.write(f"{password}\n".encode())
                async with asyncio.timeout(START_S_MAX):
                    line = await process.stdout.readline()
            except TimeoutError as error:
                await _end(process)
                raise CannotStart(f"the engine was not ready in {START_S_MAX:g} s") from error
            except BaseException:
                await _end(process)
                raise
            if line.startswith(READY):
                return cls(process, int(line.removeprefix(READY)), password)
            await _end(process)
            raise CannotStart(_last_line(said))

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def alive(self) -> bool:
        return self.process.returncode is None

    async def stop(self) -> None:
        await _end(self.process)


def _last_line(said: IO[bytes]) -> str:
    said.seek(0)
    lines = said.read().decode(errors="replace").strip().splitlines()
    return lines[-1][:LINE_MAX] if lines else "the engine ended without a word"


async def _end(process: asyncio.subprocess.Process) -> None:
    """First politely; what it has not stored by then, it has on disk."""
    if process.returncode is not None:
        return
    assert process.stdin is not None
    process.stdin.close()
    try:
        async with asyncio.timeout(STOP_S_MAX):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()
