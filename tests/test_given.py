"""Calls from Python with things of another kind: each is refused in one line that names it, and nothing is written."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import polars as pl
import pytest

import qsim
from qsim.errors import UsageError, nearest

LIST = pl.DataFrame({"product": ["Onion"], "category": ["Vegetables"], "mrp": [50.0], "price": [38.0]})
OVER_A_MARKET = (
    "ask",
    "compact",
    "connect",
    "health",
    "metrics",
    "report",
    "run",
    "status",
    "vacuum",
    "validate",
    "verify",
)


def refusal(call: Callable[..., Any], *args: Any, **options: Any) -> str:
    with pytest.raises(UsageError) as caught:
        call(*args, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def of_kind(kind: str) -> dict[str, Any]:
    return {"number": 5, "zero": 0, "list": ["a"], "bytes": b"m", "nul": "a\0b"}[kind]


@pytest.mark.parametrize("kind", ["number", "zero", "list", "bytes", "nul"])
def test_a_directory_that_is_no_path_is_refused_and_none_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.chdir(tmp_path)
    assert refusal(qsim.generate, of_kind(kind), products=5).startswith("directory: found ")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("verb", OVER_A_MARKET)
def test_every_verb_refuses_a_directory_that_is_no_path(verb: str) -> None:
    given: dict[str, Any] = {"directory": 5}
    words = ["deals"] if verb == "ask" else []
    assert "directory: found 5; allowed is a path" in refusal(getattr(qsim, verb), *words, **given)


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ({"catalog": LIST}, "catalog: found a DataFrame; allowed is the path of a file"),
        ({"catalog": LIST.lazy()}, "write it, with write_parquet or to_parquet, and name the file"),
        ({"catalog": LIST.to_arrow()}, "catalog: found a Table"), ({"catalog": LIST.to_dicts()}, "catalog: found [{"),
        ({"catalog": "a\0b"}, "catalog: found 'a\\x00b'; allowed is the path of a file"),
        ({"catalog": "c.csv", "groups": 5}, "groups: found 5"), ({"calendar": 5}, "calendar: found 5"),
        ({"catalog": "c.csv", "columns": 5}, "columns: found 5; allowed is a table of columns"),
        ({"columns": []}, "columns: found []"),
        ({"columns": np.array([1, 2])}, "columns: found a ndarray"), ({"preset": np.array([1, 2])}, "preset: found a ndarray"),
        ({"preset": []}, "preset: found []; allowed is text"), ({"catalog": "a\0b"}, "catalog: found 'a\\x00b'"),
        ({"catalog": "c.csv", "strict": "no"}, "strict: found 'no'; allowed is True or False"),
        ({"config": 5}, "config: found 5; allowed is a table of parameters, or the path"), ({"warn": 5}, "warn: found 5"),
        ({"product": 5}, "product: unknown key; nearest is 'products'"),
        ({"pass_through": 1}, "pass_through: unknown key; it stands in a table: cost.pass_through; mend"),
        ({"qqqq": 1}, "known are assortment, batch_size, calendar, catalog, category_volatility,"),
        ({"ticks": 3}, "ticks: found an argument of run"), ({"config": {"columns": {}}}, "allowed is qsim generate --map"),
        ({"map": {"Name": "product"}}, "map: is an option of the command line; in Python it is columns"),
    ],
)  # fmt: skip
def test_a_market_is_not_made_of_things_of_another_kind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: dict[str, Any], found: str
) -> None:
    monkeypatch.chdir(tmp_path)
    assert found in refusal(qsim.generate, "m", **given)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ({"tick": 5}, "tick: unknown key; nearest is 'ticks'"),
        ({"config": {"ticks": 3}}, "ticks: found an argument of run, which is no parameter; allowed is qsim run --ticks"),
        ({"config": {"monitoring": False}}, "allowed is qsim run --no-monitoring, in Python qsim.run(monitoring=...); give it there"),
        ({"config": {"interval": 5}}, "interval: unknown key; nearest is 'update_interval_seconds'; mend"),
        ({"config": {"surge_fee": 5}}, "surge_fee: unknown key; nearest is 'surge_fees'; mend"),
        ({"config": {"price": 5}}, "nearest are 'max_price_change_percent', 'price_points'; mend"),
        ({"strict": True}, "strict: found an argument of generate"),
        ({"progress": 5}, "progress: found 5; allowed is a function"),
        ({"interval": 5}, "interval: is an option of the command line; in Python it is update_interval_seconds"),
        ({"stdout": True}, "in Python it is on_events"), ({"sample": 3}, "on_events"), ({"set": "a=1"}, "parameter by its name"),
        ({"export_report": "r.md"}, "in Python it is qsim.report(directory, out=FILE)"), ({"on_events": 5}, "on_events: found 5"),
        ({"monitoring": "no"}, "monitoring: found 'no'; allowed is True or False"), ({"realtime": "x"}, "realtime: found 'x'"),
        ({"config": ["a"]}, "config: found ['a']"), ({"on_events": []}, "on_events: found []; allowed is a function"),
        ({"stop": True}, "stop: found True; allowed is an event"), ({"stop": ""}, "stop: found ''"),
        ({"cost": 5}, "cost: found 5; input should be a valid dictionary; mend"),
    ],
)  # fmt: skip
def test_a_run_refuses_things_of_another_kind_and_writes_nothing(ran: Path, given: dict[str, Any], found: str) -> None:
    before = qsim.status(ran)
    assert found in refusal(qsim.run, ran, **{"ticks": 1, **given})
    assert qsim.status(ran) == before


def test_a_config_is_a_table_or_the_path_of_a_file(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text("products = 6\nbatch_size = 2\n")
    given = ({"products": 6, "batch_size": 2}, file, str(file))
    made = [qsim.generate(tmp_path / f"m{at}", config=config) for at, config in enumerate(given)]
    assert len({one["digest"] for one in made}) == 1
    ran = [qsim.run(tmp_path / f"m{at}", ticks=1, config=config) for at, config in enumerate((file, str(file)))]
    assert ran[0]["digest"] == ran[1]["digest"]


def test_flags_may_be_numpys(tmp_path: Path) -> None:
    assert qsim.generate(tmp_path / "m", products=5, strict=np.False_)["products"] == 5
    assert qsim.run(tmp_path / "m", ticks=1, monitoring=np.True_, realtime=np.False_)["tick"] == 1


@pytest.mark.parametrize(
    ("question", "words", "given", "found"),
    [
        ("basket", (), {"platforms": 5}, "platforms: found 5; allowed is a list of platforms"),
        ("basket", (), {"platforms": [5]}, "platform: found 5; allowed is the id or name of one"),
        ("cheapest", (None,), {}, "product_name: found None; allowed is text"),
        ("compare", ("fruits", None, None), {}, "platform_a: found None; allowed is text"), (["deals"], (), {}, "ask: '['deals']'"),
    ],
)  # fmt: skip
def test_a_question_refuses_what_is_no_text(
    ran: Path, question: Any, words: tuple[Any, ...], given: dict[str, Any], found: str
) -> None:
    assert found in refusal(qsim.ask, question, *words, directory=ran, **given)


def test_a_question_takes_platforms_of_any_series(ran: Path) -> None:
    wanted = qsim.ask("basket", platforms=["zepto"], directory=ran)
    for platforms in ("zepto", ("zepto",), np.array(["zepto"]), pl.Series(["zepto"]), iter(["zepto"])):
        assert qsim.ask("basket", platforms=platforms, directory=ran) == wanted


@pytest.mark.parametrize(
    ("verb", "given", "found"),
    [
        ("metrics", {"by": ["store"]}, "by: found ['store']; allowed is platform, category or both"),
        ("metrics", {"by": 5}, "by: found 5"), ("report", {"out": 5}, "out: found 5; allowed is the path of a file"),
        ("verify", {"regenerate": 5}, "regenerate: found '5'; allowed are all"),
        ("verify", {"regenerate": (1, 5)}, "regenerate: found '(1, 5)'"),
        ("guarded_sql", {"query": 5}, "sql: found a query that is no text"),
        ("serve", {"port": "x"}, "port: found 'x'; allowed is a whole number"), ("serve", {"port": 99_999}, "allowed are 0 to 65,535"),
        ("report", {"out": "a\0.md"}, "out: found 'a\\x00.md'; allowed is the path of a file"),
        ("serve", {"host": 5}, "host: found 5; allowed is text"), ("serve", {"streams": 0}, "streams: found 0"),
        ("serve", {"live": "no"}, "live: found 'no'; allowed is True or False"), ("serve", {"stop": 5}, "stop: found 5"),
        ("serve", {"listening": None}, "listening: found None; allowed is a function"),
    ],
)  # fmt: skip
def test_what_reads_a_market_refuses_things_of_another_kind(
    ran: Path, verb: str, given: dict[str, Any], found: str
) -> None:
    assert found in refusal(getattr(qsim, verb), ran, **given)


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ({"file": 5}, "file: found 5"), ({"file": LIST}, "file: found a DataFrame"), ({"out": 5}, "out: found 5"),
        ({"goods": 5}, "goods: found 5"), ({"catalog": 5}, "catalog: found 5"), ({"seed": "x"}, "seed: found 'x'"),
        ({"columns": 5}, "columns: found 5"), ({"base": "clasic"}, "preset: found 'clasic'; nearest is 'classic'"),
        ({"carry": "yes"}, "carry: found 'yes'"), ({"file": None}, "file: found None"), ({"columns": []}, "columns: found []"),
        ({"base": np.array([1, 2])}, "base: found a ndarray"), ({"out": ""}, "out: found '', a folder; allowed is a file"),
        ({"out": "./nowhere.csv"}, "out: found './nowhere.csv', which is file too; allowed is a file of its own"),
        ({"out": "a.toml", "goods": "a.toml"}, "out: found 'a.toml', which is goods too"), ({"goods": "a\0b"}, "goods: found"),
        ({"catalog": "c.csv", "goods": "c.csv"}, "goods: found 'c.csv', which is catalog too"),
    ],
)  # fmt: skip
def test_a_fit_refuses_things_of_another_kind_before_it_reads(given: dict[str, Any], found: str) -> None:
    assert found in refusal(qsim.fit, **{"file": "nowhere.csv", **given})


def test_what_an_error_quotes_leaves_it_one_line() -> None:
    assert str(UsageError("config: found 'a\nb\ud800'; mend it")) == r"config: found 'a b\ud800'; mend it"
    assert str(UsageError("a  b: holds no market")) == "a  b: holds no market"


def test_a_refresh_refuses_what_is_no_open_connection(ran: Path) -> None:
    closed = qsim.connect(ran)
    closed.close()
    assert "connection: found 5" in refusal(qsim.refresh, 5)
    assert "the connection is closed" in refusal(qsim.refresh, closed)
    assert "not over a market" in refusal(qsim.refresh, duckdb.connect())


def test_a_report_is_written_where_it_is_told_to_be(ran: Path, tmp_path: Path) -> None:
    found = qsim.report(ran, out=tmp_path / "r.md")
    assert found["status"]["tick"] == 10
    assert (tmp_path / "r.md").read_text("utf-8").startswith("# ")


def test_without_what_serving_needs_all_names_are_there_and_serve_says_what_is_missing() -> None:
    code = (
        "import sys; sys.modules['uvicorn'] = None\n"
        "from qsim import *\n"
        "try: serve('m')\n"
        "except QsimError as fault: print(fault)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == (
        "serve: uvicorn is not installed; serving needs it; run: pip install 'quickcommerce-sim[serve]'\n"
    )


def test_an_unknown_word_among_many_is_told_how_many_are_not_named() -> None:
    assert nearest("zzz", [f"a{at}" for at in range(33)]).endswith(" and 3 more")
    assert nearest("zzz", ["b", "a"]) == "; known are a, b"


def test_no_word_is_suggested_that_is_unlike_what_was_given() -> None:
    assert nearest("ticks", ["shocks", "seed"]) == "; known are seed, shocks"
    assert nearest("shoks", ["shocks", "seed"]) == "; nearest is 'shocks'"


@pytest.mark.parametrize("found", [0, -1, "2", True, 1.5])
def test_a_number_of_workers_is_refused_in_the_same_words_whichever_way_it_comes(market: Path, found: object) -> None:
    told = f"max_workers: found {found!r}; allowed is a whole number from 1 up; mend it: it changes speed only"
    assert refusal(qsim.run, market, max_workers=found) == told
    assert refusal(qsim.run, market, config={"max_workers": found}) == told
