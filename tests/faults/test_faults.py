"""Faults put to the real command line: a few on each push by a fresh seed, all of them on the nightly tier."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults import cuts, full, kills, mounts, points, shim, steps, traced
from tests.faults.steps import Script
from tests.faults.warm import Warm

Field = tuple[Warm, Script, Path]
MISSING = {"library": shim.missing, "strace": traced.missing}
SEED = int(os.environ.get("QSIM_FAULTS_SEED") or random.SystemRandom().randrange(10**6))


@pytest.fixture(scope="module")
def field(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Field]:
    """A warm process, with the library that puts faults to calls where it can be built; the script's markets; a folder."""
    place = tmp_path_factory.mktemp("faults")
    with Warm(None if shim.missing() else shim.built(place)) as warm:
        yield warm, steps.made(warm, place), place


def needs(*kinds: str) -> None:
    """Skip the test where something is missing, and tell why."""
    for kind in kinds:
        if reason := MISSING[kind]() if kind in MISSING else mounts.missing(kind):
            pytest.skip(reason)


def test_kills_lose_nothing_acknowledged_and_the_command_given_again_makes_the_same_market(field: Field) -> None:
    assert kills.sweep(*field, 10, SEED)["kills at depth 1"]


def test_faults_of_calls_are_told_in_one_line_and_lose_nothing(field: Field) -> None:
    needs("library")
    assert points.sweep(*field, 12, SEED)["points enumerated"] > 1000


def test_files_that_may_not_grow_lose_nothing(field: Field) -> None:
    full.sweep(*field, full.sample(field[1], ["file limit"], 4, SEED, None), SEED)


@pytest.mark.parametrize("kind", full.NEEDS)
def test_a_disk_that_takes_no_more_loses_nothing(field: Field, kind: str) -> None:
    needs(full.NEEDS[kind])
    full.sweep(*field, full.sample(field[1], [kind], 2, SEED, None), SEED)


def test_power_cuts_lose_nothing_acknowledged(field: Field) -> None:
    needs("disk")
    cuts.sweep(*field, 3, SEED)


def test_the_library_counts_the_calls_that_strace_sees(field: Field) -> None:
    needs("library", "strace")
    warm, script, place = field
    for step in (script.steps[0], script.steps[2]):
        counted = traced.by_library([call.name for call in points.calls_of(warm, step, place / "m")])
        step.prepared(place / "m")
        ended = traced.traced(warm, step, place / "m", log=place / "log")
        assert ended.code == 0
        assert traced.calls_on(place / "m", place / "log") == counted


def test_kills_put_by_strace_at_calls_chosen_by_number_lose_nothing(field: Field) -> None:
    needs("strace")
    warm, script, place = field
    chance, step, market = random.Random(SEED), script.steps[2], place / "m"
    for name in ("write", "fsync", "link"):
        number = chance.randint(1, 3)
        step.prepared(market)
        ended = traced.traced(warm, step, market, f"--inject={name}:signal=KILL:when={number}", log=place / "log")
        assert ended.code == -9, f"{name} {number}; replay: QSIM_FAULTS_SEED={SEED} pytest {__file__}"
        steps.check_kept(script, step, market, ended)
        steps.check_completed(warm, step, market)


@pytest.mark.nightly
def test_a_thousand_kills() -> None:
    print(kills.campaign(None, SEED))


@pytest.mark.nightly
def test_all_faults_of_all_calls() -> None:
    needs("library")
    print(points.campaign(None, SEED))


@pytest.mark.nightly
def test_all_sizes_of_disks_and_files() -> None:
    print(full.campaign(None, SEED))


@pytest.mark.nightly
def test_five_hundred_power_cuts() -> None:
    needs("disk")
    print(cuts.campaign(None, SEED))
