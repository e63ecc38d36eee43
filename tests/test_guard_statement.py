"""The statement check rule by rule: what it lets through, what it refuses and names, and how it meets a tree that it does not know."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import FrozenInstanceError
from typing import Any

import duckdb
import pytest

from qsim.errors import UsageError
from qsim.queries import statement

KNOWN = statement.known_of(
    [
        "CREATE SCHEMA raw",
        "CREATE OR REPLACE VIEW prices AS SELECT 1 AS price",
        "CREATE OR REPLACE VIEW raw.events AS SELECT 1 AS tick",
        "CREATE MACRO tick_time(tick) AS tick",
        "CREATE MACRO raw.second_of_tick(tick) AS tick",
        "CREATE OR REPLACE MACRO prices_at(ts) AS TABLE SELECT 1 AS price",
    ]
)


@pytest.fixture(scope="module")
def plain() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        yield connection


@pytest.fixture(scope="module")
def other() -> Iterator[duckdb.DuckDBPyConnection]:
    """A DuckDB whose trees are what a test says."""
    with duckdb.connect() as connection:
        yield connection


def refusal(connection: duckdb.DuckDBPyConnection, query: str) -> str:
    with pytest.raises(UsageError) as caught:
        statement.check(connection, query, KNOWN)
    return str(caught.value).partition("; allowed")[0]


@pytest.mark.parametrize(
    "query",
    [
        "SELECT 1;",
        "SHOW TABLES",
        "SHOW ALL TABLES",
        "DESCRIBE prices",
        "SUMMARIZE prices",
        "SELECT * FROM memory.main.prices, main.prices, raw.events, memory.raw.events, PRICES",
        "SELECT tick_time(1), main.tick_time(1), raw.second_of_tick(1), upper('a'), 1 + 2, 'a' LIKE 'b'",
        "SELECT * FROM prices_at(1), main.prices_at(1), range(3)",
        "WITH a AS (SELECT 1), b AS (SELECT * FROM A) SELECT * FROM B",
        'WITH "two words" AS (SELECT 1) SELECT * FROM "two words"',
        "WITH RECURSIVE t AS (SELECT 1 UNION ALL SELECT * FROM t) SELECT * FROM t",
    ],
)
def test_what_is_listed_is_let_through(plain: duckdb.DuckDBPyConnection, query: str) -> None:
    statement.check(plain, query, KNOWN)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", "nothing"),
        (";".join(["SELECT 1"] * 7), ", ".join(["SELECT"] * 5)),
        ("DROP VIEW prices", "DROP"),
        ("SELECT ?", "PARAMETER"),
        ("SELECT * FROM prices AT (TIMESTAMP => now())", "AT"),
        ("SHOW DATABASES", "table '\"databases\"'"),
        ("SELECT * FROM events", "table 'events'"),
        ("SELECT * FROM raw.prices", "table 'raw.prices'"),
        ("SELECT * FROM system.main.prices", "table 'system.main.prices'"),
        ("SELECT * FROM memory.prices", "table 'memory.prices'"),
        ("SELECT * FROM 'x.csv'", "table 'x.csv'"),
        ("WITH main AS (SELECT 1) SELECT * FROM main.request", "table 'main.request'"),
        ("WITH a AS (SELECT * FROM request), request AS (SELECT 1) SELECT * FROM a", "table 'request'"),
        ("WITH a AS (WITH b AS (SELECT 1) SELECT * FROM b) SELECT * FROM b", "table 'b'"),
        ("WITH RECURSIVE t AS (SELECT * FROM t UNION ALL SELECT 1) SELECT * FROM t", "table 't'"),
        ("WITH RECURSIVE t AS (SELECT 1 UNION ALL SELECT * FROM request) SELECT * FROM t", "table 'request'"),
        ('WITH "x.csv" AS (SELECT 1) SELECT 1', "WITH 'x.csv'"),
        ("SELECT getenv('HOME')", "function 'getenv'"),
        ("SELECT main.upper('a')", "function 'main.upper'"),
        ("SELECT prices_at(1)", "function 'prices_at'"),
        ("SELECT \"||\"('a', 'b')", "function '||'"),
        ("SELECT * FROM upper('a')", "function 'upper'"),
        ("SELECT * FROM tick_time(1)", "function 'tick_time'"),
        ("SELECT * FROM system.main.prices_at(1)", "function 'system.main.prices_at'"),
        ("SELECT * FROM range((SELECT count(*) FROM glob('*')))", "function 'glob'"),
        ("SELECT count(*) FILTER (getenv('HOME') = '') FROM prices", "function 'getenv'"),
        ("SELECT 1 ORDER BY getenv('HOME')", "function 'getenv'"),
    ],
)  # fmt: skip
def test_what_is_not_listed_is_refused_by_its_name(plain: duckdb.DuckDBPyConnection, query: str, found: str) -> None:
    assert refusal(plain, query) == f"sql: found {found}"


def test_who_names_a_table_that_is_none_is_told_where_they_are_listed(plain: duckdb.DuckDBPyConnection) -> None:
    with pytest.raises(
        UsageError, match=r"'information_schema.columns'; .*; name one of those that SELECT \* FROM dictionary tells$"
    ):
        statement.check(plain, "SELECT * FROM information_schema.columns", KNOWN)


@pytest.mark.parametrize(
    ("query", "near"),
    [
        ("SELECT * FROM price", "prices"),
        ("SELECT * FROM main.Pricess", "prices"),
        ("WITH lowest AS (SELECT 1) SELECT * FROM lowests", "lowest"),
        ("SELECT * FROM price_at(1)", "prices_at"),
        ("SELECT tick_times(1)", "tick_time"),
        ("SELECT uper('a')", "upper"),
    ],
)
def test_of_a_wrong_name_the_nearest_is_told(plain: duckdb.DuckDBPyConnection, query: str, near: str) -> None:
    with pytest.raises(UsageError, match=f"; nearest is '{near}'; "):
        statement.check(plain, query, KNOWN)


@pytest.mark.parametrize("query", ["SELECT * FROM event", "SELECT second_of_ticks(1)", "SELECT getenv('HOME')"])
def test_no_name_is_told_as_near_that_is_not_or_that_is_of_the_inside(
    plain: duckdb.DuckDBPyConnection, query: str
) -> None:
    with pytest.raises(UsageError) as caught:
        statement.check(plain, query, KNOWN)
    assert "nearest" not in str(caught.value)


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("SELECT 1; -- the cheapest", "SELECT 1"),
        ("SELECT 1 -- one\n; /* two; */ ;", "SELECT 1 -- one\n"),
        ("SELECT 'ü; --' ;;", "SELECT 'ü; --' "),
        ("SELECT 'a; -- b' -- c; d", "SELECT 'a; -- b' -- c; d"),
    ],
)
def test_what_comes_after_a_query_is_left_out(plain: duckdb.DuckDBPyConnection, query: str, text: str) -> None:
    assert statement.check(plain, query, KNOWN) == text
    # Which what would be limited could not have at its end.
    assert len(plain.sql(text).limit(1).fetchall()) == 1


def test_of_a_long_name_120_characters_are_told(plain: duckdb.DuckDBPyConnection) -> None:
    found = refusal(plain, f"SELECT * FROM {'a' * 500}").removeprefix("sql: found ")
    assert found == f"table '{'a' * 500}"[:120]


@pytest.mark.parametrize("text", [f"SELECT '{'x' * 99_992}'", f"SELECT {'(' * 201}1{')' * 201}"], ids=["long", "deep"])
def test_the_check_refuses_by_itself_what_is_too_long_or_too_deep(plain: duckdb.DuckDBPyConnection, text: str) -> None:
    with pytest.raises(UsageError, match=r"characters|deep"):
        statement.check(plain, text, KNOWN)


@pytest.mark.parametrize("opened", ["(" * 200, ")" * 9 + "(" * 200, "(" * 200 + ")(", "(" * 200 + "))(("])
def test_brackets_that_are_closed_again_do_not_count_as_depth(opened: str) -> None:
    statement.bound(opened)
    with pytest.raises(UsageError, match="found brackets 201 deep"):
        statement.bound(opened + "(")


@pytest.mark.parametrize(("text", "kind"), [(None, "NoneType"), (b"SELECT 1", "bytes"), (5, "int")])
def test_what_is_no_text_is_refused_by_its_kind(text: Any, kind: str) -> None:
    with pytest.raises(UsageError, match=f"found a query that is no text but {kind}; allowed"):
        statement.bound(text)


def test_what_a_market_offers_cannot_be_altered_once_it_is_known() -> None:
    with pytest.raises(FrozenInstanceError):
        KNOWN.tables = frozenset()  # type: ignore[misc]


# A statement as a DuckDB might give it that is not the one looked at here.
def tree(**node: Any) -> str:
    return json.dumps({"error": False, "statements": [{"node": {"type": "SELECT_NODE", **node}}]})


def function(name: str, **more: Any) -> str:
    named = {"class": "FUNCTION", "function_name": name, "qualified_name": {"path": [name]}, **more}
    return tree(select_list=[named])


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ('{"error": true, "statements": [{"node": {}}]}', "a statement that cannot be taken apart"),
        ('{"error": false, "statements": []}', "a statement that cannot be taken apart"),
        ('{"error": false, "statements": [{"node": {}}, {"node": {}}]}', "a statement that cannot be taken apart"),
        ("[]", "a part of SQL of unknown shape"),
        ('{"statements": [{}]}', "a part of SQL of unknown shape"),
        (tree(cte_map={"map": 1}), "a part of SQL of unknown shape"),
        (tree(from_table={"type": "SHOW_REF", "query": None, "qualified_name": {"path": []}}), "a part of SQL of unknown shape"),
        (tree(select_list=[{"class": "OF_TOMORROW"}]), "OF_TOMORROW"),
        (tree(select_list=[{"class": "BASE_TABLE"}]), "BASE_TABLE"),
        (tree(from_table={"type": "OF_TOMORROW"}), "OF_TOMORROW"),
        (tree(from_table={"type": "COLUMN_REF"}), "COLUMN_REF"),
        (tree(where_clause=[[{"class": "OF_TOMORROW"}]]), "OF_TOMORROW"),
        (function("getenv", is_operator=True), "function 'getenv'"),
        (tree(select_list=[]).replace("[]", "[" * 3000 + "]" * 3000), "a query nested too deeply"),
    ],
    ids=range(14),
)  # fmt: skip
def test_a_tree_of_another_shape_is_refused(other: duckdb.DuckDBPyConnection, given: str, found: str) -> None:
    other.execute(f"CREATE OR REPLACE MACRO json_serialize_sql(text) AS '{given}'")
    assert refusal(other, "SELECT 1") == f"sql: found {found}"


@pytest.mark.parametrize("given", [tree(), function("upper"), function("@@@", is_operator=True)])
def test_a_tree_of_listed_parts_is_let_through(other: duckdb.DuckDBPyConnection, given: str) -> None:
    other.execute(f"CREATE OR REPLACE MACRO json_serialize_sql(text) AS '{given}'")
    statement.check(other, "SELECT 1", KNOWN)
