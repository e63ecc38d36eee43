"""A market over HTTP: the same answers as by SQL and in Python, of one commit each, by pages, and files of the page."""

from __future__ import annotations

import asyncio
import json
import mimetypes
from datetime import datetime, timedelta
from pathlib import Path

import httpx
import pytest

import qsim
from qsim.errors import QsimError
from qsim.monitoring.metrics import metrics
from qsim.queries import values
from qsim.queries.guard import Answer
from qsim.queries.questions import plain
from qsim.server import sql
from qsim.server.app import create_app
from tests.servers import Served, walked


def rows(place: Path, query: str) -> list[dict[str, object]]:
    with qsim.connect(place) as connection:
        relation = connection.sql(query)
        return [plain(dict(zip(relation.columns, row, strict=True))) for row in relation.fetchall()]


def test_status_is_that_of_the_market(server: Served, questioned: Path) -> None:
    told, status = server.json("/api/status"), qsim.status(questioned)
    assert {
        name: told[name] for name in ("tick", "market_time", "products", "listings", "events", "digest", "head")
    } == {name: status[name] for name in ("tick", "market_time", "products", "listings", "events", "digest", "head")}
    assert told["commit"] == status["commits"] - 1 and len(told["platforms"]) == 5  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("question", "words", "path"),
    [
        ("cheapest", {"product_name": "onions"}, "/api/cheapest?product=onions&limit=500"),
        ("deals", {"platform": "blinkit", "min_discount": 20, "limit": 500}, "/api/deals?platform=blinkit&min_discount=20&limit=500"),
        ("deals", {"category": "fruits", "min_discount": 1, "limit": 500}, "/api/deals?category=fruits&min_discount=1&limit=500"),
    ],
)  # fmt: skip
def test_a_question_has_the_answer_it_has_in_python(
    question: str, words: dict[str, object], path: str, server: Served, questioned: Path
) -> None:
    answer = server.json(path)
    assert answer["rows"] == qsim.ask(question, directory=questioned, **words) and answer["rows"]


@pytest.mark.parametrize(("by", "keys"), [("all", ()), ("platform", ("platform",)), ("both", ("platform", "category"))])
def test_totals_are_those_of_qsim_metrics(by: str, keys: tuple[str, ...], server: Served, questioned: Path) -> None:
    told, wanted = server.json(f"/api/metrics/totals?last=70&by={by}"), metrics(questioned, last=70, by=keys)
    names = ("tick", "counted_to", "ticks_counted", "rows")
    assert {name: told[name] for name in names} == {name: wanted[name] for name in names}
    assert told["ticks_counted"] == 70


def test_two_platforms_compare_as_they_do_in_python(server: Served, questioned: Path) -> None:
    answer = server.json("/api/compare?what=fruits&a=zepto&b=blinkit&limit=500")
    wanted = qsim.ask("compare", "fruits", "zepto", "blinkit", directory=questioned)
    assert {"rows": answer["rows"], "summary": answer["summary"]} == wanted


def test_a_basket_is_bought_as_it_is_in_python(server: Served, questioned: Path) -> None:
    asked = {"items": [{"name": "onion", "quantity": 2}, {"name": "toned milk"}], "budget": 500}
    answer = server.client.post("/api/basket", json=asked).json()
    wanted = qsim.ask("basket", items=[(2, "onion"), (1, "toned milk")], budget=500, directory=questioned)
    assert {name: answer[name] for name in wanted} == wanted


@pytest.mark.parametrize("budget", [True, "500"])
def test_a_budget_that_is_no_number_is_refused(budget: object, server: Served) -> None:
    answer = server.client.post("/api/basket", json={"budget": budget})
    assert answer.status_code == 422 and "budget" in answer.json()["error"]


@pytest.mark.parametrize("tick", [0, 1, 77, 399, 400])
def test_prices_as_of_a_tick_are_those_of_the_views(tick: int, server: Served, questioned: Path) -> None:
    wanted = rows(questioned, f"SELECT * FROM prices_at(tick_time({tick})) ORDER BY listing_id LIMIT 500")
    answer = server.json(f"/api/prices?as_of={tick}&limit=500")
    assert answer["rows"] == wanted and answer["tick"] == tick
    one = server.json(f"/api/products/30?as_of={tick}")
    assert [row["price"] for row in one["prices"]] == [row["price"] for row in wanted if row["product_id"] == 30]  # type: ignore[attr-defined]


def test_a_time_stands_for_the_last_tick_at_or_before_it(server: Served) -> None:
    assert server.json("/api/products/1?as_of=2026-01-01T00:01:04")["tick"] == 12
    assert server.json("/api/products/1?as_of=2026-01-01 00:01:05")["tick"] == 13
    assert server.json("/api/products/1?as_of=2026-01-01")["tick"] == 0


def test_pages_of_products_hold_each_once_in_order(server: Served, questioned: Path) -> None:
    wanted = rows(questioned, "SELECT product_id FROM products ORDER BY 1")
    assert [{"product_id": row["product_id"]} for row in walked(server, "/api/products", limit=53)] == wanted


def test_pages_of_history_hold_each_change_once_newest_first(server: Served, questioned: Path) -> None:
    wanted = rows(
        questioned,
        "SELECT tick, listing_id, cause, price_after FROM price_history WHERE product_id = 7 ORDER BY ALL DESC",
    )
    found = walked(server, "/api/products/7/history", limit=3)
    assert [{name: row[name] for name in wanted[0]} for row in found] == sorted(
        wanted, key=lambda row: (-int(str(row["tick"])), -int(str(row["listing_id"])))
    )
    assert len(wanted) > 10


def test_history_between_ticks_and_of_a_platform_is_that_part_alone(server: Served, questioned: Path) -> None:
    part = "product_id = 7 AND platform = 'zepto' AND tick BETWEEN 50 AND 300"
    wanted = f"SELECT tick FROM price_history WHERE {part} ORDER BY tick DESC"
    found = server.json("/api/products/7/history?platform=Zepto&since=50&until=300")["rows"]
    assert [{"tick": row["tick"]} for row in found] == rows(questioned, wanted)  # type: ignore[attr-defined]


def test_what_happened_since_a_time_is_nothing_that_came_before_it(server: Served, questioned: Path) -> None:
    ((time,),) = ((row["ts"],) for row in rows(questioned, "SELECT tick_time(50)::VARCHAR AS ts"))
    at, later = str(time), str(datetime.fromisoformat(str(time)) + timedelta(seconds=1))
    for path, of in (("/api/products/7/history", " AND product_id = 7"), ("/api/metrics", "")):
        view = "price_history" if of else "metrics"
        for since, first in ((at, 50), (later, 51)):
            wanted = rows(
                questioned, f"SELECT DISTINCT tick FROM {view} WHERE tick BETWEEN {first} AND 70{of} ORDER BY 1"
            )
            found = server.json(path, params={"since": since, "until": "70", "limit": 500})["rows"]
            assert sorted({row["tick"] for row in found}) == [row["tick"] for row in wanted] != []  # type: ignore[index,attr-defined]
        assert server.json(path, params={"since": later, "until": later})["rows"] == []
        end = rows(questioned, "SELECT (tick_time(raw.head_tick()) + INTERVAL 1 SECOND)::VARCHAR AS ts")[0]["ts"]
        assert server.json(path, params={"since": str(end)})["rows"] == []


def test_pages_of_deals_are_of_one_list(server: Served) -> None:
    whole = server.json("/api/deals?min_discount=5&limit=500")
    assert walked(server, "/api/deals", min_discount=5, limit=37) == whole["rows"] and whole["total"] == len(
        whole["rows"]
    )  # type: ignore[arg-type]


def test_a_search_finds_products_by_their_words_in_any_form(server: Served, questioned: Path) -> None:
    found = server.json("/api/products?search=onions&limit=500")["rows"]
    wanted = rows(
        questioned, r"SELECT product_id FROM products WHERE regexp_matches(product, '\bonions?\b', 'i') ORDER BY 1"
    )
    assert [{"product_id": row["product_id"]} for row in found] == wanted and wanted  # type: ignore[attr-defined]
    for text in ("\U0001f600", "\0"):
        assert server.json("/api/products", params={"search": text})["rows"] == []


def test_metrics_are_counts_of_rows(server: Served, questioned: Path) -> None:
    wanted = rows(
        questioned, "SELECT tick, count(*) AS changed FROM price_history GROUP BY tick ORDER BY tick DESC LIMIT 5"
    )
    found = server.json("/api/metrics?limit=5")["rows"]
    assert [{name: row[name] for name in ("tick", "changed")} for row in found] == wanted  # type: ignore[attr-defined]


def test_sql_gives_what_the_views_give(server: Served, questioned: Path) -> None:
    query = (
        "SELECT platform, count(*) AS listings, max(price) AS dearest FROM prices GROUP BY platform ORDER BY platform"
    )
    told = server.client.post("/api/sql", json={"query": query}).json()
    assert told["rows"] == rows(questioned, query) and told["columns"] == ["platform", "listings", "dearest"]


def test_sql_gives_json_that_a_browser_reads_and_all_columns(server: Served) -> None:
    query = "SELECT 'nan'::DOUBLE AS x, 'inf'::DOUBLE AS y, MAP {DATE '2026-01-01': 1} AS m, 1 AS a, 2 AS a"
    answer = server.client.post("/api/sql", json={"query": query})
    assert answer.status_code == 200 and "NaN" not in answer.text and "Infinity" not in answer.text
    told = answer.json()
    assert told["columns"] == ["x", "y", "m", "a", "a_1"]
    assert told["rows"] == [{"x": None, "y": None, "m": {"2026-01-01": 1}, "a": 1, "a_1": 2}]


def test_an_answer_of_sql_has_no_more_bytes_than_allowed_however_long_the_names_of_its_columns(server: Served) -> None:
    query = f'SELECT 1 AS "{"a" * 19_000}" FROM range(10000)'
    answer = server.client.post("/api/sql", json={"query": query})
    assert answer.json()["truncated"] and 0.9 * sql.LIMITS.bytes < len(answer.content) < 1.1 * sql.LIMITS.bytes


def test_no_more_than_a_row_of_an_answer_of_sql_is_written_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """To write a text lets no other thread run until it is written."""
    written: list[object] = []

    def json_of(value: object, **form: object) -> str:
        written.append(value)
        return write(value, **form)

    write = values.json_of
    monkeypatch.setattr(values, "json_of", json_of)
    text = sql.written({"tick": 1}, Answer(["a"], ["DOUBLE"], [{"a": float("nan")}, {"a": 2}], False))
    rows = [{"a": None}, {"a": 2}]
    assert json.loads(text) == {"tick": 1, "columns": ["a"], "types": ["DOUBLE"], "rows": rows, "truncated": False}
    assert len(written) == 3


def test_a_value_that_is_nested_too_deeply_for_json_is_refused_in_one_line() -> None:
    deep: object = float("nan")
    for _ in range(900):
        deep = [deep]
    with pytest.raises(QsimError, match=r"^sql: a value is nested too deeply to be told; narrow the query$"):
        sql.written({}, Answer(["a"], ["DOUBLE"], [{"a": deep}], False))


@pytest.mark.parametrize("said", ["pyaz", "प्याज", "onions", "doodh", "aloo 1 kg", "milk"])
def test_the_search_of_the_page_finds_first_what_a_question_would_mean(said: str, server: Served) -> None:
    meant = server.json("/api/cheapest", params={"product": said, "limit": 500})["rows"]
    found = server.json("/api/boards/search", params={"q": said, "limit": 50})["products"]
    assert isinstance(meant, list) and isinstance(found, list)
    goods = {(row["product"], row["pack"]) for row in meant}
    assert goods and {(row["product"], row["pack"]) for row in found[: len(goods)]} == goods


def test_the_search_of_the_page_finds_beginnings_of_words(server: Served) -> None:
    found = server.json("/api/boards/search?q=oni")["products"]
    assert isinstance(found, list) and "Onion" in {row["product"] for row in found}


def test_files_of_the_page_are_found_by_name(server: Served) -> None:
    first = server.get("/page/index.html")
    assert first.status_code == 200 and first.content == server.get("/").content


def test_files_of_the_page_are_of_the_kinds_that_a_browser_takes_whatever_the_system_has_for_their_endings(
    questioned: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mimetypes.init()
    for ending in (".js", ".css", ".svg"):
        monkeypatch.setitem(mimetypes.types_map, ending, "text/plain")

    async def kinds() -> list[str]:
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(create_app(questioned)), base_url="http://localhost"
        ) as client:
            paths = ("", "page/app.js", "page/uplot/uPlot.min.css", "page/favicon.svg", "page/uplot/LICENSE")
            return [(await client.get(f"/{path}")).headers["content-type"].partition(";")[0] for path in paths]

    assert asyncio.run(kinds()) == ["text/html", "text/javascript", "text/css", "image/svg+xml", "text/plain"]
