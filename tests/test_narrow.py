"""What is printed on narrow terminals: no word is broken, no column is lost without need."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import qsim
from qsim.cli import main
from tests.terminals import ESCAPES


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A market of the names that the README shows, run on for some ticks."""
    market = tmp_path_factory.mktemp("narrow") / "shop"
    qsim.generate(market, products=60, seed=42)
    qsim.run(market, ticks=60)
    yield market


class Screen(io.StringIO):
    """Standard output that is a terminal."""

    def isatty(self) -> bool:
        return True


def printed(columns: int, *words: object) -> list[str]:
    screen = Screen()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COLUMNS", str(columns))
        patch.setattr(sys, "stdout", screen)
        assert main([str(word) for word in words]) == 0
    return [line.rstrip() for line in ESCAPES.sub("", screen.getvalue()).splitlines()]


def words_of(lines: list[str]) -> set[str]:
    return {word for line in lines for word in line.split()}


@pytest.mark.parametrize("columns", [40, 60, 80])
@pytest.mark.parametrize(
    "question", [("cheapest", "onions"), ("deals", "--min-discount", "5"), ("basket",), ("compare", "fruits", "zepto", "dunzo")],
    ids=lambda question: question[0],
)  # fmt: skip
def test_an_answer_breaks_no_word_on_a_narrow_terminal(shop: Path, columns: int, question: tuple[str, ...]) -> None:
    wide = printed(300, "ask", *question, "--dir", shop)
    narrow = printed(columns, "ask", *question, "--dir", shop)
    frame = set("┏┳┓┃┡╇┩│└┴┘━─")
    assert {word for word in words_of(wide) if not frame & set(word)} <= words_of(narrow)


def test_a_table_that_is_too_wide_loses_its_frame_before_it_becomes_lines_of_names_and_values(shop: Path) -> None:
    query = "SELECT platform, city, pincode, store_id FROM stores ORDER BY store_id LIMIT 1"
    assert "┃" in printed(60, "sql", shop, query)[0] + printed(60, "sql", shop, query)[1]
    light, lines = printed(37, "sql", shop, query), printed(20, "sql", shop, query)
    assert light[0].split() == ["platform", "city", "pincode", "store_id"] and set(light[1]) == {"─"}
    assert lines == ["platform  blinkit", "city      Bengaluru", "pincode   560034", "store_id  0"]


def test_records_are_kept_apart_by_an_empty_line(shop: Path) -> None:
    lines = printed(12, "sql", shop, "SELECT store_id, pincode FROM stores ORDER BY store_id LIMIT 2")
    assert lines == ["store_id  0", "pincode   560034", "", "store_id  1", "pincode   560034"]


def test_a_number_of_hundreds_of_digits_is_written_short(shop: Path) -> None:
    assert "1e+300" in words_of(printed(80, "sql", shop, "SELECT 1e300 AS x"))


@pytest.mark.parametrize(("columns", "headings"), [(40, 4), (80, 8)])
def test_top_shows_as_many_columns_as_there_is_room_for(shop: Path, columns: int, headings: int) -> None:
    lines = printed(columns, "top", shop, "--once")
    heads = next(line for line in lines if "platform" in line)
    assert len(heads.replace("mean %", "mean").replace("sd %", "sd").split()) == headings
    assert any(line.split()[0] == "bigbasket" for line in lines if line.strip())
    event = lines[-1]
    assert "->" in event and len(event) <= columns


def test_metrics_fit_eighty_columns(shop: Path) -> None:
    lines = printed(80, "metrics", shop)
    assert any("Vegetables" in line for line in lines)
    assert {"tried", "clipped", "surging", "out"} <= words_of(lines)


def test_listings_with_a_discount_are_not_headed_on_sale_which_all_listings_are(shop: Path) -> None:
    for words in (("metrics", shop), ("top", shop, "--once")):
        lines = printed(80, *words)
        assert "deals" in words_of(lines) and "on sale" not in " ".join(lines)


def test_short_texts_stay_whole_where_long_ones_can_give_way(shop: Path) -> None:
    lines = printed(80, "ask", "basket", "--dir", shop)
    packs = {line["pack"] for line in qsim.ask("basket", directory=shop)["lines"]}  # type: ignore[call-overload]
    assert all(any(pack in line for line in lines) for pack in packs)
