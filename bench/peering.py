"""Peers live in an environment of their own; each runs as a script and answers one JSON line."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PEERS = ROOT / ".venv-peers"
PYTHON = PEERS / "bin" / "python"
INSTALL_S_MAX = 600
RUN_S_MAX = 600


def install() -> str | None:
    """Install every peer; those that cannot be had stay away, and their rows say why."""
    sys.path.insert(0, str(ROOT))
    import dev

    folder = ROOT / "bench" / "peers"
    texts = [(folder / name).read_text() for name in ("requirements.txt", "compiled.txt")]
    stamp = PEERS / ".installed"
    if stamp.is_file() and stamp.read_text() == "".join(texts):
        return None
    if not PYTHON.exists():
        dev.call(sys.executable, "-m", "venv", "--without-pip", PEERS)
    reason = _installed(texts[0].splitlines(), dev.os.environ)
    if reason is not None:
        return reason
    # Beside the others, so that no compiler's absence keeps those away.
    reason = _installed([line for text in texts for line in text.splitlines()], dev.os.environ)
    stamp.write_text("".join(texts))
    return None if reason is None else f"without those that need a C compiler: {reason}"


def _installed(wanted: list[str], environment: Mapping[str, str]) -> str | None:
    """None, or why not."""
    command = [ROOT / ".venv" / "bin" / "uv", "pip", "install", "-q", "--python", PYTHON]
    packages = [line for line in wanted if line and not line.startswith("#")]
    done = subprocess.run(
        [str(word) for word in (*command, *packages)],
        capture_output=True,
        text=True,
        timeout=INSTALL_S_MAX,
        check=False,
        env={**environment, "UV_SYSTEM_CERTS": "1", "UV_NO_PROGRESS": "1"},
    )
    if done.returncode:
        return done.stderr.strip().splitlines()[-1][:200] if done.stderr else "not installable"
    return None


def ask(script: str, *arguments: object) -> dict[str, Any] | str:
    """What a peer's script answered, or the reason why it did not."""
    if not PYTHON.exists():
        return "peers are not installed"
    command = [str(PYTHON), str(ROOT / "bench" / "peers" / f"{script}.py"), *map(str, arguments)]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=RUN_S_MAX, check=False
        )
    except subprocess.TimeoutExpired:
        return f"no answer within {RUN_S_MAX} s"
    if done.returncode:
        return (done.stderr.strip().splitlines() or ["failed"])[-1][:200]
    answer: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return answer
