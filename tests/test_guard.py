"""SQL from outside: no statement writes or reads outside, with any one layer alone; good queries give what they give anyway."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

import qsim
from qsim.errors import QsimError, UsageError
from qsim.queries import guard, sandbox, statement
from qsim.queries.guard import LAYERS, Limits
from tests.attacks import ATTACKS, BOMBS, TOKEN, Place, Watch, answers, place_around

LIMITS = Limits(seconds=20, memory_mb=256, threads=1)
confined = pytest.mark.skipif(sandbox.landlock_version() == 0, reason="this system has no Landlock")


@pytest.fixture(scope="module")
def place(ran: Path, tmp_path_factory: pytest.TempPathFactory) -> Place:
    here = tmp_path_factory.mktemp("guard")
    return place_around(Path(shutil.copytree(ran, here / "m")), here / "out")


def escapes(place: Place, queries: list[str], on: frozenset[str]) -> list[object]:
    """Put queries behind some layers and list what got through, and that something did."""
    before = place.state()
    texts = [place.text(query) for query in queries]
    with Watch(place) as watch:
        told = list(answers(place, texts, on, LIMITS))
    assert len(told) == len(texts)
    found: list[object] = [pair for pair in zip(texts, told, strict=True) if TOKEN in json.dumps(pair[1])]
    found += [("touched", watch.events)] if watch.seen else []
    return found + ([("changed",)] if place.state() != before else [])


def test_without_a_layer_the_attacks_do_get_through(place: Place, tmp_path: Path) -> None:
    bare = place_around(Path(shutil.copytree(place.market, tmp_path / "m")), tmp_path / "out")
    some = ["SELECT * FROM read_text('{secret}')", "COPY (SELECT 1 AS x) TO '{listed}' (FORMAT parquet, USE_TMP_FILE false)"]
    assert [len(one) for one in escapes(bare, some, frozenset())] == [2, 2, 1]


def test_the_statement_check_alone_refuses_every_attack(place: Place) -> None:
    texts = [place.text(attack) for attack in ATTACKS]
    assert escapes(place, ATTACKS, frozenset({"statement"})) == []
    told = list(answers(place, texts, frozenset({"statement"}), LIMITS))
    through = [text for text, answer in zip(texts, told, strict=True) if answer is None or not {"refused", "failed"} & set(answer)]
    assert through == []


def test_locked_duckdb_alone_lets_no_attack_write_or_read_outside(place: Place) -> None:
    assert escapes(place, ATTACKS, frozenset({"locked"})) == []


@confined
def test_the_process_alone_lets_no_attack_write_or_read_outside(place: Place) -> None:
    assert escapes(place, ATTACKS, frozenset({"process"})) == []
