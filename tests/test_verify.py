"""Verifying finds whatever is not as it was, under its name; readers and writers refuse a market with a wrong file."""

from __future__ import annotations

import json
import random
import time
from dataclasses import replace
from pathlib import Path

import pytest

import qsim
from qsim.errors import CorruptError
from qsim.storage import integrity, log, pieces, system
from tests.stored import tree


@pytest.fixture
def market(many_files_copied: Path) -> Path:
    return many_files_copied


def test_a_sound_market_passes_and_is_not_touched(market: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in market.rglob("*")}
    result = qsim.verify(market, regenerate="all")
    assert result["passed"] and result["faults"] == [] and result["notes"] == []
    assert result["files"] == len(log.read(market).files)
    assert result["regenerated_ticks"] == 66
    assert {path: path.stat().st_mtime_ns for path in market.rglob("*")} == before


def every_file(market: Path) -> list[Path]:
    left_out = ("LOCK", "runs.jsonl")
    return sorted(path for path in market.rglob("*") if path.is_file() and path.name not in left_out)


def faults_after(market: Path, path: Path, content: bytes | None) -> list[str]:
    """The faults found where a file has another content, or is missing; it is put back after."""
    whole = path.read_bytes()
    if content is None:
        path.unlink()
    else:
        path.write_bytes(content)
    try:
        faults: list[str] = qsim.verify(market)["faults"]
    except CorruptError as fault:
        faults = [str(fault)]
    path.write_bytes(whole)
    return faults


def flipped(market: Path, path: Path, at: int, bit: int) -> list[str]:
    data = bytearray(path.read_bytes())
    data[at] ^= 1 << bit
    return faults_after(market, path, bytes(data))


def test_a_flipped_bit_in_any_kind_of_file_is_found_under_its_name(market: Path) -> None:
    chance = random.Random(seed := random.SystemRandom().randrange(1 << 32))
    for path in every_file(market):
        size = path.stat().st_size
        for at in (0, size - 1, chance.randrange(size)):
            found = flipped(market, path, at, bit := chance.randrange(8))
            assert any(path.name in line for line in found), (seed, path, at, bit)
    assert qsim.verify(market)["passed"]


@pytest.mark.nightly
def test_every_byte_of_a_small_market_flipped_is_found(tmp_path: Path) -> None:
    market = tmp_path / "m"
    qsim.generate(market, seed=5, products=2)
    qsim.run(market, ticks=2)
    flips = 0
    for path in every_file(market):
        for at in range(path.stat().st_size):
            assert flipped(market, path, at, at % 8), (path, at)
            flips += 1
    print(f"{flips:,} bytes flipped, all found")


def test_a_file_cut_short_emptied_or_missing_is_found_under_its_name(market: Path) -> None:
    for path in every_file(market):
        whole = path.read_bytes()
        for content in (whole[:-1], whole[: len(whole) // 2], b"", whole + b"\0", None):
            found = faults_after(market, path, content)
            if path.parent.name == "_commits" and path.stem == f"{log.read(market).number:010d}":
                continue
            assert any(path.name in line for line in found), (path, content)


def test_two_files_exchanged_are_found(market: Path) -> None:
    first, second = (market / file.path for file in log.read(market).of_table("events")[:2])
    kept = first.read_bytes(), second.read_bytes()
    first.write_bytes(kept[1])
    second.write_bytes(kept[0])
    faults = qsim.verify(market)["faults"]
    assert {first.name, second.name} <= {line.split(":")[0].rpartition("/")[2] for line in faults}


@pytest.mark.parametrize("reader", ["run", "connect", "compact", "vacuum", "guarded_sql", "report"])
def test_a_market_with_a_wrong_file_is_refused_by_name_and_not_changed(market: Path, reader: str) -> None:
    path = market / log.read(market).of_table("events")[1].path
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    before = tree(market)
    with pytest.raises(CorruptError, match=f"{path.name}: its sha256 is not the one in the log"):
        ways = {"run": lambda: qsim.run(market, ticks=1), "guarded_sql": lambda: qsim.guarded_sql(market, "SELECT 1")}
        ways.get(reader, lambda: getattr(qsim, reader)(market))()
    assert tree(market) == before


def test_a_refreshed_connection_refuses_a_file_that_went_bad_since(market: Path) -> None:
    # Files that were just written are looked at again in any case.
    time.sleep(0.2)
    connection = qsim.connect(market)
    path = market / log.read(market).of_table("events")[1].path
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    with pytest.raises(CorruptError, match=path.name):
        qsim.refresh(connection)


def test_a_file_that_was_just_written_is_looked_at_again_since_a_change_may_leave_its_marks(
    market: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    really, now = system.look, time.time_ns()

    def look(path: Path | str) -> system.Entry | None:
        # The clock of the file system stands still at what is hardly past yet.
        found = really(path)
        return found and replace(found, modified_ns=now, changed_ns=now)

    monkeypatch.setattr(system, "look", look)
    monkeypatch.setattr(integrity.time, "time_ns", lambda: now + 10**7)
    integrity.read_log(market)
    path = market / log.read(market).of_table("events")[1].path
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    with pytest.raises(CorruptError, match=path.name):
        integrity.read_log(market)


@pytest.mark.parametrize("link", ["symbolic", "hard", "directory"])
def test_a_link_in_place_of_a_file_is_refused(market: Path, tmp_path: Path, link: str) -> None:
    path = market / log.read(market).of_table("events")[0].path
    other = tmp_path / "other.parquet"
    path.rename(other)
    if link == "directory":
        path.mkdir()
    else:
        (path.symlink_to if link == "symbolic" else path.hardlink_to)(other)
    assert any(path.name in line and "put a copy in its place" in line for line in qsim.verify(market)["faults"])
    with pytest.raises(CorruptError, match=path.name):
        qsim.run(market, ticks=1)


def test_a_checkpoint_that_is_whole_but_not_what_its_commits_fold_into_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log, "CHECKPOINT_EVERY", 3)
    market = tmp_path / "m"
    qsim.generate(market, seed=5, products=6)
    for _ in range(4):
        qsim.run(market, ticks=1)
    assert qsim.verify(market)["checkpoints"] > 1
    _, path = log.checkpoints(market)[0]
    body, _ = pieces.opened(path)
    body["files"][-1]["rows"] += 1
    path.write_bytes(pieces.sealed(body)[0])
    found = qsim.verify(market)
    assert not found["passed"] and any(path.name in line and "fold into" in line for line in found["faults"])


def test_a_commit_that_replaces_a_file_that_none_before_it_names_is_found(market: Path) -> None:
    history = log.read(market)
    log.append(market, history, tick=history.tick, digest=history.digest, removed=["events/none.parquet"])
    assert any(
        "replaces events/none.parquet, which no commit before it names" in line
        for line in qsim.verify(market)["faults"]
    )


def test_verify_is_exit_5_with_the_faults_and_exit_0_without(market: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from qsim.cli import main

    assert main(["verify", str(market)]) == 0
    assert "passed" in capsys.readouterr().out
    path = market / log.read(market).of_table("events")[0].path
    path.write_bytes(b"?")
    assert main(["verify", str(market), "--json"]) == 5
    assert path.name in json.loads(capsys.readouterr().out)["faults"][0]
