"""The page in a real browser: what it shows, that it lives, and that anybody can use it."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

import qsim
from tests.browser import PHONE, WIDE, Seen, free_port, opened, picture, shown_at, violations
from tests.colours import contrast, linear
from tests.servers import serving

TICKS = 128


@pytest.fixture(scope="module")
def shown_market(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A realistic market of a day and an hour; to be read, never written."""
    market = tmp_path_factory.mktemp("page") / "market"
    qsim.generate(market, products=60, seed=42, preset="realistic")
    qsim.run(market, ticks=TICKS, update_interval_seconds=900)
    return market


@pytest.fixture(scope="module")
def address(browser: Any, shown_market: Path) -> Iterator[str]:
    with serving(shown_market) as served:
        yield served.address


@pytest.fixture(scope="module")
def wide(browser: Any, address: str) -> Iterator[tuple[Any, Seen]]:
    """The page at its newest tick, light, on a desk; tests leave it so."""
    page, seen = opened(browser, address, TICKS)
    yield page, seen
    page.context.close()


@pytest.fixture(scope="module")
def phone(browser: Any, address: str) -> Iterator[Any]:
    """The page at its newest tick, dark, on a phone; tests leave it so."""
    page, _ = opened(
        browser, address, TICKS, viewport=PHONE, color_scheme="dark", device_scale_factor=2, is_mobile=True
    )
    yield page
    page.context.close()


def test_every_board_is_filled_without_an_error_and_from_this_host_alone(
    wide: tuple[Any, Seen], address: str, tmp_path: Path
) -> None:
    page, seen = wide
    assert page.locator("#figures .figure").count() == 6
    assert page.locator("#offers .offer .value").all_inner_texts()[0].startswith("₹")
    assert page.locator("#price-chart canvas, #activity-chart canvas").count() == 2
    assert page.locator("#heat-body thead th").count() == 1 + 24
    assert page.locator("#heat-body td b").all_inner_texts()[0] in ("Bl", "Ze", "In", "Bb", "Du")
    assert page.locator("#ticker-body li").count() == 30
    for board in ("#movers-body", "#stock-body", "#causes"):
        assert page.locator(f"{board} tbody tr").count() >= 2, board
    assert page.locator("#depths-body rect").count() > 5
    assert page.locator(".fault").count() == 0
    assert seen.errors == []
    assert {url for url in seen.urls if not url.startswith(address)} == set()
    picture(page, "page-light", tmp_path)


def test_axe_finds_nothing_on_a_desk(wide: tuple[Any, Seen]) -> None:
    assert violations(wide[0]) == []


@pytest.mark.nightly
def test_axe_finds_nothing_on_a_dark_phone(phone: Any) -> None:
    assert violations(phone) == []


@pytest.mark.nightly
@pytest.mark.parametrize(("scheme", "size"), [("dark", WIDE), ("light", PHONE)])
def test_axe_finds_nothing_in_the_past(browser: Any, address: str, scheme: str, size: dict[str, int]) -> None:
    page, _ = opened(browser, f"{address}#tick=30", 30, viewport=size, color_scheme=scheme)
    assert violations(page) == []
    page.context.close()


def test_a_phone_needs_no_scrolling_sideways(phone: Any, tmp_path: Path) -> None:
    assert phone.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
    picture(phone, "page-phone-dark", tmp_path)


def test_a_product_is_found_and_chosen_by_keys_alone(wide: tuple[Any, Seen]) -> None:
    page, _ = wide
    page.locator("#search").focus()
    page.keyboard.type("mil", delay=20)
    page.wait_for_selector("#found li[aria-selected=true]")
    page.keyboard.press("ArrowDown")
    name = page.locator("#found li[aria-selected=true] span").first.inner_text()
    page.keyboard.press("Enter")
    page.wait_for_selector(f"#prices-title:has-text({name!r})")


def test_a_search_without_a_match_says_so_and_takes_names_as_text(wide: tuple[Any, Seen]) -> None:
    page, _ = wide
    page.locator("#search").fill("<b>unobtainium</b>")
    page.wait_for_selector("#found li:has-text('No product on sale has the words “<b>unobtainium</b>”')")
    page.locator("#search").press("Escape")


def test_the_slider_shows_the_whole_page_as_of_a_past_tick(wide: tuple[Any, Seen], tmp_path: Path) -> None:
    page, _ = wide
    now = page.locator("#ticker-body li").first.inner_text()
    page.locator("#slider").evaluate("it => { it.value = 33; it.dispatchEvent(new Event('input')); }")
    shown_at(page, 33)
    assert page.locator("#shown").inner_text() == "Tick 33 of 128, 1 Jan 2026, 08:15:00 IST"
    assert page.locator("#ticker-body li .at").first.inner_text() <= "08:15:00"
    assert page.locator("#ticker-body li").first.inner_text() != now
    assert page.locator("#heat-body thead th").last.inner_text().split()[-1] == "now"
    picture(page, "page-past", tmp_path)
    page.locator("#live").click()
    shown_at(page, TICKS)
    assert page.locator("#ticker-body li").first.inner_text() == now


def test_keys_reach_every_control(wide: tuple[Any, Seen]) -> None:
    page, _ = wide
    page.locator("#main").focus()
    reached: set[str] = set()
    for _ in range(150):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("document.activeElement.id || document.activeElement.closest('section')?.id || ''"))
        if {"search", "stock"} <= reached:
            break
    wanted = {
        "search",
        "hours",
        "price-chart",
        "pause",
        "ticker",
        "ticker-body",
        "heat-body",
        "movers",
        "mover-hours",
        "stock",
    }
    assert wanted - reached == set()


def test_keys_move_through_time(wide: tuple[Any, Seen]) -> None:
    page, _ = wide
    page.locator("#slider").focus()
    page.keyboard.press("ArrowLeft")
    shown_at(page, TICKS - 1)
    page.keyboard.press("ArrowRight")
    shown_at(page, TICKS)
    page.locator("#price-chart").focus()
    page.keyboard.press("PageUp")
    page.wait_for_selector("#prices-note:has-text('IST')")
    page.keyboard.press("Escape")


@pytest.mark.nightly
def test_a_link_to_a_past_tick_and_a_product_opens_there(browser: Any, address: str) -> None:
    page, _ = opened(browser, f"{address}#tick=50&product=3", 50)
    assert page.locator("#live").inner_text() == "Back to live"
    page.context.close()


def test_the_switch_turns_the_theme_and_it_is_kept(wide: tuple[Any, Seen], tmp_path: Path) -> None:
    page, _ = wide
    ground = "getComputedStyle(document.documentElement).backgroundColor"
    light = page.evaluate(ground)
    page.locator("#theme").click()
    page.reload()
    shown_at(page, TICKS)
    assert page.evaluate(ground) != light
    picture(page, "page-dark", tmp_path)
    page.locator("#theme").click()
    assert page.evaluate(ground) == light


@pytest.mark.nightly
def test_a_market_at_tick_0_is_told_in_words_and_comes_to_life(browser: Any, tmp_path: Path) -> None:
    market = tmp_path / "market"
    qsim.generate(market, products=40, seed=1)
    with serving(market) as served:
        page, seen = opened(browser, served.address, 0)
        assert "no tick has run" in page.locator("#notice").inner_text()
        assert "No tick has run yet" in page.locator("#movers-body").inner_text()
        picture(page, "page-tick-0", tmp_path)
        qsim.run(market, ticks=3)
        shown_at(page, 3)
        assert page.locator("#notice").is_hidden()
        assert page.locator("#ticker-body li").count() > 0
        assert seen.errors == []
    page.context.close()


def test_the_page_follows_a_writer_and_comes_back_after_the_server(
    browser: Any, shown_market: Path, tmp_path: Path
) -> None:
    market, port = tmp_path / "market", free_port()
    shutil.copytree(shown_market, market)
    with serving(market, "--port", port) as served:
        page, seen = opened(browser, served.address, TICKS)
        page.wait_for_selector("#connection[data-state=live]")
        before = page.locator("#ticker-body li").first.inner_text()
        page.locator("#stock-body button").nth(2).focus()
        qsim.run(market, ticks=12)
        shown_at(page, TICKS + 12)
        assert page.locator("#shown").inner_text().startswith(f"Tick {TICKS + 12},")
        assert page.locator("#ticker-body li").first.inner_text() != before
        assert page.evaluate("document.activeElement.closest('section').id") == "stock", (
            "the keyboard stays where it was"
        )
        assert len([url for url in seen.urls if "/ticker" in url]) == 1, "changes are heard, not asked for"
        assert seen.errors == []
    page.wait_for_selector("#connection[data-state=away]")
    qsim.run(market, ticks=12)
    with serving(market, "--port", port):
        shown_at(page, TICKS + 24)
        page.wait_for_selector("#connection[data-state=live]")
    page.context.close()


def test_the_palette_is_told_apart_in_both_themes_by_the_colour_blind() -> None:
    sheet = files("qsim").joinpath("server", "page", "app.css").read_text("utf-8")
    for block in re.findall(r"--ground: [^}]+", sheet):
        colours = dict(re.findall(r"--(p[1-5]|panel): (#[0-9a-f]{6})", block))
        lines = [linear(colours[f"p{at}"]) for at in range(1, 6)]
        ground = linear(colours["panel"])
        assert all(contrast(line, ground) >= 3 for line in lines)
        for eye in EYES:
            seen = [lab(through(eye, line)) for line in lines]
            gaps = [sum((a - b) ** 2 for a, b in zip(one, other, strict=True)) ** 0.5
                    for at, one in enumerate(seen) for other in seen[:at]]  # fmt: skip
            assert min(gaps) > 0.1


# Machado, Oliveira and Fernandes 2009, severity 1: protanopia, deuteranopia, tritanopia; before them nobody's.
EYES = (
    ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    ((0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216), (-0.003882, -0.048116, 1.051998)),
    ((0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.011820, 0.042940, 0.968881)),
    ((1.255528, -0.076749, -0.178779), (-0.078411, 0.930809, 0.147602), (0.004733, 0.691367, 0.303900)),
)


def through(eye: Any, colour: list[float]) -> list[float]:
    return [min(1, max(0, sum(weight * part for weight, part in zip(row, colour, strict=True)))) for row in eye]


def lab(colour: list[float]) -> list[float]:
    """OKLab (Ottosson 2020) of a linear colour."""
    red, green, blue = colour
    long = (0.4122214708 * red + 0.5363325363 * green + 0.0514459929 * blue) ** (1 / 3)
    middle = (0.2119034982 * red + 0.6806995451 * green + 0.1073969566 * blue) ** (1 / 3)
    short = (0.0883024619 * red + 0.2817188376 * green + 0.6299787005 * blue) ** (1 / 3)
    return [
        0.2104542553 * long + 0.793617785 * middle - 0.0040720468 * short,
        1.9779984951 * long - 2.428592205 * middle + 0.4505937099 * short,
        0.0259040371 * long + 0.7827717662 * middle - 0.808675766 * short,
    ]
