"""`python -m app decode`: a file or standard input, and an exit code that tells of errors."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BOOKS = ROOT / "tests/exchanges/fixtures/binance/books.jsonl"


def say(*words: str, folder: Path, text: str = "") -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("KIMP_")}
    return subprocess.run(
        [sys.executable, "-m", "app", "decode", *words],
        cwd=ROOT,
        env=kept | {"KIMP_DATA_DIR": str(folder)},
        input=text,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_last_books_of_a_file(tmp_path: Path) -> None:
    done = say("binance", str(BOOKS), "--final", "--depth", "1", folder=tmp_path)
    rows = [json.loads(line) for line in done.stdout.splitlines()]

    assert done.returncode == 0
    assert [row["symbol"] for row in rows] == ["BNBBTC", "ETHUSDT"]
    assert rows[0]["bids"] == [["0.0025", "1.00"]]


def test_an_error_line_is_the_exit_code_too(tmp_path: Path) -> None:
    text = BOOKS.read_text() + "what is this\n"
    done = say("binance", "--final", folder=tmp_path, text=text)
    rows = [json.loads(line) for line in done.stdout.splitlines()]

    assert done.returncode == 1
    (error,) = (row for row in rows if row["event"] == "error")
    assert error["line"] == text.count("\n")


def test_a_venue_or_a_file_that_is_none_is_said_in_one_line(tmp_path: Path) -> None:
    unknown = say("nowhere", folder=tmp_path)
    missing = say("binance", str(tmp_path / "missing"), folder=tmp_path)

    assert (unknown.returncode, missing.returncode) == (2, 2)
    assert "nowhere" in unknown.stderr.splitlines()[-1]
    assert "missing cannot be read" in missing.stderr
