"""The page where names, prices and platforms are not what shops have, and where who uses it is quick or takes other ways."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.browser import PHONE, Seen, opened, shown_at
from tests.odd_shop import GOODS, LONG, PLATFORMS, TICKS, chosen, slowly, titled
from tests.servers import until


def test_long_names_and_dear_goods_need_no_scrolling_sideways_on_a_phone(browser: Any, address: str) -> None:
    page, seen = opened(browser, f"{address}#product=3", TICKS, viewport=PHONE, is_mobile=True)
    page.locator("#search").fill("x")
    page.wait_for_selector(f"#found li:has-text({LONG!r})")
    assert page.locator("#found li").evaluate_all("rows => rows.every(it => it.scrollWidth <= it.clientWidth)")
    assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
    rows = page.locator("#heat-body th[scope=row]")
    assert rows.evaluate_all("rows => rows.every(it => it.scrollWidth <= it.clientWidth)")
    assert seen.errors == []
    page.context.close()


def test_names_are_text_and_those_written_from_right_to_left_turn_nothing_round(desk: tuple[Any, Seen]) -> None:
    page, seen = desk
    for product, (name, category, pack, *_) in enumerate(GOODS[:2]):
        chosen(page, product)
        assert page.locator("#prices-title bdi").all_inner_texts() == [name, pack]
        assert page.locator("#prices-note").inner_text().startswith(f"\u2068{category}\u2069")
    assert page.locator("main b, #offers b, #search-form b").filter(has_text="Milk").count() == 0
    assert seen.errors == []


def test_bars_of_stock_outs_are_of_one_length_so_that_platforms_can_be_compared(desk: tuple[Any, Seen]) -> None:
    page, _ = desk
    widths = page.locator("#stock-body .meter").evaluate_all("bars => bars.map(it => it.clientWidth)")
    assert len(widths) >= len(PLATFORMS) and len(set(widths)) == 1


def test_platforms_of_alike_names_have_two_letters_and_colours_of_their_own(desk: tuple[Any, Seen]) -> None:
    page, _ = desk
    codes = page.locator("#heat-key .named").all_inner_texts()[: len(PLATFORMS)]
    assert [text.split()[0] for text in codes] == ["bS", "חנ", "WW", "St", "SB"]
    shops = [{"platform": f"shop_{at}", "name": f"Shop 🛒 {at}"} for at in range(50)]
    known = page.evaluate(
        "shops => import('/page/format.js?apart').then(f => (f.setPlatforms(shops), f.platforms()))", shops
    )
    assert len({one["code"] for one in known}) == 50 and all(one["code"].isalnum() for one in known)
    assert {one["place"] for one in known} == set(range(1, 9))


def test_axes_have_room_for_their_labels_and_paise_where_these_tell_marks_apart(desk: tuple[Any, Seen]) -> None:
    page, _ = desk
    marks = page.evaluate(
        "() => import('/page/format.js').then(f => [[0.04, 0.01], [0.5, 0.1], [20, 5], [2e7, 1e6]].map(it => f.mark(...it)))"
    )
    assert marks == ["₹0.04", "₹0.50", "₹20", "₹2,00,00,000"]
    room = "labels => import('/page/charts.js').then(c => c.fitting(62)(null, labels))"
    assert page.evaluate(room, ["₹20"]) == 62 and page.evaluate(room, ["₹2,00,00,000"]) > 85
    # Fifty lanes of 11 pixels leave a third of the chart to the lines.
    assert page.evaluate("import('/page/charts.js').then(c => c.tallEnough(50))") * 2 / 3 > 50 * 11


def test_lengths_of_time_are_told_in_the_unit_they_are_whole_in(desk: tuple[Any, Seen]) -> None:
    page, _ = desk
    told = page.evaluate("import('/page/format.js').then(f => [5, 60, 90, 900, 3600, 172800, 0].map(f.span))")
    assert told == ["5 s", "1 minute", "90 s", "15 minutes", "1 hour", "2 days", "0 s"]
    assert page.locator("#facts").inner_text().split("\n")[9] == "15 minutes"


def test_a_pause_that_is_over_or_broken_off_leaves_no_listener_behind(desk: tuple[Any, Seen]) -> None:
    page, _ = desk
    told = page.evaluate("""async () => {
        const { pause } = await import('/page/live.js');
        const control = new AbortController();
        let count = 0;
        const signal = {
            addEventListener: (...words) => { count += 1; control.signal.addEventListener(...words); },
            removeEventListener: (...words) => { count -= 1; control.signal.removeEventListener(...words); },
        };
        await pause(1, signal);
        const over = count;
        setTimeout(() => control.abort(), 1);
        await pause(3_600_000, signal);
        return [over, count];
    }""")
    assert told == [0, 0]


def test_the_pace_told_is_that_of_the_last_minute(desk: tuple[Any, Seen]) -> None:
    page, _ = desk
    pace = "([marks, now]) => import('/page/facts.js').then(f => f.pace(marks, now))"
    assert page.evaluate(pace, [[[0, 100], [30_000, 160]], 60_000]) == "60 ticks a minute"
    assert page.evaluate(pace, [[[0, 100], [30_000, 160]], 95_000]) == "standing still"
    assert page.evaluate(pace, [[[0, 100]], 59_000]) == page.evaluate(pace, [[], 0]) == "–"
    assert page.evaluate(pace, [[[0, 100], [3_600_000, 105]], 3_601_000]) == "5 ticks a minute"


def test_a_product_that_a_market_does_not_have_is_told_in_place_of_the_last_one(desk: tuple[Any, Seen]) -> None:
    page, seen = desk
    chosen(page, 5)
    page.evaluate("location.hash = '#product=99'")
    page.wait_for_selector("#prices .fault:has-text('allowed are 0 to 6')")
    assert page.locator("#prices-title").inner_text() == "Prices"
    assert page.locator("#offers").is_hidden() and page.locator("#price-chart").is_hidden()
    chosen(page, 5)
    assert page.locator("#price-chart canvas").is_visible() and page.locator("#prices .fault").count() == 0
    seen.errors.clear()


def test_the_way_back_leads_to_the_product_before_and_to_the_tick_of_a_link(desk: tuple[Any, Seen]) -> None:
    page, _ = desk
    chosen(page, 5)
    page.locator("#stock-body button, #movers-body button").filter(has_text="Gold Bar").first.click()
    titled(page, "Gold Bar")
    page.go_back()
    titled(page, "Milk Rusk")
    page.evaluate("location.hash = '#tick=7&product=5'")
    shown_at(page, 7)
    page.locator("#live").click()
    shown_at(page, TICKS)


def test_tick_0_of_a_market_that_has_run_is_not_told_as_one_of_which_no_tick_has_run(desk: tuple[Any, Seen]) -> None:
    page, _ = desk
    page.evaluate("location.hash = '#tick=0'")
    shown_at(page, 0)
    assert "o tick has run" not in page.locator("main").inner_text()
    assert page.locator("#movers-body").inner_text().startswith("Tick 0 is the market as it was made")
    page.locator("#live").click()
    shown_at(page, TICKS)


def test_a_tab_that_nobody_looks_at_holds_no_connection(desk: tuple[Any, Seen], address: str) -> None:
    page, _ = desk
    hide = """on => { Object.defineProperty(document, 'hidden', { value: on, configurable: true });
        document.dispatchEvent(new Event('visibilitychange')); }"""

    def streams() -> int:
        lines = httpx.get(f"{address}metrics").text.splitlines()
        return next(int(float(line.split()[1])) for line in lines if line.startswith("qsim_streams "))

    before = streams()
    page.evaluate(hide, True)
    until(lambda: streams() == before - 1)
    page.evaluate(hide, False)
    until(lambda: streams() == before)
    assert page.locator("#connection").get_attribute("data-state") == "live"


def test_an_answer_that_is_of_a_commit_before_the_newest_one_takes_the_page_not_back(desk: tuple[Any, Seen]) -> None:
    page, _ = desk
    pace = page.locator("#facts dd").nth(2).inner_text()
    page.route("**/boards/overview", lambda route: route.fulfill(json=route.fetch().json() | {"head": TICKS - 3}))
    page.evaluate("delete document.documentElement.dataset.tick")
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    shown_at(page, TICKS)
    assert page.locator("#shown").inner_text().startswith(f"Tick {TICKS},")
    assert page.locator("#facts dd").nth(2).inner_text() == pace
    page.unroute("**/boards/overview")


def test_a_button_that_can_go_no_further_hands_the_keyboard_on(desk: tuple[Any, Seen]) -> None:
    page, _ = desk
    page.evaluate(f"location.hash = '#tick={TICKS - 1}'")
    shown_at(page, TICKS - 1)
    page.locator("#forth").press("Enter")
    assert page.evaluate("document.activeElement.id") == "slider"
    shown_at(page, TICKS)


def test_a_platform_that_is_closed_is_not_told_to_be_cheapest(desk: tuple[Any, Seen]) -> None:
    page, _ = desk
    chosen(page, 6)
    cheap = next(name for name in PLATFORMS.values() if name in page.locator("#offers .best").first.inner_text())
    closed = [key for key, name in PLATFORMS.items() if name == cheap]
    page.route("**/prices/6?*", lambda route: route.fulfill(json=route.fetch().json() | {"closed": closed}))
    chosen(page, 5)
    chosen(page, 6)
    cards = page.locator("#offers .offer")
    assert "closed, takes no orders" in cards.filter(has_text=cheap).inner_text()
    assert all(cheap not in text for text in page.locator("#offers .best").all_inner_texts())
    page.unroute("**/prices/6?*")


def test_what_is_gone_to_is_not_hidden_under_the_bar_of_time(desk: tuple[Any, Seen]) -> None:
    page, _ = desk
    top = "it => it.getBoundingClientRect().top - document.getElementById('time').getBoundingClientRect().bottom"
    page.locator("footer a").focus()
    page.locator("#movers-body button").filter(has_text="Gold Bar").first.click()
    titled(page, "Gold Bar")
    assert 0 < page.locator("#prices-title").evaluate(top) < 60
    page.locator("footer a").focus()
    covered = []
    for _ in range(40):
        page.keyboard.press("Shift+Tab")
        under = page.evaluate(f"!!document.activeElement.closest('main') && ({top})(document.activeElement) < -1")
        covered += [page.evaluate("document.activeElement.outerHTML.slice(0, 80)")] if under else []
    assert covered == []


def test_a_search_takes_what_is_typed_not_what_is_still_listed(desk: tuple[Any, Seen]) -> None:
    page, _ = desk
    slowly(page)
    page.locator("#search").fill("rusk")
    page.wait_for_selector("#found li[aria-selected=true]")
    page.locator("#search").fill("toffee")
    page.keyboard.press("Enter")
    titled(page, "Toffee")
    assert page.locator("#search").input_value() == ""


@pytest.mark.parametrize("leave", ["Escape", "Tab"])
def test_a_search_that_was_left_opens_no_list_when_its_answer_comes(desk: tuple[Any, Seen], leave: str) -> None:
    page, _ = desk
    page.locator("#search").fill("milk")
    page.wait_for_timeout(200)
    page.keyboard.press(leave)
    page.wait_for_timeout(400)
    assert page.locator("#found").is_hidden()
    page.locator("#search").focus()
    if leave == "Tab":
        page.keyboard.press("ArrowDown")
        page.wait_for_selector("#found li[aria-selected=true]")
    page.keyboard.press("Escape")
