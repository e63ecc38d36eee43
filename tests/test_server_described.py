"""What a server tells programs of itself: figures for Prometheus, and a description by OpenAPI whose examples hold."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import pytest
from prometheus_client.parser import text_string_to_metric_families

import qsim
from qsim.monitoring.metrics import metrics
from tests.servers import Served, serving


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


def test_every_route_has_a_short_name_of_its_own(server: Served) -> None:
    told: Any = server.json("/openapi.json")["paths"]
    names = [route["operationId"] for methods in told.values() for route in methods.values()]
    assert len(names) == len(set(names)) > 20
    assert all(re.fullmatch("[a-z]+_[a-z]+", name) for name in names)


def test_every_route_is_described_with_an_example(server: Served) -> None:
    told = server.json("/openapi.json")
    for path, methods in told["paths"].items():  # type: ignore[attr-defined]
        for method, route in methods.items():
            [content] = route["responses"]["200"]["content"].values()
            assert content["example"] and route["description"], (method, path)
            assert "4XX" in route["responses"]
            assert all(asked.get("description") for asked in route.get("parameters", [])), (method, path)


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


def test_what_is_sent_has_names_that_are_no_types_of_the_languages_of_clients(server: Served) -> None:
    told: Any = server.json("/openapi.json")
    assert set(told["components"]["schemas"]) == {"Asked", "Line", "ShoppingList", "Told"}


def test_a_token_is_described_where_one_is_needed_and_nowhere_else(server: Served, market: Path) -> None:
    open_to_all: Any = server.json("/openapi.json")
    assert "securitySchemes" not in open_to_all["components"]
    token = "0123456789abcdef"
    with serving(market, "--token", token) as guarded:
        headers = {"Authorization": f"Bearer {token}"}
        told = guarded.client.get("/openapi.json", headers=headers).json()
        assert guarded.client.get("/api/status", headers=headers).status_code == 200
        assert guarded.client.get("/api/status", auth=("", token)).status_code == 200
        assert guarded.client.get("/api/status").status_code == 401
    [scheme] = told["components"]["securitySchemes"].items()
    assert scheme[1] == {"type": "http", "scheme": "bearer"}
    routes = [route for methods in told["paths"].values() for route in methods.values()]
    assert all(route["security"] == [{scheme[0]: []}] for route in routes)


# By platform, or by the user's own names in SQL.
KEYED = {"/api/boards/prices/{product_id}": "lines", "/api/sql": "rows", "/api/basket": "offers"}


def names(value: object, keyed: str) -> object:
    """Give the names of an answer's parts, of a list those of its first; of what is keyed by others' names none."""
    if isinstance(value, dict):
        return {name: None if name == keyed else names(one, keyed) for name, one in value.items()}
    return [names(value[0], keyed)] if isinstance(value, list) and value else None


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
        parts = [names(one, KEYED.get(path, "")) for one in (content["example"], answer.json())]
        assert named_alike(*parts), (path, parts)


def closed(schema: Any) -> Any:
    """Let a schema refuse what it does not name."""
    if isinstance(schema, list):
        return [closed(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    return {name: closed(one) for name, one in schema.items()} | (
        {"additionalProperties": False} if "properties" in schema and schema.get("type") == "object" else {}
    )


def assert_described(served: Served, path: str, body: object = None, **words: object) -> None:
    """Assert that an answer has the parts that the description names, and no others."""
    told: Any = served.json("/openapi.json")
    [(method, route)] = told["paths"][path].items()
    answer = served.client.request(method, path.replace("{product_id}", "0"), params=words, json=body)  # type: ignore[arg-type]
    assert answer.status_code == 200, answer.text
    jsonschema.validate(answer.json(), closed(route["responses"]["200"]["content"]["application/json"]["schema"]))


@pytest.mark.parametrize("query", ["SELECT 1 AS one", "SELECT NULL AS nothing, [1] AS many", "SELECT 1 WHERE false"])
def test_answers_of_sql_are_described_whatever_their_columns_are_called(server: Served, query: str) -> None:
    assert_described(server, "/api/sql", {"query": query})


@pytest.mark.parametrize("by", ["all", "platform", "category", "both"])
def test_totals_are_described_whatever_they_are_added_up_by(server: Served, by: str) -> None:
    assert_described(server, "/api/metrics/totals", by=by)


def test_answers_are_described_where_platforms_have_several_stores(tmp_path: Path) -> None:
    qsim.generate(tmp_path / "m", products=60, stores=10)
    with serving(tmp_path / "m") as several:
        assert_described(several, "/api/cheapest", product="onion")
        assert_described(several, "/api/deals", min_discount=0)
        assert_described(several, "/api/compare", what="vegetables")
        assert_described(several, "/api/basket", {})


ODD_LIST = "product,brand,category,pack,mrp,price\n"
ODD_LIST += "Gadget,Foo,Dairy,a lump,340,325\nGhee,Foo,Dairy,1 l,500,450\nGhost,Foo,Dairy,1 l,9,8\n"


# With it the market has but the last of three off sale.
SEED_WITHOUT_GHOST = 0


def test_what_a_market_cannot_tell_is_described_as_null(tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_text(ODD_LIST)
    qsim.generate(tmp_path / "m", catalog=tmp_path / "list.csv", seed=SEED_WITHOUT_GHOST, inactive_percent=34)
    with serving(tmp_path / "m") as odd:
        assert odd.json("/api/products/0")["prices"][0]["unit_price"] is None  # type: ignore[index]
        assert_described(odd, "/api/products/{product_id}")
        assert_described(odd, "/api/prices")
        assert_described(odd, "/api/cheapest", product="gadget")
        assert_described(odd, "/api/basket", {"items": [{"name": "gadget"}, {"name": "onigiri"}], "budget": 1})
        assert odd.json("/api/compare?what=ghost")["summary"]["mean_gap_pct"] is None  # type: ignore[index]
        assert_described(odd, "/api/compare", what="ghost")


@pytest.mark.parametrize("path", ["/api/products/{product_id}", "/api/compare", "/api/basket", "/api/boards/overview"])
def test_what_may_be_null_has_a_type_all_the_same(server: Served, path: str) -> None:
    told: Any = server.json("/openapi.json")
    [route] = told["paths"][path].values()
    text = json.dumps(route["responses"]["200"]["content"]["application/json"]["schema"])
    assert '{"type": "null"}' in text and ": {}" not in text and "[{}" not in text


def test_the_examples_of_a_comparison_are_two_platforms(server: Served) -> None:
    given = server.json("/openapi.json")["paths"]["/api/compare"]["get"]["parameters"]  # type: ignore[index]
    values = {each["name"]: each["schema"]["examples"][0] for each in given if "examples" in each["schema"]}
    assert server.json("/api/compare", params=values)["summary"]


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
