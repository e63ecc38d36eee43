"""The page of a report in a real browser: whole, on its own, readable in light and dark, no label over another."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

import qsim
from qsim.monitoring import page as page_text
from qsim.monitoring import report, svg_rows
from tests.browser import picture, violations, watched
from tests.colours import contrast, linear, over

# Pairs of labels of one chart that cover one another, and labels that reach out of it.
_COVERED = """() => [...document.querySelectorAll("svg")].flatMap((svg) => {
  const chart = svg.getAttribute("aria-label").slice(0, 30), frame = svg.getBoundingClientRect();
  const labels = [...svg.querySelectorAll("text")].map((text) => [text.textContent, text.getBoundingClientRect()]);
  const out = labels.filter(([, box]) => box.left < frame.left - 1 || box.right > frame.right + 1 || box.bottom > frame.bottom + 1);
  const over = labels.flatMap(([one, a], nth) => labels.slice(nth + 1).filter(([, b]) =>
    Math.min(a.right, b.right) - Math.max(a.left, b.left) > 1 && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 4
  ).map(([other]) => [chart, one, other]));
  return [...out.map(([text]) => [chart, text, "the edge"]), ...over];
})"""


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a realistic market of a day and a half."""
    place = tmp_path_factory.mktemp("page")
    qsim.generate(place / "shop", products=60, seed=42, preset="realistic")
    qsim.run(place / "shop", ticks=72, update_interval_seconds=1800)
    return report.write(report.report(place / "shop"), place / "shop.html")


@pytest.fixture(scope="module")
def crowded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a default market whose onion changed more often than a chart shows, and whose counts are millions."""
    place = tmp_path_factory.mktemp("page")
    qsim.generate(place / "shop", seed=42)
    qsim.run(place / "shop", ticks=1500, update_interval_seconds=60)
    found = report.report(place / "shop")
    found["total"] |= {name: count * 17 for name, count in found["total"].items() if name.startswith(("up_", "down_"))}
    return report.write(found, place / "shop.html")


@pytest.mark.nightly
def test_no_label_covers_another_where_much_happened(browser: Any, crowded: Path) -> None:
    context = browser.new_context(viewport={"width": 1400, "height": 900})
    page = context.new_page()
    page.goto(crowded.as_uri())
    assert "Means of 15 minutes" in page.locator("figure").first.inner_text()
    assert " M" in page.locator("figure", has_text="Sizes of price changes").inner_text()
    assert page.evaluate(_COVERED) == []
    context.close()


@pytest.mark.parametrize("scheme", ["light", pytest.param("dark", marks=pytest.mark.nightly)])
def test_the_page_is_whole_readable_and_on_its_own(browser: Any, file: Path, scheme: str, tmp_path: Path) -> None:
    context = browser.new_context(viewport={"width": 1400, "height": 900}, color_scheme=scheme)
    page = context.new_page()
    seen = watched(page)
    page.goto(file.as_uri())
    assert page.evaluate(_COVERED) == []
    assert violations(page) == []
    assert (seen.errors, seen.urls) == ([], [file.as_uri()])
    picture(page, f"report-{scheme}", tmp_path)
    context.close()


def test_codes_can_be_read_on_the_colour_of_their_cell_in_light_and_dark_even_where_a_platform_leads_everywhere() -> (
    None
):
    names = list("abcdefgh")
    drawn = svg_rows.heat(
        "Cheapest", {"all": [(name, 1.0) for name in names]}, [3600.0 * at for at in range(8)], names, ""
    )
    fills = re.findall(r'class="c(\d)" [^>]*fill-opacity="([\d.]+)"', drawn)
    assert len(fills) == len(names)
    for theme in re.findall(r"--ink:[^}]+", page_text._STYLE):
        colours = {name: "#" + "".join(2 * one for one in code) if len(code) == 3 else f"#{code}"
                   for name, code in re.findall(r"--(\w+):#([0-9a-f]{3,6})", theme)}  # fmt: skip
        for nth, opacity in fills:
            ground = over(colours[f"k{nth}"], colours["paper"], float(opacity))
            assert contrast(linear(colours["ink"]), linear(ground)) >= 4.5, (nth, theme[:20])


def test_a_phone_needs_no_scrolling_sideways(browser: Any, file: Path) -> None:
    context = browser.new_context(viewport={"width": 360, "height": 740}, is_mobile=True, device_scale_factor=2)
    page = context.new_page()
    page.goto(file.as_uri())
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    context.close()


def test_on_paper_no_column_is_cut_off_no_chart_parted_and_legends_keep_their_colours(browser: Any, file: Path) -> None:
    # The width of A4 between the margins that Chromium leaves.
    context = browser.new_context(viewport={"width": 717, "height": 1046})
    page = context.new_page()
    page.goto(file.as_uri())
    page.emulate_media(media="print")
    assert page.evaluate("document.documentElement.scrollWidth") == 717
    parts = "parts => parts.filter(it => it.scrollWidth > it.clientWidth).map(it => it.innerText.slice(0, 40))"
    assert page.locator(".scroll").evaluate_all(parts) == []
    kept = (
        "([all, name, value]) => [...document.querySelectorAll(all)].every(it => getComputedStyle(it)[name] === value)"
    )
    assert page.evaluate(kept, ["figure", "breakInside", "avoid"])
    assert page.evaluate(kept, ["figure i", "printColorAdjust", "exact"])
    context.close()
