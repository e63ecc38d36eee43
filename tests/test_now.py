"""Prices of now in memory: on markets drawn at random, what is answered out of columns is what SQL answers, commit by commit."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import duckdb
import numpy as np
import pytest

import qsim
from qsim.queries import now as now_module
from qsim.queries import past, questions, ranked, served, shown
from qsim.queries.basket import basket
from qsim.queries.connection import rows_of
from qsim.queries.goods import Lines
from qsim.queries.names import UnknownNameError, products_named
from qsim.queries.now import Now
from qsim.queries.questions import plain
from qsim.queries.wording import words

NAMES = ("onions", "milk", "atta", "apple", "nestle", "a", "choco butter", "milk 500 ml", "1kg atta", "aloo",
         "no such thing")  # fmt: skip
SHELVES = ("fruits", "dairy", "Pantry Staples", "vegetable prices", "snacks")


class Both:
    """A served market moved on to its newest commit, and a fresh connection to it; `told` replays it."""

    def __init__(self, at: served.Served, connection: duckdb.DuckDBPyConnection, seed: int, step: int) -> None:
        self.at, self.connection, self.drawn = at, connection, random.Random(seed + step)
        self.told = f"QSIM_NOW_SEED={seed}, commit {step}"

    @property
    def now(self) -> Now:
        return self.at.now

    def sql(self, query: str, values: list[object] | None = None) -> list[dict[str, Any]]:
        return [plain(row) for row in rows_of(self.connection, query, values)]


@pytest.fixture(scope="module", params=["classic", "realistic"])
def made(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, int]:
    seed = int(os.environ.get("QSIM_NOW_SEED") or int.from_bytes(os.urandom(3)))
    drawn, place = random.Random(seed), tmp_path_factory.mktemp("now") / "m"
    qsim.generate(
        place, products=drawn.randrange(60, 160), preset=request.param, seed=seed, stores=drawn.choice([1, 2, 3]),
        update_interval_seconds=drawn.choice([60, 300, 900]), surge_probability=0.3,
    )  # fmt: skip
    return place, seed


@pytest.fixture(scope="module", params=[0, pytest.param(1, marks=pytest.mark.nightly), 2])
def both(request: pytest.FixtureRequest, made: tuple[Path, int]) -> Iterator[Both]:
    place, seed = made
    at = served.opened(place)
    for ticks in ((), (3,), (1, 40))[request.param]:
        qsim.run(place, ticks=ticks)
        assert served.follow(at)
    with qsim.connect(place) as connection:
        yield Both(at, connection, seed, request.param)


def written(found: Any) -> list[dict[str, Any]]:
    """A list of which parts are written as they are shown, put together of parts."""
    return [row for first in range(0, found.count, 7) for row in found.rows(slice(first, first + 7))]


def test_prices_are_those_of_the_view(both: Both) -> None:
    wanted = both.sql("SELECT * FROM prices ORDER BY listing_id")
    found, after = [], -1
    while rows := shown.prices(both.now, None, None, after, 97):
        found += rows
        after = rows[-1]["listing_id"]
    assert found == wanted, both.told
    assert all([*one] == [*other] for one, other in zip(found, wanted, strict=True))


@pytest.mark.parametrize("platform", [None, "Zepto"])
@pytest.mark.parametrize("shelf", [None, "fruits", "dairy"])
def test_prices_of_a_part_are_those_of_the_view(platform: str | None, shelf: str | None, both: Both) -> None:
    group = "TRUE" if shelf is None else f"(lower(g.subcategory) = '{shelf}' OR g.volatility_group = '{shelf}')"
    where = f"{group} AND ({platform is None} OR platform = 'zepto')"
    wanted = both.sql(
        f"SELECT p.* FROM prices AS p JOIN products AS g USING (product_id) WHERE {where} ORDER BY listing_id"
    )
    after = both.drawn.randrange(-1, both.now.goods.count * both.now.goods.per)
    found = shown.prices(both.now, shelf, platform, after, 20)
    assert found == [row for row in wanted if row["listing_id"] > after][:20], (both.told, after)


def test_prices_of_a_unit_in_memory_are_told_apart_beyond_the_paisa(tmp_path: Path) -> None:
    goods = "product,brand,category,pack,mrp,price\n"
    rows = [f"Bubble Gum {n},Boomer,Snacks,300 pc,260,{237 + n / 50:.2f}\n" for n in range(9)]
    (tmp_path / "mine.csv").write_text(goods + "".join(rows), "utf-8")
    qsim.generate(tmp_path / "m", catalog=tmp_path / "mine.csv", inactive_percent=0)
    found = ranked.cheapest(served.opened(tmp_path / "m").now, "bubble gum", None, None)
    told = found.rows(slice(None))
    assert [row["rank"] for row in told] == [1 + sum(one["price"] < row["price"] for one in told) for row in told]
    assert told == questions.cheapest(qsim.connect(tmp_path / "m"), "bubble gum")
    assert len({row["unit_price"] for row in told}) < len({row["price"] for row in told}) > 20


def test_the_cheapest_of_like_packs_is_bought_though_each_is_sold_out_somewhere(tmp_path: Path) -> None:
    rows = "Dust Tea,Girnar,Tea,500 g,400,320\nLeaf Tea,Kanan,Tea,500 g,300,210\n"
    (tmp_path / "mine.csv").write_text(f"product,brand,category,pack,mrp,price\n{rows}", "utf-8")
    qsim.generate(tmp_path / "m", catalog=tmp_path / "mine.csv", seed=9, inactive_percent=0)
    with qsim.connect(tmp_path / "m") as connection:
        in_stock = connection.sql("SELECT count(*) FROM prices WHERE in_stock GROUP BY product_id").fetchall()
        found = [basket(connection, items=[(1, "tea")], now=now) for now in (None, served.opened(tmp_path / "m").now)]
    assert in_stock == [(4,), (4,)]
    assert [one["lines"][0]["product"] for one in found] == ["Leaf Tea", "Leaf Tea"]


def test_a_deals_campaign_is_the_listings_own_of_that_depth_that_goes_on_longest() -> None:
    listings, campaigns, depths = np.array([3, 3, 3, 3, 4]), np.array([1, 2, 3, 4, 5]), np.array([10, 10, 10, 20, 10])
    lines = Lines(listings, campaigns, depths, dict(enumerate("-abcde")))
    endings = {campaign: datetime(2026, 1, day) for campaign, day in ((1, 2), (2, 3), (3, 3), (4, 9), (5, 9))}
    assert ranked._lasting(lines, endings, 3, 10) == ("b", "2026-01-03 00:00:00")


def test_no_deal_in_memory_costs_the_regular_price_or_more(tmp_path: Path) -> None:
    qsim.generate(tmp_path / "m", products=60, surge_probability=1.0, surge_min_percent=14)
    qsim.run(tmp_path / "m", ticks=3, batch_size="all")
    with qsim.connect(tmp_path / "m") as connection:
        dearer = connection.sql(
            "SELECT count(*) FROM prices WHERE discount_pct > 0 AND price >= regular_price AND surge_fee = 0"
        )
        assert dearer.fetchall()[0][0] > 9
        found = ranked.deals(served.opened(tmp_path / "m").now, None, 1, None, 1000)
        assert written(found) == questions.deals(connection, min_discount=1, limit=1000)
    assert found.count > 9
    assert all(row["price"] < row["regular_price"] for row in written(found))


def test_every_product_has_its_prices(both: Both) -> None:
    rows = both.sql("SELECT * FROM prices ORDER BY listing_id")
    facts = {row["product_id"]: row for row in both.sql("SELECT * FROM products")}
    for number in range(both.now.goods.count):
        found = shown.product(both.now, number)
        assert found["product"].items() <= facts[number].items(), both.told
        wanted = [row for row in rows if row["product_id"] == number]
        assert [row.items() <= one.items() for row, one in zip(found["prices"], wanted, strict=True)] == [True] * len(
            wanted
        )


@pytest.mark.parametrize("search", [None, *NAMES, "mil", "%", "'", "\U0001f600", "\0", ""])
def test_a_search_finds_what_has_its_words(search: str | None, both: Both) -> None:
    asked = {*words(search or "")} - {"and"}
    every = both.sql(
        """SELECT product_id, product, brand, category, subcategory, pack, unit, mrp, is_loose, is_active, volatility_group
            FROM products ORDER BY product_id"""
    )
    wanted = (
        every
        if search is None
        else [row for row in every if asked and asked <= {*words(f"{row['product']} {row['brand']}")}]
    )
    first = both.drawn.randrange(-1, 5)
    found = shown.products(both.now, search, None, first, 500)
    assert found == [row for row in wanted if row["product_id"] > first], both.told


@pytest.mark.parametrize("name", NAMES)
def test_cheapest_is_what_it_is_by_sql(name: str, both: Both) -> None:
    stores = both.sql("SELECT city, pincode FROM stores")
    for place in (
        {},
        {"city": both.drawn.choice(stores)["city"].upper()},
        {"pincode": both.drawn.choice(stores)["pincode"]},
    ):
        try:
            found = ranked.cheapest(both.now, name, place.get("city"), place.get("pincode"))
        except UnknownNameError:
            with pytest.raises(qsim.QsimError, match="this market has none"):
                questions.cheapest(both.connection, name, **place)
        else:
            assert written(found) == questions.cheapest(both.connection, name, **place), (both.told, place)


def test_deals_are_what_they_are_by_sql(both: Both) -> None:
    for _ in range(8):
        platform, category = both.drawn.choice([None, "Blinkit", "zepto"]), both.drawn.choice([None, *SHELVES])
        least, most = both.drawn.choice([0, 1, 20, 30.0, both.drawn.uniform(0, 60)]), both.drawn.choice([3, 50, 2000])
        found = ranked.deals(both.now, platform, least, category, most)
        options = {"platform": platform, "min_discount": least, "category": category, "limit": most}
        assert written(found) == questions.deals(both.connection, **options), (both.told, options)


@pytest.mark.parametrize("what", [*SHELVES, *NAMES])
def test_two_platforms_compare_as_they_do_by_sql(what: str, both: Both) -> None:
    first, second = both.drawn.sample([row["platform"] for row in both.sql("SELECT platform FROM platforms")], 2)
    try:
        head, rows = ranked.compare(both.now, what, first, second)
    except UnknownNameError:
        with pytest.raises(qsim.QsimError, match=r"names nothing|this market has none"):
            questions.compare(both.connection, what, first, second)
    else:
        told = {"summary": head["summary"], "rows": written(rows)}
        assert told == questions.compare(both.connection, what, first, second), (both.told, first, second)


@pytest.mark.parametrize("budget", [None, 400])
def test_a_basket_is_what_it_is_by_sql(budget: float | None, both: Both) -> None:
    items = [(both.drawn.choice([1, 2, 3, 30]), name) for name in both.drawn.sample(NAMES, 5)]
    place = both.drawn.choice(both.sql("SELECT pincode FROM stores"))["pincode"]
    for options in ({"budget": budget}, {"budget": budget, "items": items}, {"items": items, "pincode": place}):
        found = basket(both.connection, now=both.now, **options)
        assert found == basket(both.connection, **options), (both.told, options)


def test_a_product_as_of_a_tick_is_what_it_was_by_sql(both: Both) -> None:
    head = both.now.moment.tick
    for tick in {0, head, *(both.drawn.randrange(head + 1) for _ in range(5))}:
        number = both.drawn.randrange(both.now.goods.count)
        found = past.product_at(both.now, number, tick)
        query = f"SELECT * FROM prices_at(tick_time({tick})) WHERE product_id = {number} ORDER BY listing_id"
        wanted = both.sql(query)
        same = [row.items() <= one.items() for row, one in zip(found["prices"], wanted, strict=True)]
        assert same == [True] * len(wanted), (both.told, tick, number)


def test_the_fee_of_an_order_holds_from_the_tick_on_at_which_it_changed() -> None:
    rows = {"tick": (2, 2, 5), "store_id": (0, 1, 0), "fee_paise": (1_000, 2_000, 500)}
    fees = {name: np.array(values) for name, values in rows.items()}
    now: Any = SimpleNamespace(goods=SimpleNamespace(per=3), fees=fees)
    found = {tick: Now.order_fees_at(now, tick).tolist() for tick in (1, 2, 4, 5)}
    assert found == {1: [0, 0, 0], 2: [1_000, 2_000, 0], 4: [1_000, 2_000, 0], 5: [500, 2_000, 0]}


def test_a_campaign_goes_on_from_its_start_to_before_its_end(bare: duckdb.DuckDBPyConnection) -> None:
    bare.execute(
        "CREATE SCHEMA raw; CREATE TABLE raw.campaign_times (campaign_id INT, starts_at TIMESTAMP, ends_at TIMESTAMP)"
    )
    spans = [
        (1, "10:00", "12:00"),
        (2, "12:00", "13:00"),
        (3, "12:01", "14:00"),
        (4, "09:00", "15:00"),
        (4, "11:00", "14:00"),
    ]
    for number, *ends in spans:
        bare.execute(
            "INSERT INTO raw.campaign_times VALUES (?, ?, ?)", [number, *(f"2026-01-01 {end}" for end in ends)]
        )
    moment: Any = SimpleNamespace(tick=0, datetime_of=lambda tick: datetime(2026, 1, 1, 12))
    assert now_module._ends(bare, moment) == {2: datetime(2026, 1, 1, 13), 4: datetime(2026, 1, 1, 15)}


def test_a_products_history_is_what_it_is_by_sql(both: Both) -> None:
    head = both.now.moment.tick
    for _ in range(6):
        number, platform = both.drawn.randrange(both.now.goods.count), both.drawn.choice([None, "zepto"])
        first, last = sorted((both.drawn.randrange(head + 1), both.drawn.randrange(head + 1)))
        tick, listing = both.drawn.randrange(head + 2), both.drawn.randrange(both.now.goods.count * both.now.goods.per)
        limit = both.drawn.randrange(1, 30)
        found = past.history(both.now, number, platform, first, last, tick, listing, limit)
        wanted = both.sql(
            f"""SELECT * EXCLUDE (product_id, product, category, subcategory, pack) FROM price_history
                WHERE product_id = {number} AND ({platform is None} OR platform = 'zepto') AND tick BETWEEN {first} AND {last}
                AND (tick < {tick} OR tick = {tick} AND listing_id < {listing}) ORDER BY tick DESC, listing_id DESC LIMIT {limit}"""
        )
        assert found == wanted, (both.told, number, platform, first, last, tick, listing, limit)


def test_names_of_goods_are_read_ahead_and_mean_what_sql_says(both: Both) -> None:
    goods = both.now.goods
    read = list(goods.meanings)
    assert len(read) > 10, both.told
    for name in (readings[0].text for readings in read):
        assert [list(group) for group in goods.meaning(name).groups] == products_named(both.connection, name), both.told
