"""The page for those who use it by keys and by ear, who search, or who print it."""

from __future__ import annotations

from typing import Any

from tests.browser import Seen


def test_a_search_tells_by_ear_that_nothing_is_found_and_writes_long_words_in_its_list(desk: tuple[Any, Seen]) -> None:
    page, _ = desk
    for words in ("milk", "q" * 100):
        page.locator("#search").fill(words)
        told = "2 products" if words == "milk" else f"No product on sale has the words “{words}”."
        page.wait_for_selector(f"#found-told[role=status]:text-is('{told}')", state="attached")
    assert page.locator("#found").evaluate("it => it.scrollWidth <= it.clientWidth")
    page.locator("#search").press("Escape")
    assert page.locator("#found-told").text_content() == ""


def test_a_search_tells_that_it_lists_the_first_of_more(desk: tuple[Any, Seen]) -> None:
    page, _ = desk
    rows = [{"product_id": at, "product": "Fig", "pack": "1 kg"} for at in range(12)]
    page.route("**/boards/search?*", lambda route: route.fulfill(json={"products": rows}))
    for told in ("12 products", "More than 12 match: type on for fewer."):
        page.locator("#search").fill(f"fig{len(rows)}")
        page.wait_for_selector(f"#found-told:text-is('{told}')", state="attached")
        assert page.locator("#found li").count() == len(rows)
        rows.append(rows[0])
    page.unroute("**/boards/search?*")
    page.locator("#search").press("Escape")
