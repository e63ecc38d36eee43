"""Calls from Python: numbers of numpy are taken where Python's are; what cannot be taken is refused in one line, nothing written."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

import qsim
from qsim import params
from qsim.errors import ConflictError, UsageError
from qsim.monitoring import feed
from qsim.monitoring.metrics import metrics
from qsim.runs import epochs
from qsim.storage import log
from qsim.storage.lock import writer_lock


def refusal(call: Any, *args: Any, **options: Any) -> str:
    with pytest.raises(UsageError) as caught:
        call(*args, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("given", "tick"),
    [
        ({"ticks": np.int64(3)}, 13), ({"until": np.int32(14)}, 14), ({"duration": np.float64(0.5)}, 16),
        ({"duration": np.int64(1)}, 22), ({"ticks": np.array(2)}, 12), ({"ticks": 1, "max_workers": np.uint8(1)}, 11),
        ({"ticks": 1, "config": {"max_workers": np.int64(1), "batch_size": np.int16(4)}}, 11),
        ({"ticks": 1, "speed": np.float32(1e6), "flush": np.int64(1)}, 11),
        ({"ticks": 1, "surge_probability": np.float64(0.5)}, 11),
    ],
)  # fmt: skip
def test_a_run_takes_numpys_numbers(market: Path, given: dict[str, Any], tick: int) -> None:
    assert qsim.run(market, **given)["tick"] == tick


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ({"ticks": "5"}, "ticks: found '5'; allowed is a whole number"), ({"ticks": 5.0}, "ticks: found 5.0"),
        ({"ticks": True}, "ticks: found True"), ({"ticks": np.True_}, "ticks: found True"),
        ({"ticks": np.array([2, 3])}, "ticks: found [2, 3]"), ({"until": "9"}, "until: found '9'"),
        ({"duration": "10"}, "duration: found '10'; allowed is a number"), ({"duration": True}, "duration: found True"),
        ({"max_workers": "2"}, "max_workers: found '2'"), ({"ticks": 1, "speed": "fast"}, "speed: found 'fast'"),
        ({"ticks": 1, "realtime": True, "flush": "5"}, "flush: found '5'"), ({"scheduler": 5}, "scheduler: found 5"),
    ],
)  # fmt: skip
def test_a_run_refuses_what_is_no_number_and_writes_nothing(market: Path, given: dict[str, Any], found: str) -> None:
    before = qsim.status(market)
    assert refusal(qsim.run, market, **given).startswith(found)
    assert qsim.status(market) == before


def test_a_market_of_numpys_numbers_is_that_of_pythons(tmp_path: Path) -> None:
    ours = {"products": 12, "seed": 7, "discount_probability": 0.25, "category_volatility": {"fruits": 1.0}}
    theirs = {
        "products": np.int64(12), "seed": np.uint32(7), "discount_probability": np.float32(0.25),
        "category_volatility": {"fruits": np.float64(1)},
    }  # fmt: skip
    made = [qsim.generate(tmp_path / name, **given) for name, given in (("ours", ours), ("theirs", theirs))]
    assert made[0]["digest"] == made[1]["digest"]


@pytest.mark.parametrize(
    "start", [date(2026, 3, 1), datetime(2026, 3, 1), np.datetime64("2026-03-01"), "2026-03-01"], ids=repr
)
def test_a_start_is_a_date_of_any_kind(start: object) -> None:
    assert params.resolve("classic", {"start": start}).start == "2026-03-01"


@pytest.mark.parametrize("start", [datetime(2026, 3, 1, 9), 20260301, None], ids=repr)
def test_a_start_that_is_no_date_is_refused_with_one_that_is(start: object) -> None:
    assert "allowed is a date such as 2026-01-01" in refusal(params.resolve, "classic", {"start": start})


def test_questions_take_numpys_numbers(ran: Path) -> None:
    theirs = qsim.ask("deals", min_discount=np.int64(10), limit=np.int64(3), directory=ran)
    assert theirs == qsim.ask("deals", min_discount=10, limit=3, directory=ran)
    bought = qsim.ask("basket", items=[(np.int64(2), "tea")], budget=np.int64(900), directory=ran)
    assert bought == qsim.ask("basket", items=[(2, "tea")], budget=900, directory=ran)
    assert bought == qsim.ask("basket", items=[(2, "tea")], budget=Decimal("900.00"), directory=ran)


@pytest.mark.parametrize(
    ("question", "given", "found"),
    [
        ("basket", {"items": ["tea"]}, "items: found 'tea'; allowed is (quantity, name)"),
        ("basket", {"items": "tea"}, "items: found 'tea'; allowed is a list"),
        ("basket", {"items": 5}, "items: found 5"), ("basket", {"items": [(1, None)]}, "items: found (1, None)"),
        ("basket", {"items": [("tea", 2)]}, "items: found ('tea', 2)"), ("basket", {"budget": "500"}, "found '500'"),
        ("basket", {"budget": Decimal("sNaN")}, "budget: found Decimal('sNaN')"),
        ("deals", {"limit": "3"}, "limit: found '3'"), ("deals", {"limit": 2.5}, "limit: found 2.5"),
        ("deals", {"min_discount": "30"}, "min_discount: found '30'"), ("deals", {"category": 4}, "category: found 4"),
        ("cheapest", {"product_name": 5}, "product_name: found 5"), (5, {}, "ask: '5'"),
    ],
)  # fmt: skip
def test_a_question_refuses_what_is_of_another_kind(ran: Path, question: Any, given: Any, found: str) -> None:
    assert found in refusal(qsim.ask, question, directory=ran, **given)


def test_what_is_read_of_a_market_takes_numpys_counts_and_refuses_texts(ran: Path) -> None:
    assert metrics(ran, last=np.int64(5)) == metrics(ran, last=5)
    assert feed.recent(ran, np.int64(3)) == feed.recent(ran, 3)
    for call in (lambda: metrics(ran, last="5"), lambda: feed.recent(ran, "3")):  # type: ignore[arg-type]
        assert "allowed is a whole number" in refusal(call)
    assert "allowed is a number" in refusal(qsim.vacuum, ran, grace_seconds="5")


def test_the_package_lists_its_verbs_and_version_and_loads_none_of_them() -> None:
    code = (
        "import qsim, sys; found = {*dir(qsim)}; print(qsim.__version__, {*qsim.__all__, '__version__'} <= found,"
        " [name for name in ('numpy', 'polars', 'duckdb', 'pydantic') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == f"{version('quickcommerce-sim')} True []\n"


def test_the_version_of_a_qsim_that_is_not_installed_is_unknown(tmp_path: Path) -> None:
    (tmp_path / "qsim").symlink_to(Path(qsim.__file__).parent)
    code = "import qsim; print(qsim.__version__)"
    # Without the packages that are installed.
    done = subprocess.run([sys.executable, "-S", "-c", code], capture_output=True, text=True, cwd=tmp_path, check=True)
    assert done.stdout == "unknown\n"


@pytest.mark.parametrize("verb", qsim.__all__)
def test_every_name_of_the_package_is_there_with_its_words(verb: str) -> None:
    assert getattr(qsim, verb).__doc__


def test_health_metrics_and_report_are_verbs_of_python_too(ran: Path) -> None:
    assert qsim.health(ran)["tick"] == qsim.metrics(ran)["tick"] == 10
    assert "health" in qsim.report(ran)


def test_a_market_of_a_newer_qsim_is_told_as_one(ran: Path) -> None:
    history = log.read(ran)
    newer = [{**entry, "parameters": {**entry["parameters"], "new_thing": 1}} for entry in history.epochs]
    with pytest.raises(ConflictError, match=r"\(new_thing: unknown key\): another version, most likely a newer one"):
        epochs.course_of(replace(history, epochs=newer))


def test_parameters_are_checked_once_however_often_a_market_is_read(ran: Path) -> None:
    first, second = (epochs.course_of(log.read(ran)).parameters for _ in range(2))
    assert len(first) == len(second) and all(one is other for one, other in zip(first, second, strict=True))


def test_a_run_and_its_health_do_without_what_the_system_does_not_tell(
    market: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def untold(*given: object) -> None:
        raise psutil.NoSuchProcess(1)

    monkeypatch.setattr(psutil, "Process", untold)
    monkeypatch.setattr(psutil, "virtual_memory", untold)
    assert qsim.run(market, ticks=1)["tick"] == 11
    assert "what the run costs cannot be kept" in caplog.text
    assert [reason["about"] for reason in qsim.health(market)["reasons"]] == ["memory"]


def test_a_run_goes_on_where_its_market_is_when_the_process_goes_elsewhere(
    market: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(market.parent)
    (tmp_path / "elsewhere").mkdir()
    told = qsim.run(market.name, ticks=40, realtime=True, speed=1e6, flush=0.01, max_workers=1,
                    progress=lambda now: os.chdir(tmp_path / "elsewhere"))  # fmt: skip
    assert told == {**qsim.status(market), "directory": market.name} and told["tick"] == 50
    assert not list((tmp_path / "elsewhere").iterdir())


def test_a_market_is_generated_where_it_was_named_when_the_process_goes_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "list.csv").write_text(
        "product,brand,category,mrp,price\nTea,Tata,Snacks,20,15\nTea,Tata,Snacks,10,15\n"
    )
    told = qsim.generate("m", catalog="list.csv", warn=lambda line: os.chdir(tmp_path / "elsewhere"))
    assert told["directory"] == "m" and qsim.status(tmp_path / "m")["products"] == 1


def test_what_stops_a_run_is_told_of_its_market_as_it_was_named(market: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(market.parent)
    with writer_lock(market), pytest.raises(ConflictError, match=r"^m: is being written by process"):
        qsim.run(market.name, ticks=1)
