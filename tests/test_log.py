"""The commit log: a chain that no altered, missing or misplaced commit passes, read from checkpoints or in full."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from qsim.errors import ConflictError, CorruptError
from qsim.storage import log
from qsim.storage.log import EMPTY, DataFile, Log


def data_file(number: int, table: str = "events", block: int = 0) -> DataFile:
    return DataFile(f"{table}/{number}-{block}.parquet", table, number, 10, "ab" * 32, number, number, block)


def grown(market: Path, commits: int, start: Log = EMPTY) -> Log:
    """Append commits, each of two files and every tenth with an epoch."""
    for table in ("events", "metrics", log.COMMITS, log.CHECKPOINTS):
        (market / table).mkdir(parents=True, exist_ok=True)
    head = start
    for number in range(start.number + 1, start.number + 1 + commits):
        epoch = {"tick": number, "name": f"épôque {number}"} if number % 10 == 0 else None
        added = [data_file(number), data_file(number, "metrics")]
        head = log.append(market, head, tick=5 * number, digest=3**number, added=added, epoch=epoch)
    return head


def commit_path(market: Path, number: int) -> Path:
    return market / "_commits" / f"{number:010d}.json"


def rewrite(path: Path, **changes: Any) -> None:
    """Change a commit's body and seal it rightly again."""
    body = json.loads(path.read_bytes())["body"] | changes
    text = json.dumps(body, separators=(",", ":"))
    path.write_text(json.dumps({"body": body, "sha256": hashlib.sha256(text.encode()).hexdigest()}))


@pytest.fixture
def market(tmp_path: Path) -> Path:
    grown(tmp_path, 5)
    return tmp_path


@pytest.fixture(scope="module")
def long_market(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Log]:
    place = tmp_path_factory.mktemp("long")
    return place, grown(place, 150)


def test_a_log_read_back_is_the_log_that_was_appended(tmp_path: Path) -> None:
    head = grown(tmp_path, 12)
    assert log.read(tmp_path) == head
    assert (head.number, head.tick, head.digest) == (11, 55, 3**11)
    assert [epoch["tick"] for epoch in head.epochs] == [0, 10]
    assert head.files == tuple(data_file(n, table) for n in range(12) for table in ("events", "metrics"))


def test_no_market_is_told_with_the_command_that_makes_one(tmp_path: Path) -> None:
    assert not log.exists(tmp_path / "none")
    with pytest.raises(ConflictError, match="holds no market; make one with: qsim generate"):
        log.read(tmp_path / "none")


def test_the_head_is_the_hash_of_the_newest_commits_body(market: Path) -> None:
    body = json.loads(commit_path(market, 4).read_bytes())["body"]
    text = json.dumps(body, separators=(",", ":"))
    assert log.read(market).head == hashlib.sha256(text.encode()).hexdigest()


@pytest.mark.parametrize("number", [0, 2])
@pytest.mark.parametrize("flip", [0x01, 0x80])
def test_any_byte_changed_in_a_commit_is_refused_by_its_name(market: Path, number: int, flip: int) -> None:
    path = commit_path(market, number)
    whole = path.read_bytes()
    for at in range(len(whole) - 1):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ flip]) + whole[at + 1 :])
        with pytest.raises(CorruptError, match=path.name):
            log.read(market)
    path.write_bytes(whole)
    assert log.read(market).number == 4


def test_a_byte_changed_in_the_newest_commit_never_passes_as_its_content(market: Path) -> None:
    path = commit_path(market, 4)
    whole, before = path.read_bytes(), log.read(market)
    for at in range(len(whole) - 1):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        try:
            assert log.read(market).number == 3
        except CorruptError as fault:
            assert path.name in str(fault)
    path.write_bytes(whole)
    assert log.read(market) == before


def test_commits_out_of_order_are_refused(market: Path) -> None:
    first, second = commit_path(market, 2), commit_path(market, 3)
    text = first.read_bytes()
    first.write_bytes(second.read_bytes())
    second.write_bytes(text)
    with pytest.raises(CorruptError, match=r"0000000002\.json: does not follow commit 1"):
        log.read(market)


def test_a_newest_commit_of_another_history_is_refused(market: Path, tmp_path: Path) -> None:
    rewrite(commit_path(market, 4), previous="0" * 64)
    with pytest.raises(CorruptError, match=r"0000000004\.json: does not follow commit 3"):
        log.read(market)


def test_a_commit_of_another_market_with_the_right_number_is_refused(market: Path) -> None:
    rewrite(commit_path(market, 2), tick=11)
    with pytest.raises(CorruptError, match=r"0000000003\.json: does not follow commit 2"):
        log.read(market)


@pytest.mark.parametrize("number", [0, 1, 3])
def test_a_missing_commit_before_the_newest_is_refused_by_its_name(market: Path, number: int) -> None:
    commit_path(market, number).unlink()
    with pytest.raises(CorruptError, match=f"{number:010d}.json: is missing"):
        log.read(market)


def test_a_half_written_newest_commit_is_left_out_at_every_length(market: Path) -> None:
    path = commit_path(market, 4)
    whole = path.read_bytes()
    for length in range(len(whole) - 2):
        path.write_bytes(whole[:length])
        assert log.read(market).number == 3


def test_the_number_of_a_half_written_newest_commit_can_be_given_again(market: Path) -> None:
    path = commit_path(market, 4)
    whole = path.read_bytes()
    path.write_bytes(whole[:100])
    head = log.read(market)
    with pytest.raises(ConflictError):
        grown(market, 1, head)
    log.drop_unfinished(market, head)
    grown(market, 1, head)
    assert path.read_bytes() == whole


def test_a_whole_newest_commit_is_not_dropped(market: Path) -> None:
    log.drop_unfinished(market, log.read(market))
    assert log.read(market).number == 4


def test_a_half_written_first_commit_is_refused(tmp_path: Path) -> None:
    grown(tmp_path, 1)
    path = commit_path(tmp_path, 0)
    path.write_bytes(path.read_bytes()[:50])
    with pytest.raises(CorruptError, match=r"0000000000\.json: is not a whole commit"):
        log.read(tmp_path)


@pytest.mark.parametrize("number", [0, 2, 4])
def test_a_newer_format_is_refused_and_its_number_told(market: Path, number: int) -> None:
    rewrite(commit_path(market, number), format=99)
    with pytest.raises(CorruptError, match=f"{number:010d}.json: has format 99; this qsim reads format"):
        log.read(market)


def test_a_second_append_at_the_same_number_is_refused_and_the_first_stays(market: Path) -> None:
    head = log.read(market)
    grown(market, 1, head)
    with pytest.raises(ConflictError, match=r"0000000005\.json: is there already"):
        log.append(market, head, tick=99, digest=0, added=[], epoch=None)
    assert log.read(market).tick == 25


def test_files_that_are_no_commits_are_not_read(market: Path) -> None:
    before = log.read(market)
    for name in (".tmp-0000000005.json", "notes.json", "0000000005.json.bak"):
        (market / "_commits" / name).write_text("{")
    assert log.read(market) == before


def test_a_log_with_checkpoints_reads_as_it_does_without(long_market: tuple[Path, Log], tmp_path: Path) -> None:
    place, head = long_market
    kept = sorted(entry.name for entry in (place / "_checkpoints").iterdir())
    assert kept == ["0000000064.json", "0000000128.json"]
    bare = tmp_path / "bare"
    shutil.copytree(place, bare)
    shutil.rmtree(bare / "_checkpoints")
    assert log.read(place) == log.read(bare) == head


def test_a_log_is_read_from_its_newest_checkpoint_on(long_market: tuple[Path, Log], tmp_path: Path) -> None:
    place = tmp_path / "cut"
    shutil.copytree(long_market[0], place)
    for number in range(129):
        commit_path(place, number).unlink()
    assert log.read(place) == long_market[1]


@pytest.mark.parametrize("text", [b"", b"{", b'{"body": {}, "sha256": "0"}', None])
def test_a_broken_checkpoint_is_passed_over(long_market: tuple[Path, Log], tmp_path: Path, text: bytes | None) -> None:
    place = tmp_path / "broken"
    shutil.copytree(long_market[0], place)
    newest = place / "_checkpoints" / "0000000128.json"
    newest.write_bytes(newest.read_bytes().replace(b"events/7-0", b"events/8-0") if text is None else text)
    assert log.read(place) == long_market[1]


def test_an_append_after_a_checkpoint_follows_the_chain(tmp_path: Path) -> None:
    head = grown(tmp_path, 65)
    shutil.rmtree(tmp_path / "_checkpoints")
    (tmp_path / "_checkpoints").mkdir()
    grown(tmp_path, 5, head)
    assert log.read(tmp_path).number == 69


def test_of_table_gives_one_tables_files_in_the_order_of_ticks_and_blocks(tmp_path: Path) -> None:
    head = grown(tmp_path, 3)
    added = [data_file(9, "events", block) for block in range(3)]
    log.append(tmp_path, head, tick=45, digest=1, added=added, epoch=None)
    named = log.read(tmp_path).of_table("events")
    assert named == [data_file(0), data_file(1), data_file(2), *added]
    assert [(file.first, file.block) for file in named] == sorted((file.first, file.block) for file in named)
