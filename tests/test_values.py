"""Values of SQL as JSON: what is written for the asking process comes back as it was, and users get numbers, text and null."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from qsim.queries import values


def back(value: Any, kind: str) -> Any:
    return values.loaded(values.dumped([value], [kind]).encode())[0]


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (None, "INTEGER"),
        (True, "BOOLEAN"),
        (1.5, "DOUBLE"),
        ("₹ 1", "VARCHAR"),
        (Decimal("12.50"), "DECIMAL(9,2)"),
        (UUID(int=7), "UUID"),
        (date(2026, 1, 2), "DATE"),
        (datetime(2026, 1, 2, 3, 4, 5, 6, UTC), "TIMESTAMP WITH TIME ZONE"),
        (time(10, 1, 2), "TIME"),
        (timedelta(days=-1, seconds=2, microseconds=3), "INTERVAL"),
        (b"\0a", "BLOB"),
        ([1, [Decimal("0.10"), None]], "DECIMAL(3,2)[]"),
        ({"a": 1, "b": [b"x"]}, "STRUCT(a INTEGER, b BLOB[])"),
        ({"date": "2026-01-02"}, "STRUCT(date VARCHAR)"),
        ({date(2026, 1, 2): {1: "x"}, 2: {}}, "MAP(DATE, MAP(INTEGER, VARCHAR))"),
        ([{"UUID": (1, 2)}], "STRUCT(UUID INTEGER[])[]"),
    ],
)
def test_a_value_is_read_as_it_was_written(value: Any, kind: str) -> None:
    read = back(value, kind)
    assert read == value or (value == [{"UUID": (1, 2)}] and read == [{"UUID": [1, 2]}])
    assert type(read) is type(value) and str(read) == str(value).replace("(1, 2)", "[1, 2]")


@pytest.mark.parametrize(("value", "read"), [(bytearray(b"ab"), b"ab"), (memoryview(b"ab"), b"ab"), (1 + 2j, "(1+2j)")])
def test_bytes_of_every_kind_are_read_as_bytes_and_what_is_not_known_as_text(value: Any, read: Any) -> None:
    assert back(value, "OTHER") == read


@pytest.mark.parametrize("text", ['{"Decimal": "1", "x": 2}', '{"price": "1"}', "{}"])
def test_an_object_that_is_no_written_value_is_left_as_it_is(text: str) -> None:
    assert values.loaded(text.encode()) == json.loads(text)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ([Decimal("12.50"), 1, 0.5, None, True, "₹"], '[12.5, 1, 0.5, null, true, "₹"]'),
        ([date(2026, 1, 2), datetime(2026, 1, 2, 3), time(10, 1)], '["2026-01-02", "2026-01-02 03:00:00", "10:01:00"]'),
        ([timedelta(days=2), UUID(int=7)], f'["2 days, 0:00:00", "{UUID(int=7)}"]'),
        ([b"\0a", bytearray(b"b"), memoryview(b"c")], '["0061", "62", "63"]'),
        ([float("nan"), float("inf"), (1.5, -float("inf")), "₹"], '[null, null, [1.5, null], "₹"]'),
        ({"a": {"b": float("nan"), "c": Decimal("1.5")}}, '{"a": {"b": null, "c": 1.5}}'),
        ({(1, 2): 1, "k": 2, b"\1": 3, date(2026, 1, 2): 4}, '{"(1, 2)": 1, "k": 2, "01": 3, "2026-01-02": 4}'),
        ({Decimal("1.10"): 1, Decimal("1.100"): 2, 3: [float("nan")]}, '{"1.10": 2, "3": [null]}'),
        ({date(2026, 1, 2): {Decimal("0.10000000000000000001"): 1}}, '{"2026-01-02": {"0.10000000000000000001": 1}}'),
    ],
)
def test_a_value_is_told_in_json_that_everyone_reads(value: Any, text: str) -> None:
    assert values.json_of(value) == text


def test_the_form_of_json_is_the_callers_also_where_a_value_is_no_number() -> None:
    assert values.json_of([1, 2], separators=(",", ":")) == "[1,2]"
    assert values.json_of([1, float("nan")], separators=(",", ":")) == "[1,null]"


def test_columns_of_one_name_get_names_of_their_own() -> None:
    assert values.distinct(["a", "b", "a", "a", "a_1", "b_1", "b"]) == ["a", "b", "a_1", "a_2", "a_1_1", "b_1", "b_2"]
