"""SQL from outside: no statement writes or reads outside, with any one layer alone; good queries give what they give anyway."""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path
from typing import Any

import duckdb
import pytest

import qsim
from qsim.errors import QsimError, UsageError
from qsim.queries import guard, sandbox, statement
from qsim.queries.guard import LAYERS, Limits
from tests.attacking import TOKEN, Place, Watch, answers, lines, place_around
from tests.attacks import ATTACKS, BOMBS
from tests.commands import Shell
from tests.guarded import GOOD, LIMITS, VIEWS, confined
from tests.random_attacks import made_at_random

SETS = {
    "statement": frozenset({"statement"}),
    "locked": frozenset({"locked"}),
    "process": frozenset({"process"}),
    "not statement": LAYERS - {"statement"},
    "not locked": LAYERS - {"locked"},
    "not process": LAYERS - {"process"},
}


@pytest.fixture(scope="module")
def place(ran: Path, tmp_path_factory: pytest.TempPathFactory) -> Place:
    here = tmp_path_factory.mktemp("guard")
    return place_around(Path(shutil.copytree(ran, here / "m")), here / "out")


def put(place: Place, attacks: list[str], on: frozenset[str]) -> tuple[list[object], list[dict[str, Any] | None]]:
    """Put queries behind some layers; give what got through, which is to be empty, and their answers."""
    before, texts = place.state(), [place.text(attack) for attack in attacks]
    with Watch(place) as watch:
        told = list(answers(place, texts, on, LIMITS))
    assert len(told) == len(texts)
    found: list[object] = [pair for pair in zip(texts, told, strict=True) if TOKEN in json.dumps(pair[1])]
    found += [("touched", watch.events)] if watch.seen else []
    return found + ([("changed",)] if place.state() != before else []), told


def refusal(place: Path, query: str, **limits: Any) -> str:
    with pytest.raises(UsageError) as caught:
        qsim.guarded_sql(place, query, **limits)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 400
    return str(caught.value)


def test_without_a_layer_the_attacks_do_get_through(place: Place, tmp_path: Path) -> None:
    bare = place_around(Path(shutil.copytree(place.market, tmp_path / "m")), tmp_path / "out")
    some = [
        "SELECT * FROM read_text('{secret}')",
        "COPY (SELECT 1 AS x) TO '{listed}' (FORMAT parquet, USE_TMP_FILE false)",
    ]
    found, _ = put(bare, some, frozenset())
    assert [len(one) for one in found] == [2, 2, 1]


def test_a_pivot_without_its_values_is_refused_by_its_name_with_the_form_that_is_taken(place: Place) -> None:
    assert refusal(place.market, "PIVOT prices ON platform USING avg(price)").startswith(
        "sql: found PIVOT without its values (ON platform IN ('zepto', 'blinkit')); allowed is one SELECT"
    )


@pytest.mark.parametrize("ts", ["'yesterday'", "5"])
def test_a_query_that_fails_as_it_runs_is_told_without_what_was_put_around_it(ran: Path, ts: str) -> None:
    with pytest.raises(QsimError, match=r"^sql: Conversion Error: .*; mend the query$") as caught:
        qsim.guarded_sql(ran, f"SELECT * FROM prices_at({ts})")
    assert "relation" not in str(caught.value) and "LINE" not in str(caught.value)


def test_the_statement_check_alone_refuses_every_attack(place: Place) -> None:
    found, told = put(place, ATTACKS, SETS["statement"])
    assert found == [] and len(told) >= 60
    # A text that does not parse fails, all others are refused.
    parsed = [(text, one) for text, one in zip(ATTACKS, told, strict=True) if "Parser Error" not in str(one)]
    assert [pair for pair in parsed if list(pair[1] or ()) != ["refused"]] == []


@pytest.mark.parametrize("on", ["locked", pytest.param("process", marks=confined)])
def test_each_other_layer_alone_lets_no_attack_write_or_read_outside(place: Place, on: str) -> None:
    found, told = put(place, ATTACKS, SETS[on])
    assert found == []
    if on == "locked":
        # Of the place of the market it tells nothing but what the query itself named.
        named = [
            one for text, one in zip(ATTACKS, told, strict=True) if "{" not in text and str(place.market) in str(one)
        ]
        assert named == []


@pytest.mark.nightly
@pytest.mark.parametrize("off", [name for name in SETS if name.startswith("not")])
def test_with_any_layer_off_no_attack_writes_or_reads_outside(place: Place, off: str) -> None:
    assert put(place, ATTACKS, SETS[off])[0] == []


@pytest.mark.parametrize(
    "attack", ["SELECT * FROM read_text('{secret}')", "COPY prices TO '{listed}'", "SELECT 1; SELECT 2"]
)
def test_an_attack_on_the_guard_as_users_call_it_is_refused_in_one_line(place: Place, attack: str) -> None:
    before = place.state()
    refusal(place.market, place.text(attack))
    assert place.state() == before


def test_good_queries_give_what_the_ordinary_connection_gives(place: Place) -> None:
    queries = [*GOOD, *(f"SELECT * FROM {view} ORDER BY ALL" for view in VIEWS.split())]
    wrong = []
    with qsim.connect(place.market) as plain:
        base = guard.request(place.market, "", LIMITS, LAYERS)
        for query, line in zip(queries, lines(base, queries), strict=True):
            relation = plain.sql(query)
            expected = [dict(zip(relation.columns, row, strict=True)) for row in relation.fetchall()]
            answer = guard.answer_of(line or b"", LIMITS)
            if (answer.rows, answer.columns, answer.types) != (expected, relation.columns, [*map(str, relation.types)]):
                wrong.append((query, answer.rows[:1], expected[:1]))
    assert wrong == []


def test_huge_and_deep_texts_are_refused_before_they_are_parsed(place: Place) -> None:
    assert "characters" in refusal(place.market, f"SELECT '{'x' * 10_000_000}'")
    assert "characters" in refusal(place.market, "SELECT " + " OR ".join(["a = 1"] * 50_000))
    assert "deep" in refusal(place.market, f"SELECT {'(' * 5000}1{')' * 5000}")
    assert "NUL" in refusal(place.market, "SELECT 1\0")
    assert "half of a letter" in refusal(place.market, "SELECT '\ud800'")


def test_texts_as_long_and_as_deep_as_is_allowed_are_not_refused_and_one_more_is() -> None:
    for text in ("{[(" * 66 + "((" + "1", "SELECT '{}'".format("x" * 99_991), "()" * 50_000):
        statement.bound(text)
        with pytest.raises(UsageError):
            statement.bound(f"({text}" if "(" in text[:1000] else f"{text} ")


def test_a_query_may_take_30_seconds_100000_rows_64_mb_and_two_threads() -> None:
    assert Limits() == Limits(seconds=30.0, rows=100_000, bytes=67_108_864, memory_mb=512, threads=2)


def test_maps_and_structs_have_their_keys_as_a_plain_connection_gives_them(place: Place) -> None:
    query = "SELECT MAP {DATE '2026-01-01': [{'a': 1.50}]} AS m, {'b': MAP {1: INTERVAL 2 DAY}} AS s"
    with qsim.connect(place.market) as plain:
        assert qsim.guarded_sql(place.market, query).rows == [
            dict(zip("ms", plain.sql(query).fetchall()[0], strict=True))
        ]


@pytest.mark.parametrize(
    "text",
    ["{}true".format("NOT " * 20_000), "1{}".format("+1" * 40_000), "{}1".format("- " * 40_000), "a{}".format(".b" * 40_000),
     "1{}".format("::INT" * 15_000), "1{}".format(" OR a" * 15_000), "1{}".format(" UNION SELECT 1" * 6000)],
    ids=["not", "plus", "minus", "dots", "casts", "or", "union"],
)  # fmt: skip
def test_long_chains_are_told_in_one_line_by_a_process_that_lives_on(text: str) -> None:
    with duckdb.connect() as connection:
        try:
            statement.check(connection, f"SELECT {text}", statement.known_of([]))
        except (UsageError, duckdb.Error) as fault:
            assert len(str(fault)) < 1000
        assert connection.execute("SELECT 1").fetchall() == [(1,)]


def ended(place: Place, bomb: str, seconds: float) -> tuple[float, str]:
    """Run a bomb with a deadline; give how long it took, and the line that told of it."""
    begin = time.monotonic()
    try:
        answer = guard.guarded(place.market, bomb.format(), Limits(seconds=seconds, memory_mb=256), LAYERS)
        line = f"{len(answer.rows)} rows"
    except QsimError as fault:
        line = str(fault)
        assert fault.exit_code == 1
    assert "\n" not in line
    return time.monotonic() - begin, line


@pytest.mark.parametrize("bomb", BOMBS[:3])
def test_a_bomb_ends_within_a_second_of_its_deadline(place: Place, bomb: str) -> None:
    assert ended(place, bomb, 2)[0] < 3


@pytest.mark.nightly
@pytest.mark.parametrize("bomb", BOMBS)
def test_every_bomb_ends_within_a_second_of_its_deadline(place: Place, bomb: str) -> None:
    taken, line = ended(place, bomb, 4)
    print(f"{taken:.2f} s  {bomb[:70]}  {line[:90]}")
    assert taken < 5


def test_an_answer_is_cut_at_its_rows_and_bytes_and_says_so(place: Place) -> None:
    cut = qsim.guarded_sql(place.market, "SELECT * FROM range(2000000000)", rows=10)
    assert (len(cut.rows), cut.truncated) == (10, True)
    narrow = qsim.guarded_sql(place.market, "SELECT repeat('a', 100) AS x FROM range(50)", bytes=1000)
    assert (len(narrow.rows), narrow.truncated) == (9, True)
    whole = qsim.guarded_sql(place.market, "SELECT * FROM range(10)", rows=10)
    assert (len(whole.rows), whole.truncated) == (10, False)


@pytest.mark.parametrize(
    "line",
    [b"", b"{", b"[]\n", b'"x"\n', b"{}\n", b'{"columns": [1], "types": [], "rows": [[1, 2]], "truncated": false}\n',
     b'{"columns": ["a"], "types": ["a"], "rows": [[{"Decimal": "x"}]], "truncated": false}\n',
     b'{"columns": ["a"], "types": ["a"], "rows": [[{"timedelta": [1e300]}]], "truncated": false}\n', b"[" * 100_000 + b"\n"],
)  # fmt: skip
def test_an_answer_that_is_none_is_an_error_in_one_line(line: bytes) -> None:
    with pytest.raises(QsimError, match="no readable answer"):
        guard.answer_of(line, LIMITS)


def test_a_forged_answer_has_no_more_rows_than_allowed_and_its_line_is_one() -> None:
    forged = b'{"columns": ["a"], "types": ["a"], "rows": [[1], [2], [3]], "truncated": 0}\n'
    answer = guard.answer_of(forged, Limits(rows=2))
    assert (len(answer.rows), answer.truncated) == (2, True)
    with pytest.raises(QsimError, match=r"^a b$"):
        guard.answer_of(b'{"failed": "a\\nb"}\n', LIMITS)


def test_a_faulty_file_is_told_without_the_place_of_the_market(place: Place, tmp_path: Path) -> None:
    market = Path(shutil.copytree(place.market, tmp_path / "m"))
    for file in (market / "events").iterdir():
        file.write_bytes(b"PAR1 this is no file PAR1")
    for on in (LAYERS, SETS["process"]):
        with pytest.raises(QsimError) as caught:
            guard.guarded(market, "SELECT count(*), sum(price_after) FROM price_history", LIMITS, on)
        assert str(tmp_path) not in str(caught.value) and "\n" not in str(caught.value) and caught.value.exit_code == 5


@confined
def test_a_process_with_threads_is_not_closed_off_and_says_so() -> None:
    with duckdb.connect(config={"threads": 4}), pytest.raises(OSError, match="other threads"):
        sandbox.confine([])


@pytest.mark.parametrize(
    "limits", [{"seconds": 0}, {"seconds": float("nan")}, {"rows": 0}, {"memory_mb": 1}, {"threads": 1000}]
)
def test_a_limit_that_is_none_is_refused(place: Place, limits: dict[str, Any]) -> None:
    assert next(iter(limits)) in refusal(place.market, "SELECT 1", **limits)


def test_layers_tell_whether_there_is_landlock(monkeypatch: pytest.MonkeyPatch) -> None:
    assert set(guard.layers()) == LAYERS
    monkeypatch.setattr("sys.platform", "darwin")
    assert "no Landlock here" in guard.layers()["process"]


def test_sql_with_guarded_gives_the_same_rows_and_refuses_files(shell: Shell, ran: Path) -> None:
    query = "SELECT listing_id, price, updated_at FROM prices ORDER BY ALL LIMIT 3"
    assert shell("sql", ran, query, "--json", "--guarded") == shell("sql", ran, query, "--json")
    assert "read_text" in shell.refused(2, "sql", ran, "SELECT * FROM read_text('/etc/passwd')", "--guarded")
    assert "pricez" in shell.refused(1, "sql", ran, "SELECT pricez FROM prices", "--guarded")


STATEMENTS, SEED = 10_000, 20_261_125


@pytest.mark.nightly
@pytest.mark.parametrize("on", [name for name in SETS if name.startswith("not")])
def test_statements_at_random_do_not_escape(place: Place, on: str) -> None:
    attacks = made_at_random(SEED, STATEMENTS)
    for start in range(0, STATEMENTS, 1000):
        found, told = put(place, attacks[start : start + 1000], SETS[on])
        kinds = [next(iter(one)) if one else "died" for one in told]
        print(f"{on}: {start + 1000:,} statements, { ({kind: kinds.count(kind) for kind in sorted(set(kinds))}) }")
        assert found == [], f"replay: made_at_random({SEED}, {STATEMENTS})[{start}:{start + 1000}] behind {SETS[on]}"
