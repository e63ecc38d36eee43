"""The page for those who use it by keys and by ear, who search, or who print it."""

from __future__ import annotations

from typing import Any

from qsim.schema import Cause
from tests.browser import Seen, opened, violations
from tests.odd_shop import PLATFORMS, TICKS, chosen, drawn


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


def test_causes_are_told_whole_words_unbroken_and_the_rare_ones_together(desk: tuple[Any, Seen]) -> None:
    page, _ = desk
    causes = [{"cause": cause.name.lower(), "events": 10 ** (9 - at)} for at, cause in enumerate(list(Cause)[:9])]
    told = {"tick": 9, "hour_since": 1, "since_time": 0, "bars": [], "causes": causes}
    read = "[...document.querySelectorAll('#causes tbody tr')].map(it => it.innerText)"
    rows = drawn(page, "activity(told)", told, read)
    assert (len(rows), rows[-1].split()) == (8, ["2", "others", "0", "%", "110"])
    page.locator("#causes").evaluate("it => { it.style.width = '150px'; }")
    room = "rows => rows.every(it => it.scrollWidth <= it.clientWidth && it.clientWidth > 60)"
    assert page.locator("#causes td:first-child").evaluate_all(room)
    page.locator("#causes").evaluate("it => { it.style.width = ''; }")


def test_prices_that_keys_read_off_the_chart_are_told_by_ear(desk: tuple[Any, Seen]) -> None:
    page, _ = desk
    chosen(page, 5)
    chart = page.locator("#price-chart")
    chart.focus()
    newest = chart.get_attribute("aria-valuetext")
    assert newest.startswith("1 Jan 2026, 10:00:00 IST: ") and "Store A ₹" in newest
    for key, place in (("Home", "aria-valuemin"), ("End", "aria-valuemax")):
        page.keyboard.press(key)
        assert chart.get_attribute("aria-valuenow") == chart.get_attribute(place)
    page.keyboard.press("ArrowLeft")
    then = chart.get_attribute("aria-valuetext")
    assert then != newest and page.locator("#prices-note").inner_text() == f"at {then.split(' IST')[0]} IST"
    page.keyboard.press("Escape")
    assert chart.get_attribute("aria-valuetext") == newest
    assert violations(page) == []


def test_stock_outs_tell_of_categories_that_are_not_listed_and_name_the_platforms(desk: tuple[Any, Seen]) -> None:
    page, _ = desk
    shops = list(PLATFORMS)
    cells = [
        {"category": f"Shelf {at}", "platform": shop, "listings": 4, "out": 1} for at in range(14) for shop in shops
    ]
    out = {"product_id": 1, "product": "Fig", "pack": "1 kg", "listings": 2, "platforms": shops[-2:]}
    told = {"stock_moves": True, "cells": cells, "products": [out]}
    read = """[
        document.querySelector('#stock-note').innerText,
        [...document.querySelectorAll('#stock-body td:last-child abbr')].map(it => it.title),
        document.querySelector('#stock-body td:has(abbr)').innerText,
    ]"""
    note = "70 of 280 listings. 2 smaller categories not shown."
    assert drawn(page, "stockouts(told, () => 0)", told, read) == [note, ["Store A", "Store B"], "St SB"]


def test_prices_of_one_row_of_offers_stand_on_one_line_whatever_the_names(desk: tuple[Any, Seen]) -> None:
    page, _ = desk
    tops = "(them, at) => them.map(it => it.getBoundingClientRect()).map(it => Math.round(it[at]))"
    cards = page.locator("#offers .offer").evaluate_all(tops, "top")
    values = page.locator("#offers .value").evaluate_all(tops, "top")
    assert len(set(page.locator("#offers .named > span").evaluate_all(tops, "height"))) > 1
    assert all(len({value for card, value in zip(cards, values, strict=True) if card == top}) == 1 for top in cards)


def test_a_dark_page_is_printed_dark_on_white_with_its_colours_and_is_dark_again_afterwards(
    browser: Any, address: str
) -> None:
    page, _ = opened(browser, address, TICKS, color_scheme="dark", viewport={"width": 1280, "height": 900})
    ink = "getComputedStyle(document.body).color"
    dark = page.evaluate(ink)
    page.evaluate(f"addEventListener('beforeprint', () => {{ document.documentElement.title = {ink}; }})")
    page.pdf()
    assert page.evaluate("document.documentElement.title") == "rgb(23, 27, 34)" != dark == page.evaluate(ink)
    page.emulate_media(media="print")
    page.set_viewport_size({"width": 717, "height": 1046})
    assert page.locator("#heat-body").evaluate("it => it.scrollWidth <= it.clientWidth")
    kept = "them => them.every(it => getComputedStyle(it).printColorAdjust === 'exact')"
    assert page.locator(".mark, .swatch, .heatmap td, .meter i").evaluate_all(kept)
    page.context.close()


def test_the_button_that_holds_changes_says_what_it_does_and_is_not_told_as_pressed_besides(
    desk: tuple[Any, Seen],
) -> None:
    page, _ = desk
    for word in ("Pause", "Go on"):
        assert page.locator("#pause").aria_snapshot() == f'- button "{word}"'
        page.locator("#pause").click()
