"""The named rules of the schema: each holds on a generated market, and each can fail."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

import qsim
from qsim import schema
from qsim.validation.checks import broken_rules

_LINES = "(SELECT *, discount_bps * 0.01 AS discount_pct FROM raw.campaign_lines)"
_SOURCES = {"events": "price_history", "campaign_lines": _LINES}
RULES = [
    *((_SOURCES.get(table.name, table.name), name, rule) for table in schema.TABLES.values() for name, rule in table.rules.items()),
    *(("prices", name, rule) for name, rule in schema.PRICE_RULES.items()),
    *(("inventory", name, rule) for name, rule in schema.INVENTORY_RULES.items()),
]  # fmt: skip
# For each rule, a row's values that break it.
BREAKING = {
    "band is ordered": "1e9 AS low_percent",
    "fees are not negative": "-1 AS delivery_fee",
    "group is known": "'gold' AS volatility_group",
    "name is given": "'' AS product",
    "packaged goods have an MRP": "NULL AS mrp, false AS is_loose",
    "base price is positive and at most the MRP": "0 AS base_price",
    "pincode has six digits": "'012345' AS pincode",
    "anchor is positive": "0 AS anchor_price",
    "anchor is at most the MRP": "1 AS mrp, 2 AS anchor_price",
    "cost is positive and below the anchor": "5 AS anchor_price, 5 AS unit_cost",
    "kind is known": "'lottery' AS kind",
    "ends after its start": "TIMESTAMP '2000-01-01' AS ends_at",
    "depth is 20-50 %": "51 AS discount_pct",
    "prices are positive": "0 AS price_after",
    "discount is 0-100 %": "101 AS discount_pct",
    "depth is positive": "0 AS discount_pct",
    "counts are within one another": "attempted + 1 AS changed",
    "changed is within attempted": "1e9 AS changed",
    "price is positive": "0 AS price",
    "packaged goods cost at most the MRP": "false AS is_loose, 2 AS price, 1 AS mrp",
    "in stock follows stock": "NOT in_stock AS in_stock",
    "reserved is within stock": "stock + 1 AS reserved",
    "stock is within its target": "target_stock + 1 AS stock",
    "reorder level is within the target": "target_stock AS reorder_level",
    "status follows stock": "'gone' AS status",
    "something was sold or wanted": "0 AS units, 0 AS wanted_units",
    "arrivals are within stock": "stock + 1 AS units",
    "fee is not negative": "-1 AS fee",
    "hours are ordered": "24 AS from_hour",
    "factors are not negative": "-1 AS demand",
    "sales are those of all cities": "'Delhi' AS city, 2 AS sales",
}


@pytest.fixture(scope="module")
def connection(tmp_path_factory: pytest.TempPathFactory) -> duckdb.DuckDBPyConnection:
    directory: Path = tmp_path_factory.mktemp("schema") / "market"
    qsim.generate(directory, preset="realistic", products=60, seed=42)
    qsim.run(directory, ticks=96, update_interval_seconds=900)
    return qsim.connect(directory)


def _broken(connection: duckdb.DuckDBPyConnection, name: str, rule: str, source: str) -> int:
    return len(connection.sql(broken_rules({name: rule}, source, ("1 AS one",))).fetchall())


@pytest.mark.parametrize(("source", "name", "rule"), RULES, ids=[f"{source[:14]}: {name}" for source, name, _ in RULES])
def test_a_rule_holds_for_every_row_of_a_generated_market_and_can_fail(
    connection: duckdb.DuckDBPyConnection, source: str, name: str, rule: str
) -> None:
    assert _broken(connection, name, rule, source) == 0
    rows = connection.sql(f"SELECT count(*) FROM {source}").fetchall()[0][0]
    assert rows > 0
    assert _broken(connection, name, rule, f"(SELECT * REPLACE ({BREAKING[name]}) FROM {source})") == rows


def test_a_rule_that_cannot_be_told_because_of_a_null_counts_as_broken(connection: duckdb.DuckDBPyConnection) -> None:
    assert _broken(connection, "positive", "price > 0", "(SELECT NULL AS price)") == 1


def test_every_table_has_a_key_of_its_own_columns_and_types_that_files_can_hold() -> None:
    for table in schema.TABLES.values():
        assert table.key and set(table.key) <= set(table.columns)
        assert [field.name for field in table.arrow()] == list(table.columns)
        assert not any(field.nullable for field in table.arrow())


@pytest.mark.parametrize("table", schema.TABLES.values(), ids=schema.TABLES)
def test_the_files_of_a_table_have_its_columns(connection: duckdb.DuckDBPyConnection, table: schema.Table) -> None:
    assert connection.sql(f"FROM raw.{table.name} LIMIT 0").columns == list(table.columns)
