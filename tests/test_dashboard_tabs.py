"""The page in many tabs of one browser, which keeps six connections to a server at most: they share one stream."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

import qsim
from tests.browser import WIDE, shown_at
from tests.servers import Served, serving, until

TICKS = 10
# More than the connections that a browser keeps.
TABS = 8


@pytest.fixture
def served(browser: Any, ran: Path, tmp_path: Path) -> Iterator[tuple[Served, Path]]:
    market = tmp_path / "market"
    shutil.copytree(ran, market)
    with serving(market) as running:
        yield running, market


def address(served: Served) -> str:
    return f"http://127.0.0.1:{served.port}/"


def streams(served: Served) -> int:
    """Count the clients that follow changes."""
    lines = httpx.get(f"{address(served)}metrics").text.splitlines()
    return next(int(float(line.split()[1])) for line in lines if line.startswith("qsim_streams "))


def tab(context: Any, served: Served) -> Any:
    page = context.new_page()
    page.goto(address(served))
    shown_at(page)
    page.wait_for_selector("#connection[data-state=live]")
    return page


def test_many_tabs_share_one_stream_and_the_next_takes_it_over(browser: Any, served: tuple[Served, Path]) -> None:
    running, market = served
    context = browser.new_context(viewport=WIDE)
    tabs = [tab(context, running) for _ in range(TABS)]
    assert streams(running) == 1
    for tick in (TICKS + 1, TICKS + 2):
        qsim.run(market, ticks=1)
        for page in tabs:
            shown_at(page, tick)
        newest = tabs[0].locator("#ticker-body li").all_inner_texts()
        assert all(page.locator("#ticker-body li").all_inner_texts() == newest for page in tabs)
        # The one that holds the stream.
        tabs.pop(0).close()
        until(lambda: streams(running) == 1)
    context.close()
    until(lambda: streams(running) == 0)


def test_a_tab_that_hears_another_tells_that_the_server_is_away_and_back(
    browser: Any, served: tuple[Served, Path]
) -> None:
    running, market = served
    context = browser.new_context(viewport=WIDE)
    tabs = [tab(context, running) for _ in range(2)]
    running.process.terminate()
    for page in tabs:
        page.wait_for_selector("#connection[data-state=away]")
    running.process.wait(10)
    with serving(market, "--port", running.port):
        for page in tabs:
            page.wait_for_selector("#connection[data-state=live]", timeout=20_000)
    context.close()


def test_changes_that_are_heard_are_listed_as_those_that_are_loaded(browser: Any, served: tuple[Served, Path]) -> None:
    running, market = served
    context = browser.new_context(viewport=WIDE)
    page = tab(context, running)
    # In one commit, and fewer than the list has room for.
    qsim.run(market, ticks=2, batch_size=2)
    shown_at(page, TICKS + 2)
    heard = page.locator("#ticker-body li.fresh").all_inner_texts()
    page.reload()
    shown_at(page, TICKS + 2)
    loaded = page.locator("#ticker-body li").all_inner_texts()
    assert len(heard) > 10 and sorted(loaded[: len(heard)]) == sorted(heard)
    context.close()


def test_tabs_of_a_browser_without_locks_follow_each_by_itself(browser: Any, served: tuple[Served, Path]) -> None:
    running, market = served
    context = browser.new_context(viewport=WIDE)
    context.add_init_script("delete Navigator.prototype.locks")
    tabs = [tab(context, running) for _ in range(2)]
    assert streams(running) == 2
    qsim.run(market, ticks=1)
    for page in tabs:
        shown_at(page, TICKS + 1)
    context.close()


def test_a_tab_does_not_wait_for_one_that_has_the_lock_and_says_nothing(
    browser: Any, served: tuple[Served, Path]
) -> None:
    running, market = served
    context = browser.new_context(viewport=WIDE)
    mute = context.new_page()
    mute.goto(f"{address(running)}health")
    mute.evaluate(
        "new Promise(held => navigator.locks.request('qsim / ', () => { held(); return new Promise(() => {}); }))"
    )
    page = context.new_page()
    page.clock.install()
    page.goto(address(running))
    shown_at(page)
    assert streams(running) == 0
    page.clock.fast_forward(46_000)
    until(lambda: streams(running) == 1)
    qsim.run(market, ticks=1)
    page.clock.resume()
    shown_at(page, TICKS + 1)
    context.close()
