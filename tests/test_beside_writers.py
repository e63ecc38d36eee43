"""Beside writers: what they replace, remove or leave is taken for no fault, and what is the user's own stays."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import qsim
from qsim.errors import CorruptError
from qsim.queries import served
from qsim.runs import regeneration
from qsim.runs.writing import CATALOG_TABLES, DIRECTORIES
from qsim.storage import files, integrity, lock, log, verification
from qsim.storage.log import Log


@pytest.fixture
def market(many_files_copied: Path) -> Path:
    return many_files_copied


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


def test_a_temporary_name_is_none_that_a_market_gives(market: Path) -> None:
    assert not any(files.is_temporary(path.name) for path in market.rglob("*"))
