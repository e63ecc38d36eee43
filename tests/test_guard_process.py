"""The process that runs SQL from outside: what is asked of it and until when, and what it answers."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import duckdb
import numpy as np
import pytest

import qsim
from qsim.errors import QsimError, UsageError
from qsim.queries import child, guard, locked, sandbox, values
from qsim.queries.guard import LAYERS, Limits
from qsim.storage import integrity
from qsim.storage.places import place_of
from tests.guarded import LIMITS, confined, linux


def program(place: Path, script: str) -> str:
    """Write a program that stands in for the process."""
    place.write_text(f"#!/bin/sh\n{script}\n")
    place.chmod(0o755)
    return str(place)


NO_ANSWER = "sql: the query's process ended without an answer"


@pytest.mark.parametrize(
    ("script", "line"),
    [
        ("exec sleep 60", "sql: the query ran for the 1 s allowed and was ended"),
        ("read line; exit 3", NO_ANSWER + ", having taken all its CPU time or more than the 64 MB"),
        ("exit 3", NO_ANSWER + ", having taken all its CPU time or more than the 64 MB"),
        ("read line; printf '{\"columns\": []'", NO_ANSWER),
        ("exec yes 1234567890123456789012345678901234567890 | tr -d '\\n'", NO_ANSWER),
    ],
    ids=["sleeps", "ends", "never reads", "ends early", "never ends a line"],
)  # fmt: skip
def test_a_process_that_gives_no_line_is_ended_and_told_of(ran: Path, tmp_path: Path, script: str, line: str) -> None:
    begin, limits = monotonic(), Limits(seconds=1, memory_mb=64, bytes=1000)
    with pytest.raises(QsimError) as caught:
        guard.guarded(ran, "SELECT 1", limits, LAYERS, program(tmp_path / "python", script))
    assert str(caught.value).startswith(line) and caught.value.exit_code == 1
    assert monotonic() - begin < 20


def test_a_text_that_is_too_long_or_too_deep_starts_no_process(ran: Path) -> None:
    deep, begun = f"SELECT {'(' * 201}1{')' * 201}", []
    with pytest.raises(UsageError, match="201 deep"):
        guard.guarded(ran, deep, LIMITS, LAYERS, "/nonexistent/python")
    with pytest.raises(FileNotFoundError):
        guard.guarded(ran, deep, LIMITS, LAYERS - {"statement"}, "/nonexistent/python")
    with pytest.raises(UsageError, match="201 deep"):
        guard.guarded_at(place_of(ran), integrity.read_log(place_of(ran)), deep, LIMITS, begun.append)
    assert begun == []


def test_whoever_asks_at_a_commit_is_given_the_process_and_may_end_it(ran: Path) -> None:
    history, begun = integrity.read_log(place_of(ran)), []
    answer = guard.guarded_at(place_of(ran), history, "SELECT count(*) AS n FROM products", LIMITS, begun.append)
    assert (answer.rows, len(begun), begun[0].poll() is not None) == ([{"n": 12}], 1, True)
    with pytest.raises(QsimError, match="ended without an answer"):
        guard.guarded_at(place_of(ran), history, "SELECT 1", LIMITS, lambda process: process.kill())


def test_a_market_in_an_object_store_is_refused_since_there_is_no_network() -> None:
    with pytest.raises(UsageError, match="s3://bucket/m: guarded queries have no network"):
        qsim.guarded_sql("s3://bucket/m", "SELECT 1")


def test_without_any_layer_a_query_reads_what_the_process_layer_alone_denies(ran: Path, tmp_path: Path) -> None:
    (tmp_path / "outside").write_text("outside")
    query = f"SELECT content FROM read_text('{tmp_path}/outside')"
    assert guard.guarded(ran, query, LIMITS, frozenset()).rows == [{"content": "outside"}]
    if sandbox.landlock_version():
        with pytest.raises(QsimError, match="denied"):
            guard.guarded(ran, query, LIMITS, frozenset({"process"}))


@confined
def test_a_process_that_cannot_be_closed_off_answers_no_query(ran: Path) -> None:
    asked = guard.request(place_of(ran), "SELECT 1", LIMITS, LAYERS) | {"files": ["/nonexistent"]}
    with guard.started() as process:
        line = guard.sent(process, asked, LIMITS, monotonic() + 20)
    with pytest.raises(QsimError, match="cannot be closed off"):
        guard.answer_of(line, LIMITS)


def environment_of(pid: int) -> bytes:
    """Give what a process was started with; the kernel shows it only when the program is in place."""
    until = monotonic() + 30
    while not (found := Path(f"/proc/{pid}/environ").read_bytes()):
        assert monotonic() < until, f"process {pid} shows no environment"
        sleep(0.001)
    return found


@linux
def test_the_process_has_an_environment_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SYSTEMROOT", "C:")
    monkeypatch.setenv("QSIM_TOKEN", "a-secret")
    with guard.started() as process:
        found = environment_of(process.pid).decode().rstrip("\0").split("\0")
        process.kill()
    assert {pair.partition("=")[0] for pair in found} == {"PYTHONPATH", *guard.NO_THREADS}


def test_the_cpu_time_is_enough_for_every_thread_until_the_deadline_and_little_more(ran: Path) -> None:
    asked = guard.request(place_of(ran), "SELECT 1", Limits(seconds=30, threads=8), LAYERS)
    assert 30 * 8 < asked["cpu_seconds"] <= 30 * 8 + 5


def test_layers_tell_what_holds_on_this_system(monkeypatch: pytest.MonkeyPatch) -> None:
    if sandbox.landlock_version():
        assert f"; Landlock {sandbox.landlock_version()}" in guard.layers()["process"]
    assert sys.platform == "win32" or "deadline, memory, CPU and file size limits;" in guard.layers()["process"]
    monkeypatch.setattr("sys.platform", "win32")
    assert "deadline; no Landlock here" in guard.layers()["process"]


ALLOWED = {
    "seconds": (0.1, 3600),
    "rows": (1, 10_000_000),
    "bytes": (1, 2_147_483_648),
    "memory_mb": (64, 1_048_576),
    "threads": (1, 64),
}


@pytest.mark.parametrize("name", ALLOWED)
def test_a_limit_may_be_its_least_and_its_most_and_nothing_beyond(name: str) -> None:
    least, most = ALLOWED[name]
    for allowed in (least, most):
        assert getattr(Limits(**{name: allowed}), name) == allowed
    step = 0.01 if name == "seconds" else 1
    for refused in (least - step, most + step, str(least), None, True):
        with pytest.raises(UsageError, match=f"{name}: found"):
            Limits(**{name: refused})


def test_limits_may_be_numpys_and_reach_the_process_as_pythons(ran: Path) -> None:
    given = {"seconds": np.float32(20), "rows": np.int64(1), "memory_mb": np.int32(256), "threads": np.uint8(1)}
    answer = guard.guarded_sql(ran, "SELECT unnest([1, 2]) AS a", bytes=np.int64(1_000), **given)  # type: ignore[arg-type]
    assert answer.rows == [{"a": 1}] and answer.truncated


@pytest.mark.parametrize("name", ["rows", "bytes", "memory_mb", "threads"])
def test_what_is_counted_is_limited_by_a_whole_number(name: str) -> None:
    with pytest.raises(UsageError, match=f"{name}: found 100.5; allowed is a whole number"):
        Limits(**{name: 100.5})  # type: ignore[arg-type]


def test_limits_that_were_allowed_and_what_was_answered_cannot_be_altered() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        Limits().rows = 10**9  # type: ignore[misc]
    with pytest.raises(dataclasses.FrozenInstanceError):
        guard.Answer([], [], [], True).truncated = False  # type: ignore[misc]


def test_an_answer_tells_its_columns_apart_and_a_line_of_it_is_500_characters_at_most() -> None:
    line = b'{"columns": ["a", "a"], "types": ["X", "Y"], "rows": [[1, 2]], "truncated": false}\n'
    assert guard.answer_of(line, LIMITS) == guard.Answer(["a", "a_1"], ["X", "Y"], [{"a": 1, "a_1": 2}], False)
    for kind, fault in (("refused", UsageError), ("failed", QsimError)):
        with pytest.raises(fault) as caught:
            guard.answer_of(json.dumps({kind: "x" * 1000}).encode() + b"\n", LIMITS)
        assert str(caught.value) == "x" * 500 and type(caught.value) is fault


def settings(connection: duckdb.DuckDBPyConnection) -> dict[str, str]:
    return dict(connection.execute("SELECT name, value FROM duckdb_settings()").fetchall())


def test_a_locked_connection_has_every_setting_that_closes_it() -> None:
    with duckdb.connect() as connection:
        known = set(settings(connection))
        locked.lock(connection, 100, 2.5)
        found = settings(connection)
    wanted = {name: value.strip("'") for name, value in locked.SETTINGS.items() if name in known}
    assert {name: value for name, value in wanted.items() if found[name] not in (value, "0 bytes")} == {}
    assert set(found) >= locked.NEEDED and found["memory_limit"] == "95.3 MiB"
    assert found.get("max_execution_time", "2500") == "2500"


def test_a_setting_that_duckdb_does_not_know_is_left_out_unless_it_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(locked.SETTINGS, "a_door_of_tomorrow", "false")
    with duckdb.connect() as connection:
        locked.lock(connection, 100, 2)
    monkeypatch.setattr(locked, "NEEDED", locked.NEEDED | {"a_door_of_tomorrow"})
    with duckdb.connect() as connection, pytest.raises(duckdb.Error, match="a_door_of_tomorrow"):
        locked.lock(connection, 100, 2)


def test_a_process_that_has_answered_ends_well(ran: Path) -> None:
    asked = guard.request(place_of(ran), "SELECT count(*) AS n FROM products", LIMITS, LAYERS)
    with guard.started() as process:
        line, _ = process.communicate(json.dumps(asked).encode() + b"\n", timeout=60)
    assert (process.returncode, guard.answer_of(line, LIMITS).rows) == (0, [{"n": 12}])


def test_the_process_imports_no_pandas_that_is_installed_beside_it(
    ran: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "pandas.py").write_text(f"open({str(tmp_path / 'imported')!r}, 'w'); raise ImportError")
    monkeypatch.syspath_prepend(str(tmp_path))
    query = "SELECT count(*) AS n FROM prices WHERE price > 0"
    assert guard.guarded(ran, query, LIMITS, LAYERS - {"process"}).rows == [{"n": 60}]
    assert not (tmp_path / "imported").exists()


@pytest.fixture(scope="module")
def plain() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        yield connection


# A row of one figure is `[1]`, and what divides it from the next.
@pytest.mark.parametrize(
    ("rows", "size", "given", "truncated"),
    [
        (3, 24, 3, False),
        (2, 24, 2, True),
        (3, 23, 2, True),
        (3, 16, 2, True),
        (9, 15, 1, True),
        (9, 7, 0, True),
        (9, 99, 3, False),
    ],
)
def test_so_many_rows_are_given_as_rows_and_bytes_allow(
    plain: duckdb.DuckDBPyConnection, rows: int, size: int, given: int, truncated: bool
) -> None:
    answer = child.ran(plain, "SELECT * FROM range(3) AS t(n)", rows, size)
    assert answer == {
        "columns": ["n"],
        "types": ["BIGINT"],
        "rows": ["[0]", "[1]", "[2]"][:given],
        "truncated": truncated,
    }


def test_names_of_columns_count_for_every_row_since_each_is_told_by_them(plain: duckdb.DuckDBPyConnection) -> None:
    answer = child.ran(plain, f"SELECT 1 AS {'n' * 1000} FROM range(1000)", 1000, 100_000)
    assert answer["truncated"] and len(answer["rows"]) == 100_000 // len(json.dumps({"n" * 1000: 1}))


def test_no_more_than_a_row_of_an_answer_is_read_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """To read a text lets no other thread run until it is read."""
    line = child.written({"columns": ["a"], "types": ["a"], "truncated": False, "rows": ['["\\t"]', "[2]"]})
    read = []

    def loaded(text: bytes) -> Any:
        read.append(text)
        return json.loads(text)

    monkeypatch.setattr(values, "loaded", loaded)
    assert guard.answer_of(line, LIMITS).rows == [{"a": "\t"}, {"a": 2}]
    assert read[1:] == [b'["\\t"]', b"[2]"] and line.count(b"\n") == 1


def test_a_statement_that_gives_no_rows_is_answered_with_none_and_whole(plain: duckdb.DuckDBPyConnection) -> None:
    assert child.ran(plain, "", 9, 9) == {"columns": [], "types": [], "rows": [], "truncated": False}


def test_what_went_wrong_is_told_in_300_characters_without_the_place_of_the_market(
    plain: duckdb.DuckDBPyConnection,
) -> None:
    request = {
        "layers": [],
        "market": "/a/market",
        "query": f"SELECT error('in /a/market {'x' * 900}')",
        "rows": 9,
        "bytes": 9,
    }
    told = child.answered(plain, request, laid=True)["failed"]
    assert "the market" in told and "/a/" not in told
    assert len(told.removeprefix("sql: ").removesuffix("; mend the query")) == 300


@pytest.mark.parametrize("as_path", [str, Path])
def test_a_market_in_the_place_of_the_query_is_told_in_one_line(ran: Path, as_path: Any) -> None:
    with pytest.raises(
        UsageError, match=r"^guarded_sql: found .*, a folder, for the query; allowed is guarded_sql\(directory, query\)"
    ):
        qsim.guarded_sql("SELECT 1", as_path(ran))
