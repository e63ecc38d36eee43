"""A market over HTTP: the same answers as by SQL and in Python, of one commit each, by pages, with ETags; figures; OpenAPI."""

from __future__ import annotations

import asyncio
import io
import mimetypes
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import psutil
import pytest
from prometheus_client.parser import text_string_to_metric_families

import qsim
from qsim.monitoring.metrics import metrics
from qsim.queries import served
from qsim.queries.questions import plain
from qsim.server import answers, live
from qsim.server.app import create_app
from qsim.storage import lock, log
from qsim.storage.places import place_of
from tests.servers import Served, serving
from tests.test_server_streams import in_thread


@pytest.fixture(scope="module")
def server(questioned: Path) -> Iterator[Served]:
    with serving(questioned) as running:
        yield running


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


def walked(server: Served, path: str, **values: object) -> list[dict[str, object]]:
    """All rows of a list, page by page."""
    found: list[dict[str, object]] = []
    cursor = values.pop("cursor", None)
    while True:
        told = server.json(path, params=values | ({"cursor": cursor} if cursor else {}))
        found += told["rows"]  # type: ignore[arg-type]
        cursor = told["next"]
        if cursor is None:
            return found


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
    wanted = rows(questioned, "SELECT product_id FROM products WHERE lower(product) LIKE '%oni%' ORDER BY 1")
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


def test_an_answer_that_the_asker_has_is_not_sent_again(server: Served) -> None:
    first = server.get("/api/deals")
    again = server.get("/api/deals", headers={"If-None-Match": f'"other", W/{first.headers["ETag"]}'})
    assert (again.status_code, again.content) == (304, b"") and again.headers["ETag"] == first.headers["ETag"]


def test_an_answer_of_another_version_is_sent_again(questioned: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with in_thread(questioned) as (port, _), httpx.Client(base_url=f"http://127.0.0.1:{port}") as client:
        tags = {path: client.get(path).headers["ETag"] for path in ("/api/status", "/api/deals", "/api/boards/depths")}
        monkeypatch.setattr(answers, "_VERSION", "9.9")
        for path, tag in tags.items():
            assert client.get(path, headers={"If-None-Match": tag}).status_code == 200, path


@pytest.mark.parametrize(
    "path", ["/", "/page/index.html", "/api/deals", "/api/prices?limit=2", "/api/status", "/api/boards/depths"]
)
@pytest.mark.parametrize("given", ['"x", "y"', '"x", W/{}', "W/{}", '"a,b",{},"y"', "*"])
def test_a_list_of_tags_a_weak_one_and_any_are_understood_everywhere(given: str, path: str, server: Served) -> None:
    first = server.get(path)
    again = server.get(path, headers={"If-None-Match": given.format(first.headers["ETag"])})
    assert again.status_code == (200 if "y" in given and "{}" not in given else 304)
    assert again.headers["ETag"] == first.headers["ETag"]


@pytest.mark.parametrize(
    "path",
    [
        "/api/products/999999",
        "/api/cheapest?product=zzzz",
        "/api/boards/prices/999999",
        "/api/prices?cursor=1.0123456789abcdef",
    ],
)
def test_what_is_refused_is_not_told_as_unchanged(path: str, server: Served) -> None:
    for tag in ("*", server.get("/api/status").headers["ETag"]):
        assert server.get(path, headers={"If-None-Match": tag}).status_code == 404


@pytest.mark.parametrize("path", ["/", "/page/app.js", "/health", "/metrics", "/api/status", "/api/deals?limit=3", "/openapi.json",
                                  "/api/boards/depths", "/api/products/999999"])  # fmt: skip
def test_a_head_has_the_headers_of_a_get_and_no_body(path: str, server: Served) -> None:
    whole, head = server.get(path), server.client.head(path)
    assert (head.status_code, head.content) == (whole.status_code, b"")
    passing = {"date", "content-length"} if path in ("/health", "/metrics") else {"date"}
    kept = [{name: value for name, value in one.headers.items() if name not in passing} for one in (whole, head)]
    assert kept[0] == kept[1] and "content-length" in head.headers


def test_a_head_has_no_body_on_the_wire_nor_where_it_is_refused(server: Served) -> None:
    for path, status in (("/api/status", b"200"), ("/api/events", b"405"), ("/api/sql", b"405")):
        raw = server.raw(f"HEAD {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
        assert raw.split()[1] == status and raw.endswith(b"\r\n\r\n")


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/api/status", "GET, HEAD"),
        ("/openapi.json", "GET, HEAD"),
        ("/", "GET, HEAD"),
        ("/api/events", "GET"),
        ("/api/sql", "POST"),
    ],
)
def test_who_asks_by_a_method_that_is_none_is_told_the_ones_that_are(path: str, allowed: str, server: Served) -> None:
    answer = server.client.request("DELETE", path)
    assert (answer.status_code, answer.headers["Allow"]) == (405, allowed)
    assert answer.json()["error"].endswith(f"use {allowed}")


def test_a_whole_url_is_asked_for_as_its_path_at_its_host(server: Served) -> None:
    def asked(target: str, host: str = "localhost") -> tuple[bytes, bytes]:
        raw = server.raw(f"GET {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
        head, _, body = raw.partition(b"\r\n\r\n")
        return head.split()[1], body

    for path in ("/api/products?search=milk&limit=2", "/", "/page/app.js"):
        assert asked(f"http://localhost:{server.port}{path}", "elsewhere.example") == asked(path) != (b"404", b"")
    assert asked("HTTP://127.0.0.1") == asked("/")
    assert asked("http://elsewhere.example/api/status")[0] == b"421"


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


def test_prometheus_reads_where_the_market_stands_and_what_was_asked(server: Served) -> None:
    server.get("/api/deals")
    text = server.get("/metrics").text
    assert "qsim_tick 400.0" in text and 'qsim_http_requests_total{route="/api/deals",status="200"}' in text


def told(server: Served, name: str, *labels: str) -> dict[tuple[str, ...], float]:
    """The figures of one name that Prometheus reads, by the values of their labels."""
    families = {family.name: family for family in text_string_to_metric_families(server.get("/metrics").text)}
    return {tuple(one.labels[label] for label in labels): one.value for one in families[name].samples}


@pytest.mark.parametrize("column", ["changed", "skipped_waiting", "sd_change_pct"])
def test_prometheus_reads_what_the_newest_ticks_did_by_platform_and_category(
    column: str, server: Served, questioned: Path
) -> None:
    counted = {(row["platform"], row["category"]): row[column] for row in metrics(questioned, last=1000)["rows"]}
    assert told(server, f"qsim_recent_{column}", "platform", "category") == pytest.approx(counted) and any(
        counted.values()
    )


@pytest.mark.parametrize("column", ["discounted", "surging", "out_of_stock"])
def test_prometheus_reads_what_is_so_at_the_newest_tick(column: str, server: Served, questioned: Path) -> None:
    counted = {(row["platform"], row["category"]): row[column] for row in metrics(questioned)["rows"]}
    assert told(server, f"qsim_now_{column}", "platform", "category") == counted and any(counted.values())


def test_prometheus_reads_what_the_newest_run_cost(server: Served, questioned: Path) -> None:
    run = metrics(questioned)["run"]
    stages = {(stage,): seconds for stage, seconds in run["stage_seconds"].items()}
    assert told(server, "qsim_run_stage_seconds", "stage") == stages and stages
    assert told(server, "qsim_run_memory_bytes") == {(): run["memory_bytes"]}


@pytest.mark.skipif(sys.platform != "linux", reason="prometheus_client knows of processes on Linux alone")
def test_prometheus_reads_what_the_server_costs(server: Served) -> None:
    assert told(server, "process_resident_memory_bytes")[()] > 1e7


def test_prometheus_reads_nothing_of_what_never_was(tmp_path: Path) -> None:
    qsim.generate(tmp_path / "m", products=5)
    with serving(tmp_path / "m") as fresh:
        assert told(fresh, "qsim_recent_changed") == told(fresh, "qsim_run_memory_bytes") == {}
        assert told(fresh, "qsim_tick") == {(): 0.0}


def test_every_route_is_described_with_an_example(server: Served) -> None:
    told = server.json("/openapi.json")
    for path, methods in told["paths"].items():  # type: ignore[attr-defined]
        for method, route in methods.items():
            [content] = route["responses"]["200"]["content"].values()
            assert content["example"] and route["description"], (method, path)
            assert "4XX" in route["responses"]


def test_every_example_of_an_answer_is_of_its_own_schema(server: Served) -> None:
    told = server.json("/openapi.json")["paths"]
    contents = [
        content
        for methods in told.values()  # type: ignore[attr-defined]
        for route in methods.values()
        for answer in route["responses"].values()
        for content in answer.get("content", {}).values()
        if "example" in content
    ]
    assert len(contents) > 24
    for content in contents:
        jsonschema.validate(content["example"], content["schema"])


# By platform in a board's lines, by the user's own names in SQL.
KEYED = {"/api/boards/prices/{product_id}": "lines", "/api/sql": "rows"}


def names(value: object) -> object:
    """Give the names of an answer's parts, of a list those of its first."""
    if isinstance(value, dict):
        return {name: names(one) for name, one in value.items()}
    return [names(value[0])] if isinstance(value, list) and value else None


def named_alike(one: object, other: object) -> bool:
    if one is None or other is None or one == {} or other == {}:
        return True
    if isinstance(one, list):
        return named_alike(one[0], other[0])  # type: ignore[index]
    return one.keys() == other.keys() and all(named_alike(part, other[name]) for name, part in one.items())  # type: ignore


def asked_by_examples(server: Served, told: dict[str, Any], path: str) -> httpx.Response:
    [(method, route)] = told["paths"][path].items()
    given = {
        each["name"]: each["schema"].get("examples") for each in route.get("parameters", []) if each["in"] == "query"
    }
    # At tick 0 nothing has changed.
    words = {name: values[0] for name, values in given.items() if values and name not in ("since", "until")}
    body = None
    if method == "post":
        kind = route["requestBody"]["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
        body = told["components"]["schemas"][kind]["example"]
    return server.client.request(method, path.replace("{product_id}", "0"), params=words, json=body)


def test_what_is_asked_by_examples_is_answered_by_all_parts_of_the_example(server: Served) -> None:
    told: dict[str, Any] = server.json("/openapi.json")
    for path in told["paths"].keys() - {"/api/events", "/metrics"}:
        answer = asked_by_examples(server, told, path)
        assert answer.status_code == 200, (path, answer.text)
        [route] = told["paths"][path].values()
        content = route["responses"]["200"]["content"]["application/json"]
        jsonschema.validate(answer.json(), content["schema"])
        parts = [names({**one, KEYED.get(path, ""): None}) for one in (content["example"], answer.json())]
        assert named_alike(*parts), (path, parts)


def test_the_examples_of_a_comparison_are_two_platforms(server: Served) -> None:
    given = server.json("/openapi.json")["paths"]["/api/compare"]["get"]["parameters"]  # type: ignore[index]
    values = {each["name"]: each["schema"]["examples"][0] for each in given if "examples" in each["schema"]}
    assert server.json("/api/compare", params=values)["summary"]


def test_a_path_with_a_slash_at_its_end_is_refused_as_all_others(server: Served) -> None:
    answer = server.get("/api/status/")
    assert answer.status_code == 404 and "/api/status/" in answer.json()["error"]


def test_an_etag_is_described_where_one_is_sent(server: Served) -> None:
    told = server.json("/openapi.json")["paths"]
    for path, asked in (
        ("/health", None),
        ("/api/sql", {"query": "SELECT 1"}),
        ("/api/basket", {}),
        ("/api/status", None),
    ):
        answer = server.get(path) if asked is None else server.client.post(path, json=asked)
        [route] = told[path].values()  # type: ignore[index]
        described = "headers" in route["responses"]["200"], "304" in route["responses"]
        assert described == ("ETag" in answer.headers,) * 2, path


def test_the_server_goes_on_with_the_market_and_never_back(market: Path) -> None:
    before = qsim.status(market)

    def write() -> None:
        for _ in range(12):
            qsim.run(market, ticks=1)
            time.sleep(0.1)

    writing = threading.Thread(target=write)
    with serving(market) as running:
        writing.start()
        seen = [(0, 0)]
        while seen[-1][0] < before["tick"] + 12:
            prices, metrics = running.json("/api/prices?limit=60"), running.json("/api/metrics?limit=500")
            for answer in (prices, metrics):
                tick = int(str(answer["tick"]))
                assert (tick, answer["commit"]) >= seen[-1]
                seen.append((tick, int(str(answer["commit"]))))
            ticks = [row["tick"] for row in metrics["rows"]]  # type: ignore[attr-defined]
            assert ticks == list(range(int(str(metrics["tick"])), 0, -1))
    writing.join()
    assert len(seen) > 6


def test_pages_as_of_the_newest_tick_go_on_over_the_same_list_when_the_market_moves(market: Path) -> None:
    lists = {
        "/api/prices": {"as_of": 10},
        "/api/products/0/history": {"until": 10},
        "/api/metrics": {"until": 10, "since": 2},
    }
    with serving(market) as running:
        wanted = [running.json(path, params=asked | {"limit": 500})["rows"] for path, asked in lists.items()]
        first = [running.json(path, params=asked | {"limit": 3}) for path, asked in lists.items()]
        qsim.run(market, ticks=2)
        while running.json("/api/status")["tick"] != 12:
            time.sleep(0.05)
        for (path, asked), page, whole in zip(lists.items(), first, wanted, strict=True):
            found = [*page["rows"], *walked(running, path, **asked, limit=3, cursor=page["next"])]  # type: ignore[misc]
            assert found == whole, path
            assert len(found) > 6


def test_a_page_is_of_the_commit_of_its_cursor_or_gone_also_when_the_market_moves_meanwhile(market: Path) -> None:
    app = create_app(market)
    kept, asked = app.state.market, app.state.market.ask

    async def moved_on(*question: object) -> object:
        qsim.run(market, ticks=1)
        await kept.follow()
        return await asked(*question)

    async def pages() -> list[httpx.Response]:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            first = await client.get("/api/campaigns?limit=2")
            # It takes too many bytes to be kept.
            kept.answers.clear()
            kept.ask = moved_on
            cursor = first.json()["next"]
            return [first, await client.get(f"/api/campaigns?limit=2&cursor={cursor}")]

    first, second = asyncio.run(pages())
    assert first.json()["commit"] < kept.moment.commit
    assert second.status_code == 410, second.json()


@pytest.mark.parametrize("preset", ["classic", "realistic"])
def test_what_is_kept_at_hand_is_what_a_fresh_connection_sees(preset: str, tmp_path: Path) -> None:
    market = tmp_path / "m"
    qsim.generate(market, products=40, preset=preset, update_interval_seconds=600, stores=2)
    at = served.opened(market)
    query = "SELECT * FROM prices ORDER BY listing_id"
    for ticks in (1, 3, 40, 2):
        qsim.run(market, ticks=ticks)
        if ticks == 2:
            qsim.compact(market)
        assert served.follow(at) and not served.follow(at)
        with served.reading(at) as reading, qsim.connect(market) as fresh:
            assert reading.moment.log == log.read(market)
            assert reading.connection.sql(query).fetchall() == fresh.sql(query).fetchall()
            stock = "SELECT * FROM inventory ORDER BY listing_id"
            assert reading.connection.sql(stock).fetchall() == fresh.sql(stock).fetchall()


def test_a_live_server_runs_the_market_on_and_stops_its_writer(market: Path) -> None:
    with serving(market, "--live", quiet=False) as running:
        while int(str(running.json("/api/status")["tick"])) <= 10:
            time.sleep(0.1)
        assert running.json("/health")["status"] == "ok"
    qsim.run(market, ticks=1)


def test_the_writer_of_a_live_server_takes_no_module_out_of_the_folder_it_is_started_in(
    market: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "random.py").write_text("raise RuntimeError('another random')")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [place for place in sys.path if place])
    begin, writer = qsim.status(market)["tick"], live.started(place_of(market))
    while qsim.status(market)["tick"] == begin and writer.poll() is None:
        time.sleep(0.1)
    live.stop(writer)
    assert writer.returncode == 0 and lock.is_free(market)


def test_a_writer_is_started_where_standard_error_has_no_descriptor(
    market: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    live.stop(live.started(place_of(market)))
    assert lock.is_free(market)


def test_a_server_whose_start_fails_does_not_lay_it_to_its_port(market: Path) -> None:
    program = "import sys, qsim; from qsim.server import live; live.started = None; qsim.serve(sys.argv[1], port=0, live=True)"
    done = subprocess.run([sys.executable, "-c", program, market], stderr=subprocess.PIPE, text=True, timeout=60)
    assert "QsimError: serve: the server could not be started" in done.stderr and "--port" not in done.stderr


@pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="nothing stops a process here")
def test_a_writer_that_was_stopped_by_a_signal_commits_and_ends_with_the_server(market: Path) -> None:
    begin, writer = qsim.status(market)["tick"], live.started(place_of(market))
    while qsim.status(market)["tick"] == begin and writer.poll() is None:
        time.sleep(0.1)
    writer.send_signal(signal.SIGSTOP)
    live.stop(writer)
    assert writer.returncode == 0 and lock.is_free(market)


def test_a_writer_that_does_not_end_is_killed_and_that_is_told(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(live, "_STOP_SECONDS", 0.1)
    deaf = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True); time.sleep(600)"
    with subprocess.Popen([sys.executable, "-c", deaf], stdout=subprocess.PIPE) as writer:
        assert writer.stdout is not None and writer.stdout.readline()
        live.stop(writer)
    assert writer.returncode == -signal.SIGKILL
    assert f"process {writer.pid}" in caplog.text and "is killed" in caplog.text


def test_a_stop_ends_a_query_that_runs_and_tells_who_asked(market: Path) -> None:
    long = "SELECT count(*) FROM range(10000000) a, range(10000000) b WHERE (a.range * b.range) % 7 = 3"
    answers = []
    with serving(market) as running:
        ask = threading.Thread(
            target=lambda: answers.append(running.client.post("/api/sql", json={"query": long}, timeout=60))
        )
        ask.start()
        while not psutil.Process(running.process.pid).children():
            time.sleep(0.05)
        running.process.send_signal(signal.SIGTERM)
        running.process.wait(10)
        ask.join()
    assert answers[0].status_code == 503 and "stops" in answers[0].json()["error"]


@pytest.mark.parametrize("options", [(), ("--live",)])
def test_a_second_ctrl_c_stops_a_server_as_the_first_does(market: Path, options: tuple[str, ...]) -> None:
    words = [sys.executable, "-m", "qsim", "serve", str(market), "--port", "0", *options]
    with subprocess.Popen(words, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None and "serving at" in process.stderr.readline()
        for _ in range(2):
            process.send_signal(signal.SIGINT)
            time.sleep(0.02)
        said = process.stderr.read()
    assert process.returncode in (130, -signal.SIGINT)
    assert "Traceback" not in said and "qsim: stopped" in said
    assert lock.is_free(market)


def test_a_writer_that_ends_in_a_fault_is_told_by_health(market: Path) -> None:
    with lock.writer_lock(market), serving(market, "--live", quiet=False) as running:
        while (told := running.get("/health")).status_code == 200:
            time.sleep(0.1)
        assert told.status_code == 503 and "exit code 4" in told.json()["reasons"][0]["found"]
        assert running.json("/api/status")["tick"] == 10


def test_a_reader_that_began_before_a_commit_goes_on_with_its_own(market: Path) -> None:
    at = served.opened(market)
    query = "SELECT max(tick), (SELECT max(updated_tick) FROM raw.state) FROM metrics"
    with served.reading(at) as reading:
        before = reading.connection.sql(query).fetchall()
        qsim.run(market, ticks=4)
        assert served.follow(at)
        assert reading.connection.sql(query).fetchall() == before and reading.moment.tick == 10
        with served.reading(at) as later:
            assert (
                later.connection.sql("SELECT max(tick) FROM metrics").fetchall() == [(14,)] and later.moment.tick == 14
            )


def test_a_market_put_in_the_place_of_another_is_not_followed(market: Path, tmp_path: Path) -> None:
    import shutil

    at = served.opened(market)
    qsim.generate(tmp_path / "other", products=12, seed=9)
    for _ in range(4):
        qsim.run(tmp_path / "other", ticks=10)
    shutil.rmtree(market)
    shutil.copytree(tmp_path / "other", market)
    with pytest.raises(qsim.QsimError, match="another market"):
        served.follow(at)
    assert at.moment.tick == 10
