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
from tests.browser import Seen, chromium, free_port, picture, serving, shown_at, watched

WIDE = {"width": 1440, "height": 900}
PHONE = {"width": 360, "height": 740}
TICKS = 300


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as started:
        yield started


@pytest.fixture(scope="module")
def shown_market(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A realistic market of a day and an hour; to be read, never written."""
    market = tmp_path_factory.mktemp("page") / "market"
    qsim.generate(market, products=120, seed=42, preset="realistic")
    qsim.run(market, ticks=TICKS, update_interval_seconds=300)
    return market


@pytest.fixture(scope="module")
def address(browser: Any, shown_market: Path) -> Iterator[str]:
    with serving(shown_market, free_port()) as served:
        yield served


@pytest.fixture
def page(browser: Any) -> Iterator[Any]:
    context = browser.new_context(viewport=WIDE, color_scheme="light", reduced_motion="reduce")
    yield context.new_page()
    context.close()


def opened(page: Any, address: str, tick: int | None = None) -> Seen:
    seen = watched(page)
    page.goto(address)
    shown_at(page, tick)
    return seen


def test_every_board_is_filled_without_an_error_and_from_this_host_alone(
    page: Any, address: str, tmp_path: Path
) -> None:
    seen = opened(page, address, TICKS)
    assert page.locator("#figures .figure").count() == 6
    assert page.locator("#offers .offer .value").all_inner_texts()[0].startswith("₹")
    assert page.locator("#price-chart canvas, #activity-chart canvas").count() == 2
    assert page.locator("#heat-body td b").count() == 4 * 24 + 4 * (
        page.locator("#heat-body th[scope=col]").count() - 24
    )
    assert page.locator("#ticker-body li").count() == 30
    for board in ("#movers-body", "#stock-body", "#causes"):
        assert page.locator(f"{board} tbody tr").count() > 2
    assert page.locator("#depths-body rect").count() > 5
    assert page.locator(".fault").count() == 0
    assert seen.errors == []
    assert {url for url in seen.urls if not url.startswith(address)} == set()
    picture(page, "page-light", tmp_path)


def test_a_chosen_product_is_found_by_keys_alone_and_shown(page: Any, address: str) -> None:
    opened(page, address)
    page.locator("#search").focus()
    page.keyboard.type("mil", delay=20)
    page.wait_for_selector("#found li[aria-selected=true]")
    page.keyboard.press("ArrowDown")
    name = page.locator("#found li[aria-selected=true] span").first.inner_text()
    page.keyboard.press("Enter")
    page.wait_for_selector(f"#prices-title:has-text({name!r})")


@pytest.mark.nightly
def test_a_search_without_a_match_says_so(page: Any, address: str) -> None:
    opened(page, address)
    page.locator("#search").fill("<b>unobtainium</b>")
    assert "No product on sale" in page.locator("#found li").inner_text()


def test_the_slider_shows_the_whole_page_as_of_a_past_tick(page: Any, address: str, tmp_path: Path) -> None:
    opened(page, address, TICKS)
    now = page.locator("#ticker-body li").first.inner_text()
    page.locator("#slider").focus()
    page.locator("#slider").evaluate("it => { it.value = 100; it.dispatchEvent(new Event('input')); }")
    shown_at(page, 100)
    assert page.locator("#shown").inner_text() == "Tick 100 of 300, 1 Jan 2026, 08:20:00 IST"
    assert page.locator("#ticker-body li .at").first.inner_text() <= "08:20:00"
    assert page.locator("#ticker-body li").first.inner_text() != now
    assert page.locator("#heat-body thead th").last.inner_text().split()[-1] == "now"
    picture(page, "page-past", tmp_path)
    page.locator("#live").click()
    shown_at(page, TICKS)
    assert page.locator("#ticker-body li").first.inner_text() == now


@pytest.mark.nightly
def test_a_link_to_a_past_tick_and_a_product_opens_there(page: Any, address: str) -> None:
    opened(page, f"{address}#tick=50&product=3", 50)
    assert page.locator("#live").inner_text() == "Back to live"


def test_keys_reach_every_control_and_move_the_slider(page: Any, address: str) -> None:
    opened(page, address, TICKS)
    reached: list[str] = []
    while len(reached) < 150 and "causes" not in reached:
        page.keyboard.press("Tab")
        at = page.evaluate("document.activeElement.id || document.activeElement.closest('section')?.id || ''")
        if at == "slider" and at not in reached:
            page.keyboard.press("ArrowLeft")
        reached.append(at)
        if at == "" and "heat-body" in reached:
            break
    wanted = {
        "search",
        "theme",
        "live",
        "back",
        "slider",
        "hours",
        "price-chart",
        "pause",
        "ticker-body",
        "heat-body",
        "movers",
        "mover-hours",
        "stock",
    }
    assert wanted - set(reached) == set()
    shown_at(page, TICKS - 1)


@pytest.mark.nightly
def test_the_chart_tells_prices_of_the_past_by_keys(page: Any, address: str) -> None:
    opened(page, address, TICKS)
    page.locator("#price-chart").focus()
    page.keyboard.press("PageUp")
    page.wait_for_selector("#prices-note:has-text('IST')")


def test_a_phone_needs_no_scrolling_sideways(browser: Any, address: str, tmp_path: Path) -> None:
    context = browser.new_context(viewport=PHONE, device_scale_factor=2, has_touch=True, is_mobile=True)
    page = context.new_page()
    opened(page, address, TICKS)
    assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
    picture(page, "page-phone", tmp_path)
    context.close()


def test_the_switch_turns_the_theme_and_it_is_kept(page: Any, address: str, tmp_path: Path) -> None:
    opened(page, address, TICKS)
    light = page.evaluate("getComputedStyle(document.body.parentElement).backgroundColor")
    page.locator("#theme").click()
    page.reload()
    shown_at(page, TICKS)
    assert page.evaluate("getComputedStyle(document.body.parentElement).backgroundColor") != light
    picture(page, "page-dark", tmp_path)


@pytest.mark.parametrize(
    ("scheme", "size"),
    [
        ("light", WIDE),
        pytest.param("dark", WIDE, marks=pytest.mark.nightly),
        pytest.param("light", PHONE, marks=pytest.mark.nightly),
        ("dark", PHONE),
    ],
    ids=["light", "dark", "light-phone", "dark-phone"],
)
def test_axe_finds_nothing(browser: Any, address: str, scheme: str, size: dict[str, int]) -> None:
    axe = files(pytest.importorskip("axe_playwright_python")).joinpath("axe.min.js").read_text("utf-8")
    # The page's own policy keeps out scripts that are not its own, axe among them.
    context = browser.new_context(viewport=size, color_scheme=scheme, bypass_csp=True, reduced_motion="reduce")
    page = context.new_page()
    opened(page, address, TICKS)
    page.evaluate(axe)
    found = page.evaluate(
        "axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']})"
    )
    told = [
        f"{one['id']}: {node['html'][:160]} {node['failureSummary'][:200]}"
        for one in found["violations"]
        for node in one["nodes"]
    ]
    assert told == []
    assert len(found["passes"]) > 20
    context.close()


@pytest.mark.nightly
def test_a_market_at_tick_0_is_told_in_words_and_comes_to_life(page: Any, tmp_path: Path) -> None:
    market = tmp_path / "market"
    qsim.generate(market, products=40, seed=1)
    with serving(market, free_port()) as address:
        seen = opened(page, address, 0)
        assert "no tick has run" in page.locator("#notice").inner_text()
        assert "No tick has run yet" in page.locator("#movers-body").inner_text()
        picture(page, "page-tick-0", tmp_path)
        qsim.run(market, ticks=3)
        shown_at(page, 3)
        assert page.locator("#notice").is_hidden()
        assert page.locator("#ticker-body li").count() > 0
        assert seen.errors == []


def test_the_page_follows_a_writer_and_comes_back_after_the_server(
    page: Any, shown_market: Path, tmp_path: Path
) -> None:
    market, port = tmp_path / "market", free_port()
    shutil.copytree(shown_market, market)
    with serving(market, port) as address:
        seen = opened(page, address, TICKS)
        page.wait_for_selector("#connection[data-state=live]")
        qsim.run(market, ticks=12)
        shown_at(page, TICKS + 12)
        page.wait_for_selector(f"#shown:has-text('Tick {TICKS + 12}')")
        assert seen.errors == []
        asked = [url for url in seen.urls if "/ticker" in url]
    page.wait_for_selector("#connection[data-state=away]")
    qsim.run(market, ticks=12)
    with serving(market, port):
        shown_at(page, TICKS + 24)
        page.wait_for_selector("#connection[data-state=live]")
    assert len(asked) < 4, "changes are heard, not asked for"


def test_the_palette_is_told_apart_in_both_themes_by_the_colour_blind() -> None:
    sheet = files("qsim").joinpath("server", "page", "app.css").read_text("utf-8")
    for block in re.findall(r"--ground: [^}]+", sheet):
        colours = dict(re.findall(r"--(p[1-5]|panel): (#[0-9a-f]{6})", block))
        lines = [linear(colours[f"p{at}"]) for at in range(1, 6)]
        ground = luminance(linear(colours["panel"]))
        for line in lines:
            bright, dim = sorted((luminance(line), ground), reverse=True)
            assert (bright + 0.05) / (dim + 0.05) >= 3
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


def linear(colour: str) -> list[float]:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    return [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]


def luminance(colour: list[float]) -> float:
    return 0.2126 * colour[0] + 0.7152 * colour[1] + 0.0722 * colour[2]


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
