"""A real browser: the system's Chromium, headless, and what its pages say and ask for."""

from __future__ import annotations

import os
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

_FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
WIDE = {"width": 1440, "height": 900}
PHONE = {"width": 360, "height": 740}
_RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
CHROMIUM = next(
    (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None
)


@contextmanager
def chromium() -> Iterator[Any]:
    """Start the system's Chromium; the test is skipped where there is none."""
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine (Debian: apt-get install chromium)")
    playwright = pytest.importorskip(
        "playwright.sync_api", reason="playwright is not installed (pip install '.[test]')"
    )
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=list(_FLAGS))
        yield browser
        browser.close()


def free_port() -> int:
    """Let the system choose a port that is free."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


@dataclass
class Seen:
    """What a page said and asked for: console errors and faults of scripts, and the URLs."""

    errors: list[str] = field(default_factory=list)
    urls: list[str] = field(default_factory=list)


def watched(page: Any) -> Seen:
    """Take down what a page says and asks for, from now on."""
    seen = Seen()
    page.on(
        "console", lambda message: seen.errors.append(message.text) if message.type in ("error", "warning") else None
    )
    page.on("pageerror", lambda fault: seen.errors.append(str(fault)))
    page.on("request", lambda request: seen.urls.append(request.url))
    return seen


def shown_at(page: Any, tick: int | None = None) -> None:
    """Wait until the page shows a tick whole, or any."""
    page.wait_for_selector("html[data-tick]" if tick is None else f"html[data-tick='{tick}']", timeout=20_000)


def opened(browser: Any, address: str, tick: int | None = None, **settings: Any) -> tuple[Any, Seen]:
    """Open the page in a context of its own and wait until it shows a tick."""
    context = browser.new_context(**{"viewport": WIDE, "color_scheme": "light", "reduced_motion": "reduce"} | settings)
    page = context.new_page()
    seen = watched(page)
    page.goto(address)
    shown_at(page, tick)
    return page, seen


def picture(page: Any, name: str, folder: Path) -> None:
    """Keep a screenshot of the whole page where QSIM_SCREENSHOTS says, else in a folder of the test."""
    place = Path(os.environ.get("QSIM_SCREENSHOTS") or folder)
    place.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=str(place / f"{name}.png"), full_page=True)


def violations(page: Any) -> list[str]:
    """Let axe look at a page, and tell what it finds."""
    page.evaluate(files(pytest.importorskip("axe_playwright_python")).joinpath("axe.min.js").read_text("utf-8"))
    found = page.evaluate(f"axe.run(document, {{runOnly: {_RULES}, resultTypes: ['violations']}})")
    assert len(found["passes"]) > 20
    return [
        f"{one['id']}: {node['html'][:160]} {node['failureSummary'][:200]}"
        for one in found["violations"]
        for node in one["nodes"]
    ]
