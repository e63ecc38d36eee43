"""Keeping a market in order: merging and removing change no answer, and verifying finds whatever is not as it was."""

from __future__ import annotations

import json
import os
import random
import shutil
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import duckdb
import pytest

import qsim
from qsim.errors import CorruptError, UsageError
from qsim.queries import served
from qsim.runs import regeneration
from qsim.runs.epochs import course_of
from qsim.runs.writing import CATALOG_TABLES, DIRECTORIES
from qsim.storage import compaction, files, integrity, lock, log, parquet, pieces, system, verification
from qsim.storage.log import Log
from tests.stored import tree

ASKED = (
    "SELECT * FROM prices ORDER BY ALL",
    "SELECT * FROM price_history ORDER BY ALL",
    "SELECT * FROM discounts ORDER BY ALL",
    "SELECT * FROM prices_at(TIMESTAMP '2026-01-01 00:02') ORDER BY ALL",
    "SELECT * FROM orders ORDER BY ALL",
    "SELECT * FROM metrics ORDER BY ALL",
    "SELECT * FROM truth ORDER BY ALL",
)


def answers(market: Path) -> list[list[tuple[object, ...]]]:
    with qsim.connect(market) as connection:
        return [connection.sql(query).fetchall() for query in ASKED]


@pytest.fixture(scope="module")
def many_files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A market of two kinds of epochs, run in many short calls."""
    market = tmp_path_factory.mktemp("upkeep") / "m"
    qsim.generate(market, seed=5, products=30, batch_size=10)
    for ticks in (3, 1, 40, 7):
        qsim.run(market, ticks=ticks)
    qsim.run(market, ticks=9, surge_probability=0.3)
    qsim.run(market, ticks=6, update_interval_seconds=600)
    return market


@pytest.fixture
def market(many_files: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(many_files, tmp_path / "m"))


def test_compaction_leaves_every_answer_and_the_digest_as_they_were(market: Path) -> None:
    before, digest = answers(market), qsim.status(market)["digest"]
    told = qsim.compact(market)
    assert told["files"] < told["files_before"]
    assert answers(market) == before
    assert qsim.status(market)["digest"] == told["digest"] == digest


def test_a_compacted_market_runs_on_as_one_that_was_not(market: Path, many_files: Path, tmp_path: Path) -> None:
    whole = shutil.copytree(many_files, tmp_path / "whole")
    for _ in range(2):
        qsim.compact(market)
        qsim.vacuum(market, grace_seconds=0)
        assert qsim.run(market, ticks=11)["digest"] == qsim.run(whole, ticks=11)["digest"]
    assert answers(market) == answers(whole)


def test_compacting_twice_does_nothing_the_second_time(market: Path) -> None:
    qsim.compact(market)
    before = tree(market)
    qsim.compact(market)
    assert tree(market) == before


def test_one_file_of_each_table_and_block_is_left_of_small_ones(market: Path) -> None:
    qsim.compact(market)
    history = log.read(market)
    for table in ("events", "discounts", "metrics"):
        assert [(file.first, file.last) for file in history.of_table(table)] == [
            (1 if table != "discounts" else 0, history.tick)
        ]


def test_merged_files_hold_no_more_rows_than_a_file_may_and_every_row_that_was_there(
    market: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compaction, "ROWS_A_FILE", 400)
    monkeypatch.setattr(parquet, "ROW_GROUP_ROWS", 150)
    before, largest = answers(market), max(file.rows for file in log.read(market).of_table("events"))
    qsim.compact(market)
    merged = [file.rows for file in log.read(market).of_table("events")]
    assert len(merged) > 1 and max(merged) <= max(400, largest)
    assert answers(market) == before
    assert qsim.verify(market)["passed"]


def test_readers_of_an_older_commit_find_its_files_until_they_are_vacuumed(market: Path) -> None:
    connection = qsim.connect(market)
    rows = connection.sql("SELECT count(*) FROM price_history").fetchall()
    qsim.compact(market)
    left = qsim.vacuum(market)
    assert (left["removed"], left["removed_bytes"], left["kept"] > 0) == (0, 0, True)
    assert connection.sql("SELECT count(*) FROM price_history").fetchall() == rows
    assert qsim.vacuum(market, grace_seconds=0)["removed"] > 0
    with pytest.raises(duckdb.IOException):
        connection.sql("SELECT count(*) FROM price_history").fetchall()
    qsim.refresh(connection)
    assert connection.sql("SELECT count(*) FROM price_history").fetchall() == rows


def test_a_run_does_not_remove_files_that_readers_may_still_use(market: Path) -> None:
    connection = qsim.connect(market)
    qsim.compact(market)
    qsim.run(market, ticks=2)
    assert connection.sql("SELECT count(*) FROM price_history").fetchall()


def test_vacuum_keeps_what_was_replaced_within_the_grace_by_the_age_of_the_commit(market: Path) -> None:
    qsim.compact(market)
    number = log.read(market).number
    old = log.commit_path(market, number).stat().st_mtime_ns - 100 * 10**9
    os.utime(log.commit_path(market, number), ns=(old, old))
    assert qsim.vacuum(market, grace_seconds=150)["removed"] == 0
    assert qsim.vacuum(market, grace_seconds=50)["removed"] > 0
    assert log.read(market).retired == ()


@pytest.mark.parametrize("seconds", [-0.5, 1_000_000_001])
def test_a_grace_of_no_sensible_length_is_refused_and_nothing_is_removed(market: Path, seconds: float) -> None:
    qsim.compact(market)
    with pytest.raises(UsageError, match=f"found {seconds}; allowed are 0 to 1,000,000,000 seconds"):
        qsim.vacuum(market, grace_seconds=seconds)
    assert log.read(market).retired


def test_vacuum_removes_what_was_replaced_by_a_commit_of_the_future_where_no_grace_is_asked_for(market: Path) -> None:
    qsim.compact(market)
    later = time.time_ns() + 20_000 * 10**9
    os.utime(log.commit_path(market, log.read(market).number), ns=(later, later))
    assert qsim.vacuum(market, grace_seconds=50)["removed"] == 0
    assert qsim.vacuum(market, grace_seconds=0)["removed"] > 0


def test_vacuum_keeps_none_of_the_files_that_one_before_it_removed_and_was_killed(market: Path) -> None:
    qsim.compact(market)
    for name, _ in log.read(market).retired:
        (market / name).unlink()
    told = qsim.vacuum(market, grace_seconds=0)
    assert (told["removed"], told["kept"]) == (0, 0)


def test_vacuum_leaves_just_the_files_that_the_log_names(market: Path) -> None:
    qsim.compact(market)
    told = qsim.vacuum(market, grace_seconds=0)
    assert told["kept"] == 0
    on_disk = {str(path.relative_to(market)) for path in market.rglob("*.parquet")} | {"market.toml"}
    assert on_disk == {file.path for file in log.read(market).files}


@pytest.mark.parametrize("grace", [-1, float("nan"), float("inf"), 1e300])
def test_a_grace_that_is_none_is_refused(market: Path, grace: float) -> None:
    with pytest.raises(UsageError, match=r"^grace_seconds: found"):
        qsim.vacuum(market, grace_seconds=grace)


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


@pytest.mark.parametrize("reader", ["run", "connect", "compact", "vacuum", "guarded_sql"])
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


def test_what_is_no_part_of_the_market_is_told_and_left_alone(market: Path) -> None:
    strangers = [market / "notes.txt", market / "events" / "mine.parquet", market / "_commits" / "readme"]
    left = [market / "events" / "0000000067-0000000067-00000.parquet", market / "catalog" / ".x.1-1.tmp"]
    for path in strangers + left:
        path.write_bytes(b"?")
    result = qsim.verify(market)
    assert result["passed"]
    told = {line.split(":")[0]: line for line in result["notes"]}
    assert set(told) == {str(path) for path in strangers + left}
    assert all("never read" in told[str(path)] for path in strangers)
    assert all("the next writer removes it" in told[str(path)] for path in left)
    qsim.run(market, ticks=1)
    assert all(path.exists() for path in strangers)
    assert not any(path.exists() and path.read_bytes() == b"?" for path in left)


def test_what_a_user_put_into_a_market_under_names_of_their_own_stays(market: Path) -> None:
    (market / ".tmp").mkdir()
    (market / "events" / ".x.1-1.tmp").mkdir()
    own = [market / ".notes.tmp", market / "catalog" / "my_list.parquet", market / "catalog" / ".0-1.tmp"]
    for path in own:
        path.write_text("mine")
    told = qsim.verify(market)["notes"]
    assert len(told) == 5 and all("never read" in line for line in told)
    qsim.run(market, ticks=1)
    assert [path.read_text() for path in own] == ["mine"] * 3
    assert (market / ".tmp").is_dir() and (market / "events" / ".x.1-1.tmp").is_dir()


def test_what_a_killed_writer_left_of_a_catalog_table_is_cleared(market: Path) -> None:
    left = [market / "catalog" / name for name in ("products-00042.parquet", "listings-00001-0123abcd.parquet")]
    for path in left:
        path.write_text("?")
    told = qsim.verify(market)["notes"]
    assert len(told) == 2 and all("the next writer removes it" in line for line in told)
    qsim.run(market, ticks=1)
    assert not any(path.exists() for path in left)


def test_files_of_a_commit_that_comes_while_verify_lists_are_told_as_nothing_else(
    market: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    listing, ran = files.names, []

    def names(directory: Path) -> list[str]:
        if directory.name == "events" and not ran:
            ran.append(directory)
            qsim.run(market, ticks=1)
        return listing(directory)

    monkeypatch.setattr(files, "names", names)
    found = verification.verify(market, DIRECTORIES, CATALOG_TABLES)
    assert ran and (found.faults, found.notes) == ([], [])


def test_a_file_that_a_writer_at_work_has_not_committed_is_told_so(market: Path) -> None:
    with lock.writer_lock(market):
        (market / "events" / "0000000067-0000000067-00000.parquet").write_bytes(b"?")
        [note] = qsim.verify(market)["notes"]
    assert "is not committed yet" in note


def test_a_log_older_than_its_files_is_refused_and_they_are_kept(market: Path) -> None:
    later = market / "events" / "0000033001-0000033002-00000.parquet"
    later.write_bytes(b"?")
    with pytest.raises(CorruptError, match=r"covers ticks long after 66, where the log ends"):
        qsim.run(market, ticks=1)
    assert later.read_bytes() == b"?"


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


def resealed(market: Path, path: Path, data: bytes) -> None:
    """Write a data file and make the whole log after it as if it had been so all along, digests left as they are."""
    import hashlib

    name = str(path.relative_to(market))
    path.write_bytes(data)
    previous = ""
    for number in range(log.read(market).number + 1 if previous else len(list((market / "_commits").glob("0*.json")))):
        place = log.commit_path(market, number)
        body = json.loads(place.read_bytes())["body"]
        body["previous"] = previous
        for file in body["files"]:
            if file["path"] == name:
                file |= {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
        text, previous = pieces.sealed(body)
        place.write_bytes(text)


@pytest.mark.parametrize("table", ["events", "discounts", "snapshots"])
def test_rows_that_the_seed_does_not_give_are_found_where_every_checksum_holds(market: Path, table: str) -> None:
    import pyarrow.parquet as pq

    file = log.read(market).of_table(table)[-1]
    path = market / file.path
    rows = pq.read_table(path)
    name = {"events": "price_after_paise", "discounts": "discount_bps", "snapshots": "price_paise"}[table]
    values = rows[name].to_numpy().copy()
    values[0] += 1
    changed = rows.set_column(rows.schema.get_field_index(name), rows.schema.field(name), [values])
    pq.write_table(changed, path)
    resealed(market, path, path.read_bytes())
    assert qsim.verify(market)["passed"]
    found = qsim.verify(market, regenerate="all")
    assert not found["passed"]
    assert any(table in line or "stored rows" in line for line in found["faults"])


def test_a_part_is_regenerated_from_the_snapshot_before_it(market: Path) -> None:
    result = qsim.verify(market, regenerate="45:50")
    assert result["passed"]
    assert 6 <= result["regenerated_ticks"] < 66


@pytest.mark.parametrize("part", ["5", "9:3", "0:67", "x", "-1:2", "1" * 5000 + ":1"])
def test_a_part_that_is_none_is_refused(market: Path, part: str) -> None:
    with pytest.raises(UsageError, match="allowed are all and FIRST:LAST within 0:66"):
        qsim.verify(market, regenerate=part)


def test_a_changed_rule_is_found_by_regenerating(market: Path) -> None:
    course = course_of(log.read(market))
    place = log.commit_path(market, 0)
    body = json.loads(place.read_bytes())["body"]
    body["epoch"]["parameters"]["surge_probability"] = course.parameters[0].surge_probability + 0.2
    from qsim.storage import pieces

    place.write_bytes(pieces.sealed(body)[0])
    resealed(market, market / "market.toml", (market / "market.toml").read_bytes())
    faults = qsim.verify(market, regenerate="all")["faults"]
    assert any("commit 0" in line for line in faults)
    assert any("events of block 0" in line for line in faults)


def test_a_realistic_market_with_scenarios_is_the_one_its_seed_gives(tmp_path: Path) -> None:
    market = tmp_path / "m"
    qsim.generate(market, preset="realistic", products=12, stores=2, update_interval_seconds=3600)
    qsim.run(market, ticks=30)
    qsim.run(market, ticks=20, scenario="monsoon")
    qsim.compact(market)
    qsim.run(market, ticks=10, scenario="none")
    result = qsim.verify(market, regenerate="all")
    assert (result["faults"], result["regenerated_ticks"]) == ([], 60)


def test_opening_a_market_of_a_user_list_is_told_as_not_made_again(tmp_path: Path) -> None:
    listed = tmp_path / "mine.csv"
    listed.write_text("product,brand,category,mrp,price\nMilk,Amul,Dairy,30,29\nRice,Fortune,Staples,90,80\n")
    qsim.generate(tmp_path / "m", catalog=listed)
    qsim.run(tmp_path / "m", ticks=3)
    result = qsim.verify(tmp_path / "m", regenerate="all")
    assert result["passed"]
    assert result["notes"] == ["tick 0 was not made again: its product list or calendar is the user's"]


READERS: dict[str, Callable[[Path], object]] = {
    "connect": qsim.connect,
    "serve": served.opened,
    "verify": lambda market: qsim.verify(market)["faults"],
    "regenerate": lambda market: qsim.verify(market, regenerate="all")["faults"],
}


@pytest.mark.parametrize(
    ("reader", "place", "call", "before"),
    [
        ("connect", integrity, "checked", True),
        ("connect", integrity, "checked", False),
        ("serve", integrity, "checked", True),
        ("serve", integrity, "checked", False),
        ("verify", integrity, "faults", True),
        ("regenerate", regeneration, "_ticks", True),
        ("regenerate", regeneration, "_ticks", False),
    ],
)
def test_a_reader_takes_no_file_that_is_replaced_and_removed_meanwhile_for_a_fault(
    market: Path, monkeypatch: pytest.MonkeyPatch, reader: str, place: ModuleType, call: str, before: bool
) -> None:
    really = getattr(place, call)

    def beside(*given: object, **named: object) -> object:
        monkeypatch.setattr(place, call, really)
        done = None if before else really(*given, **named)
        qsim.compact(market)
        assert qsim.vacuum(market, grace_seconds=0)["removed"] > 0
        return really(*given, **named) if before else done

    monkeypatch.setattr(place, call, beside)
    found = READERS[reader](market)
    assert getattr(place, call) is really
    assert found != [] if reader in ("connect", "serve") else found == []


def test_a_refresh_beside_which_files_are_replaced_and_removed_moves_on_past_that(
    market: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection, really = qsim.connect(market), integrity.checked
    qsim.run(market, ticks=3)

    def beside(*given: Any) -> Log:
        history = really(*given)
        monkeypatch.setattr(integrity, "checked", really)
        qsim.compact(market)
        qsim.vacuum(market, grace_seconds=0)
        return history

    monkeypatch.setattr(integrity, "checked", beside)
    assert qsim.refresh(connection) == 69
    assert connection.sql("SELECT max(tick) FROM price_history").fetchall() == [(69,)]


def test_a_file_that_goes_while_a_market_is_opened_is_told_in_one_line(
    market: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone, really = market / log.read(market).of_table("events")[1].path, integrity.checked

    def beside(*given: Any) -> Log:
        history = really(*given)
        gone.unlink(missing_ok=True)
        return history

    monkeypatch.setattr(integrity, "checked", beside)
    with pytest.raises(CorruptError, match=f"cannot be read: .*{gone.name}") as fault:
        qsim.connect(market)
    assert "\n" not in str(fault.value)


def test_a_wrong_file_beside_a_run_is_a_fault_at_once(market: Path) -> None:
    tried: list[int] = []

    def act(history: Log) -> None:
        tried.append(history.number)
        qsim.run(market, ticks=1)
        raise CorruptError("wrong")

    with pytest.raises(CorruptError, match="wrong"):
        integrity.at_newest(market, act)
    assert len(tried) == 1


def test_who_finds_files_replaced_three_times_over_is_told_the_fault(market: Path) -> None:
    tried: list[int] = []

    def act(history: Log) -> None:
        tried.append(history.number)
        qsim.run(market, ticks=1)
        qsim.compact(market)
        raise CorruptError("wrong")

    with pytest.raises(CorruptError, match="wrong"):
        integrity.at_newest(market, act)
    assert len(tried) == len(set(tried)) == 3


def test_a_market_whose_empty_folders_a_copy_left_out_is_run_on(
    market: Path, many_files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log, "CHECKPOINT_EVERY", 16)
    for folder in [path for path in market.iterdir() if path.is_dir() and not any(path.iterdir())]:
        folder.rmdir()
    assert not (market / "_checkpoints").exists()
    whole = shutil.copytree(many_files, tmp_path / "whole")
    for _ in range(8):
        assert qsim.run(market, ticks=1)["digest"] == qsim.run(whole, ticks=1)["digest"]
    qsim.compact(market)
    assert qsim.verify(market, regenerate="all")["passed"]
    assert qsim.verify(market)["checkpoints"] == 1


def test_a_temporary_name_is_none_that_a_market_gives(market: Path) -> None:
    assert not any(files.is_temporary(path.name) for path in market.rglob("*"))
