"""The page where its server is busy, fails, asks for a token, or has another market than before."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import qsim
from tests.browser import free_port, opened, shown_at
from tests.odd_shop import GOODS, TICKS, titled
from tests.servers import serving


def test_a_server_that_asks_for_a_token_is_not_told_to_be_away(browser: Any, address: str) -> None:
    page = browser.new_context().new_page()
    page.route("**/api/**", lambda route: route.fulfill(status=401, json={"error": "authorization: no token"}))
    page.goto(address)
    page.wait_for_selector("#connection[data-state=locked]:has-text('token')")
    page.context.close()


def test_a_page_that_a_busy_server_did_not_begin_is_begun_later(browser: Any, address: str) -> None:
    page = browser.new_context().new_page()
    page.clock.install()
    page.route("**/boards/overview", lambda route: route.fulfill(status=503, json={"status": 503, "error": "busy"}))
    page.goto(address)
    page.wait_for_selector("#figures .fault:has-text('busy')")
    page.unroute("**/boards/overview")
    page.clock.run_for(5000)
    page.wait_for_selector("#offers .offer")
    page.context.close()


def test_what_a_busy_server_did_not_give_is_dimmed_and_asked_for_again(browser: Any, address: str) -> None:
    page, _ = opened(browser, address, TICKS)
    page.clock.install()
    busy = {"status": 503, "error": "too many wait for the boards; ask again in a second"}
    page.route("**/boards/movers*", lambda route: route.fulfill(status=503, json=busy))
    page.locator("#mover-hours").select_option("6")
    page.wait_for_selector("#movers .fault:has-text('too many wait')")
    assert float(page.locator("#movers-body").evaluate("it => getComputedStyle(it).opacity")) < 1
    page.unroute("**/boards/movers*")
    page.clock.fast_forward(5000)
    page.wait_for_selector("#movers .fault", state="detached")
    page.context.close()


def test_why_a_market_fails_is_told(browser: Any, address: str) -> None:
    page = browser.new_context().new_page()
    reasons = [{"level": "warning", "found": "a slow disk"}, {"level": "failing", "found": "no disk"}]
    page.route("**/health", lambda route: route.fulfill(status=503, json={"status": "failing", "reasons": reasons}))
    page.goto(address)
    page.wait_for_selector("#facts dd:text-is('failing: no disk')")
    page.context.close()


def test_pause_holds_the_list_and_another_market_in_the_same_place_is_shown_from_its_beginning(
    browser: Any, odd_market: Path, ran: Path, tmp_path: Path
) -> None:
    market, port = tmp_path / "market", free_port()
    shutil.copytree(ran, market)
    with serving(market, "--port", port) as served:
        page, _ = opened(browser, f"{served.address}#product=11", 10)
        page.locator("#pause").click()
        before = page.locator("#ticker-body").inner_text()
        qsim.run(market, ticks=2)
        shown_at(page, 12)
        assert page.locator("#ticker-body").inner_text() == before
        page.locator("#pause").click()
        page.wait_for_selector("#ticker-note:has-text('newest first')")
    page.wait_for_selector("#connection[data-state=away]")
    with serving(odd_market, "--port", port):
        shown_at(page, TICKS)
        titled(page, GOODS[0][0])
        assert page.locator(".fault").count() == 0 and page.url.endswith("#product=0")
    page.context.close()


def test_who_stands_in_the_list_of_changes_with_the_keyboard_stays_in_it_when_the_row_goes(
    browser: Any, ran: Path, tmp_path: Path
) -> None:
    market = tmp_path / "market"
    shutil.copytree(ran, market)
    with serving(market) as served:
        page, _ = opened(browser, served.address, 10)
        page.wait_for_selector("#connection[data-state=live]")
        page.locator("#ticker-body button").last.focus()
        qsim.run(market, ticks=2)
        page.wait_for_selector("#ticker-body li.fresh")
        assert page.evaluate("document.activeElement.matches('#ticker-body button')")
    page.context.close()
