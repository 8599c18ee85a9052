"""Where Chromium is: named by KIMP_CHROMIUM, installed, or unpacked beside the repository."""

from __future__ import annotations

import ctypes.util
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from playwright.async_api import Browser, async_playwright

from tools import debs

FLAGS = (
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)


def executable() -> Path:
    named = os.environ.get("KIMP_CHROMIUM")
    here = Path(named) if named else debs.installed("chromium")
    # Debian's own start script names absolute paths, so an unpacked Chromium is started itself.
    return here or debs.unpacked("chromium") / "usr/lib/chromium/chromium"


def environment(program: Path) -> dict[str, str]:
    """Libraries and fonts that a bare machine lacks; playwright's own driver needs libatomic."""
    unpacked = debs.CACHE in program.parents
    if not unpacked and ctypes.util.find_library("atomic"):
        return {}
    root = debs.unpacked("chromium")
    found = {"LD_LIBRARY_PATH": debs.environment(root)["LD_LIBRARY_PATH"]}
    fonts = root / "etc/fonts/fonts.conf"
    if not Path("/etc/fonts/fonts.conf").exists() and fonts.exists():
        found["FONTCONFIG_FILE"] = str(_fonts_of(root, fonts))
    return found


def _fonts_of(root: Path, conf: Path) -> Path:
    """The unpacked fonts, under the folders where they lie now."""
    ours = root / "fonts.conf"
    ours.write_text(conf.read_text().replace("/usr/share/fonts", f"{root}/usr/share/fonts"))
    return ours


@asynccontextmanager
async def launched() -> AsyncIterator[Browser]:
    """One browser for all tests of a process."""
    program = executable()
    before = dict(os.environ)
    os.environ.update(environment(program))
    try:
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(
                executable_path=str(program), chromium_sandbox=False, args=list(FLAGS)
            )
            yield browser
            await browser.close()
    finally:
        os.environ.clear()
        os.environ.update(before)
