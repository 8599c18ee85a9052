"""Files from outside: what a name may do, what a cell may do."""

from __future__ import annotations

import csv
import gzip
import io
import zipfile
from pathlib import Path

import pytest

from tests.appkit import Running

HEADER = "time,open,high,low,close,volume\n"
ROW = "2024-01-01T00:0{}:00Z,1,1,1,1,1\n"
GOOD = (HEADER + "".join(ROW.format(minute) for minute in range(6))).encode()


async def upload(
    kimp: Running, content: bytes, name: str = "a.csv", **fields: str
) -> tuple[int, dict[str, object]]:
    answer = await kimp.client.post(
        "/api/v1/datasets", files={"file": (name, content)}, data=fields
    )
    return answer.status_code, answer.json()


def two_files() -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        archive.writestr("a.csv", GOOD)
        archive.writestr("b.csv", GOOD)
    return held.getvalue()


def outside() -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        archive.writestr("../../../../tmp/kimp-was-here.csv", GOOD)
    return held.getvalue()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("columns.csv", (",".join(f"c{number}" for number in range(1000)) + "\n").encode() * 2),
        ("field.csv", GOOD + b"2024-01-01T00:06:00Z,1,1,1,1," + b"9" * 10_000_000 + b"\n"),
        ("nul.csv", GOOD + b"2024-01-01T00:06:00Z,1,1,1\0,1,1\n"),
        ("cut.csv.gz", gzip.compress(GOOD * 50)[:-20]),
        ("two.zip", two_files()),
        ("bomb.csv.gz", gzip.compress(HEADER.encode() + b"\n" * 30_000_000)),
    ],
)
async def test_upload_limits(kimp: Running, name: str, content: bytes) -> None:
    before = (await kimp.client.get("/api/v1/datasets")).json()
    status, problem = await upload(kimp, content, name)
    assert 400 <= status < 500
    assert problem["code"] != "bad_request"
    assert (await kimp.client.get("/api/v1/datasets")).json() == before
    assert list((kimp.desk.data_dir / "uploads").glob("*")) == []


NAMES = [
    "../../../../tmp/kimp-was-here.csv",
    "..\\..\\kimp-was-here.csv",
    "/tmp/kimp-was-here.csv",
    "C:\\kimp-was-here.csv",
    "kimp\x00was-here.csv",
    "%2e%2e%2fkimp-was-here.csv",
    "....//....//kimp-was-here.csv",
    "a" * 5000 + ".csv",
    "<img src=x onerror=alert(1)>.csv",
]


@pytest.mark.parametrize("name", NAMES)
async def test_traversal_by_a_file_name(kimp: Running, name: str) -> None:
    status, made = await upload(kimp, GOOD, name, venue="upbit", base="BTC", quote="KRW")
    if status == 201:
        shown = str(made.get("file_name", ""))
        assert "/" not in shown
        assert "\\" not in shown
        await kimp.client.delete(f"/api/v1/datasets/{made['id']}")
    else:
        assert 400 <= status < 500
    assert not Path("/tmp/kimp-was-here.csv").exists()
    assert not list(kimp.desk.data_dir.rglob("*was-here*"))


async def test_traversal_by_a_name_inside_a_zip(kimp: Running) -> None:
    status, made = await upload(kimp, outside(), "a.zip", venue="upbit", base="BTC", quote="KRW")
    assert status == 201, "the content is read, the name is not"
    assert not Path("/tmp/kimp-was-here.csv").exists()
    await kimp.client.delete(f"/api/v1/datasets/{made['id']}")


@pytest.mark.parametrize(
    "path",
    [
        "/static/x/../../app/settings.py",
        "/static/x/..%2f..%2fapp%2fsettings.py",
        "/static/x/%2e%2e/%2e%2e/app/settings.py",
        "/static/x//etc/passwd",
        "/static/x/%2fetc%2fpasswd",
        "/static/x/....//....//etc/passwd",
        "/static/x/vendor",
        "/static/x/",
        "/static/x/app.css%00.png",
    ],
)
async def test_traversal_of_static_files(kimp: Running, path: str) -> None:
    answer = await kimp.client.get(path)
    assert answer.status_code in {404, 422}
    assert "KIMP_" not in answer.text


@pytest.mark.parametrize(
    "path", ["datasets/{}", "datasets/{}/preview", "backtests/{}", "sweeps/{}"]
)
@pytest.mark.parametrize(
    "public_id",
    [
        "..",
        "..%2f..%2fkimp.db",
        "d-1%2f..%2f..",
        "d-1%00",
        "d-0",
        "d--1",
        "d-" + "9" * 40,
        "1' OR 1",
    ],
)
async def test_traversal_by_a_public_id(kimp: Running, path: str, public_id: str) -> None:
    answer = await kimp.client.get("/api/v1/" + path.format(public_id))
    assert answer.status_code in {404, 405, 422}
    answer = await kimp.client.delete("/api/v1/" + path.format(public_id).removesuffix("/preview"))
    assert answer.status_code in {404, 405, 422}


FORMULAS = ["=1+1", "+1+1", "-1+1", "@SUM(A1)", "\t=1", "\r=1", "=cmd|' /C calc'!A0"]


@pytest.mark.parametrize("formula", FORMULAS)
def test_csv_export_writes_no_formula(formula: str) -> None:
    """Coins are the only words of ours in an export that come from outside."""
    from app.runtime.work.cycles import _cell

    assert _cell(formula) == "'" + formula
    assert _cell(-12.5) == "-12.5", "numbers stay numbers"
    line = io.StringIO()
    csv.writer(line).writerow([_cell(formula)])
    (back,) = next(csv.reader(io.StringIO(line.getvalue(), newline="")))
    assert back.startswith("'")


@pytest.mark.parametrize("base", ["=BTC", "../BTC", "B TC", "<b>", "x" * 100, "BTC\n", ""])
async def test_csv_export_cannot_be_reached_by_a_coin_s_name(kimp: Running, base: str) -> None:
    status, made = await upload(kimp, GOOD, venue="upbit", base=base, quote="KRW")
    if status == 201:
        assert made["base"] is None or str(made["base"]).isalnum()
        await kimp.client.delete(f"/api/v1/datasets/{made['id']}")
    else:
        assert status == 422
