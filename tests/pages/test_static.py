"""Our files: addresses that never go stale, vendored copies as published, nothing else served."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

import pytest

from app.routers import static
from tests.appkit import running

VENDORED = static.ROOT / "vendor" / "sha256.txt"


def test_vendored_files_are_as_published() -> None:
    listed = {}
    for line in VENDORED.read_text().splitlines():
        if not line.startswith("#"):
            digest, name = line.split(maxsplit=1)
            listed[name if name.startswith("fonts/") else _below_root(name)] = digest
    for name, digest in listed.items():
        assert hashlib.sha256((static.ROOT / name).read_bytes()).hexdigest() == digest, name
    vendored = {
        path.relative_to(static.ROOT).as_posix()
        for folder in ("vendor", "fonts")
        for path in (static.ROOT / folder).rglob("*")
        if path.is_file() and path != VENDORED
    }
    assert vendored == set(listed)


def _below_root(name: str) -> str:
    return name if name.startswith("vendor/") else f"vendor/{name}"


def test_every_vendored_library_brings_its_licence() -> None:
    names = {path.name for path in (static.ROOT / "vendor").glob("*LICENSE*")}
    assert {"htmx-LICENSE.txt", "uplot-LICENSE.txt"} <= names
    assert (static.ROOT / "fonts" / "OFL.txt").is_file()


def test_the_stylesheet_names_only_files_that_exist() -> None:
    for sheet in static.ROOT.glob("*.css"):
        for name in re.findall(r"url\(([^)]+)\)", sheet.read_text()):
            assert (static.ROOT / name).is_file(), f"{sheet.name}: {name}"


def test_no_style_sheet_or_script_of_ours_reaches_out() -> None:
    for path in static.ROOT.glob("*.*s*"):
        if path.suffix in {".css", ".js"}:
            assert not re.search(r"https?://(?!www\.w3\.org)", path.read_text()), path.name


async def test_files_are_kept_for_ever_under_their_digest(tmp_path: Path) -> None:
    async with running(tmp_path) as kimp:
        visitor = kimp.visitor()
        now = await visitor.get(static.address("app.css"))
        old = await visitor.get("/static/000000000000/app.css")
        none = await visitor.get(static.address("app.css") + "x")
        outside = await visitor.get(f"/static/{static.digest()}/../app/main.py")
    assert (now.status_code, now.headers["cache-control"]) == (200, static.FOREVER)
    assert now.headers["content-type"] == "text/css; charset=utf-8"
    assert (old.status_code, old.headers["cache-control"]) == (200, "no-cache")
    assert (none.status_code, outside.status_code) == (404, 404)


async def test_the_phone_s_manifest_names_an_icon_that_is_there(tmp_path: Path) -> None:
    async with running(tmp_path) as kimp:
        visitor = kimp.visitor()
        manifest = await visitor.get("/manifest.webmanifest")
        icon = await visitor.get(json.loads(manifest.content)["icons"][0]["src"])
    assert manifest.headers["content-type"] == "application/manifest+json"
    assert icon.headers["content-type"] == "image/svg+xml"


@pytest.mark.parametrize("name", ["nothing.css", "../app/main.py", "vendor/sha256"])
def test_an_address_of_what_is_not_there_is_our_bug(name: str) -> None:
    with pytest.raises(AssertionError):
        static.address(name)
