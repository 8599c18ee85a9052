"""Our files: style, script, fonts, icon. The address holds their digest, so they never go stale."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

from fastapi import APIRouter, Depends
from starlette.responses import FileResponse, JSONResponse, Response

from app.domain.problems import Problem
from app.security.guard import public

ROOT = Path(__file__).resolve().parents[2] / "static"
MEDIA_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".woff2": "font/woff2",
    ".txt": "text/plain; charset=utf-8",
    ".csv": "text/csv; charset=utf-8",
}
FOREVER = "public, max-age=31536000, immutable"
DIGEST_LENGTH = 12

router = APIRouter(dependencies=[Depends(public())], include_in_schema=False)


@cache
def files() -> dict[str, Path]:
    """Every file that may be served, by its path below static/."""
    return {
        path.relative_to(ROOT).as_posix(): path
        for path in sorted(ROOT.rglob("*"))
        if path.is_file() and path.suffix in MEDIA_TYPES
    }


@cache
def digest() -> str:
    """One digest of all files: a changed stylesheet also moves the fonts that it names."""
    total = hashlib.sha256()
    for name, path in files().items():
        total.update(name.encode() + b"\0" + path.read_bytes())
    return total.hexdigest()[:DIGEST_LENGTH]


def address(name: str) -> str:
    """The URL of a file below static/; an unknown name is our bug."""
    assert name in files(), name
    return f"/static/{digest()}/{name}"


@router.get("/static/{version}/{name:path}")
async def static_file(version: str, name: str) -> Response:
    path = files().get(name)
    if path is None:
        raise Problem("not_found")
    kept = FOREVER if version == digest() else "no-cache"
    return FileResponse(path, media_type=MEDIA_TYPES[path.suffix], headers={"Cache-Control": kept})


@router.get("/manifest.webmanifest")
async def manifest() -> Response:
    """For the phone's home screen."""
    icon = {"src": address("icon.svg"), "sizes": "any", "type": "image/svg+xml"}
    return JSONResponse(
        {
            "name": "kimp",
            "short_name": "kimp",
            "start_url": "/",
            "display": "standalone",
            "background_color": "#090a0d",
            "theme_color": "#101215",
            "icons": [icon, {**icon, "purpose": "maskable"}],
        },
        media_type="application/manifest+json",
        headers={"Cache-Control": "no-cache"},
    )
