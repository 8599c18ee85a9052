"""Processes of one database have one master key: who has another one says so when it starts."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from app.domain.secret import Secret
from app.security.vault import Keyring
from tests.browser.service import REPOSITORY, running

pytestmark = pytest.mark.timeout(300)
SEALED_ELSEWHERE = "stored secrets were sealed with master key"


def key_id(folder: Path) -> str:
    return Keyring(Secret((folder / "data" / "master.key").read_text().strip())).kek_id


def test_another_key_than_the_one_that_sealed_is_told_at_the_start(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    for folder in (first, second):
        folder.mkdir()
    database = f"sqlite:///{tmp_path / 'kimp.db'}"
    with running(first, KIMP_DATABASE_URL=database) as service:
        assert SEALED_ELSEWHERE not in service.log.read_text()
    with running(second, KIMP_DATABASE_URL=database) as service:
        (line,) = [
            line for line in service.log.read_text().splitlines() if SEALED_ELSEWHERE in line
        ]
    theirs, ours = key_id(first), key_id(second)
    assert line.startswith(f"1 of 1 {SEALED_ELSEWHERE} {theirs}; this process has {ours} from ")
    assert str(second / "data" / "master.key") in line
    assert "set KIMP_MASTER_KEY or KIMP_MASTER_KEY_FILE" in line
    refused = subprocess.run(
        [sys.executable, "-m", "app", "serve"],
        cwd=REPOSITORY,
        env=os.environ
        | {
            "KIMP_ENV": "test",
            "KIMP_MODE": "live",
            "KIMP_DATA_DIR": str(second / "data"),
            "KIMP_DATABASE_URL": database,
        },
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert refused.returncode != 0
    assert f"{theirs}; this process has {ours}" in refused.stderr
