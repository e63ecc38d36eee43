"""A log read from checkpoints, or on from what is known of it, is the one read in full, and a checkpoint that is broken is told."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from qsim.errors import CorruptError
from qsim.storage import files, log
from qsim.storage.log import Log
from tests.logs import commit_path, data_file, grown


@pytest.fixture(scope="module")
def long_market(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Log]:
    """A market of 150 commits, 10 of which replace the files of the commit before, and its log."""
    place = tmp_path_factory.mktemp("long")
    tip = grown(place, 50)
    for number in range(50, 60):
        added = [data_file(number, "merged")]
        removed = [f"events/{number - 10}-0.parquet"]
        (place / "merged").mkdir(exist_ok=True)
        tip = log.append(place, tip, tick=5 * number, digest=1, added=added, removed=removed)
    tip = log.append(place, tip, tick=300, digest=1, vacuumed=54)
    grown(place, 89, tip)
    return place, log.read(place)


def test_a_log_with_checkpoints_reads_as_it_does_without(long_market: tuple[Path, Log], tmp_path: Path) -> None:
    place, head = long_market
    assert [number for number, _ in log.checkpoints(place)] == [63, 127]
    bare = tmp_path / "bare"
    shutil.copytree(place, bare)
    shutil.rmtree(bare / "_checkpoints")
    assert log.read(bare) == head


def test_a_log_is_read_from_checkpoints_where_they_are(long_market: tuple[Path, Log], tmp_path: Path) -> None:
    place = tmp_path / "cut"
    shutil.copytree(long_market[0], place)
    for number in range(128):
        commit_path(place, number).unlink()
    assert log.read(place) == long_market[1]


@pytest.mark.parametrize("known", [0, 49, 55, 63, 90, 148, 149])
def test_a_log_read_on_from_any_commit_is_the_one_read_whole(
    long_market: tuple[Path, Log], tmp_path: Path, known: int
) -> None:
    place, whole = long_market
    earlier = tmp_path / "earlier"
    shutil.copytree(place, earlier)
    for number in range(known + 1, 150):
        commit_path(earlier, number).unlink()
        log.checkpoint_path(earlier, number).unlink(missing_ok=True)
    assert log.read_on(place, log.read(earlier)) == whole


def test_a_log_read_on_reads_only_what_came_after(long_market: tuple[Path, Log], tmp_path: Path) -> None:
    place = tmp_path / "cut"
    shutil.copytree(long_market[0], place)
    known = log.read(place)
    grown(place, 1, log.tip_of(known))
    for number in range(149):
        commit_path(place, number).unlink()
    shutil.rmtree(place / "_checkpoints")
    (place / "_checkpoints").mkdir()
    assert log.read_on(place, known).number == 150


def test_a_log_read_on_without_a_new_commit_is_the_one_known(long_market: tuple[Path, Log], tmp_path: Path) -> None:
    place = tmp_path / "cut"
    shutil.copytree(long_market[0], place)
    known = log.read(place)
    for number in range(149):
        commit_path(place, number).unlink()
    shutil.rmtree(place / "_checkpoints")
    (place / "_checkpoints").mkdir()
    assert log.read_on(place, known) is known


def test_checkpoints_of_checkpoints_hold_what_all_their_commits_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log, "CHECKPOINT_EVERY", 3)
    tip = grown(tmp_path, 20)
    tip = log.append(tmp_path, tip, tick=200, digest=1, removed=["events/3-0.parquet", "events/19-0.parquet"])
    tip = log.append(tmp_path, tip, tick=200, digest=1, vacuumed=20)
    since = {n: json.loads(path.read_bytes())["body"]["since"] for n, path in log.checkpoints(tmp_path)}
    assert since == {2: 0, 5: 3, 8: 0, 11: 9, 14: 12, 17: 9, 20: 18}
    head = log.read(tmp_path)
    shutil.rmtree(tmp_path / "_checkpoints")
    assert log.read(tmp_path) == head
    assert "events/3-0.parquet" not in {file.path for file in head.files}


@pytest.mark.parametrize("text", [b"", b"{", b'{"body": {}, "sha256": "0"}', None])
def test_a_broken_checkpoint_is_refused_by_its_name(
    long_market: tuple[Path, Log], tmp_path: Path, text: bytes | None
) -> None:
    place = tmp_path / "broken"
    shutil.copytree(long_market[0], place)
    newest = place / "_checkpoints" / "0000000127.json"
    newest.write_bytes(newest.read_bytes().replace(b"events/70-0", b"events/71-0") if text is None else text)
    with pytest.raises(CorruptError, match=r"_checkpoints/0000000127\.json"):
        log.read(place)


def test_a_log_that_ends_before_its_newest_checkpoint_is_refused(long_market: tuple[Path, Log], tmp_path: Path) -> None:
    place = tmp_path / "rolled_back"
    shutil.copytree(long_market[0], place)
    for number in range(120, 150):
        commit_path(place, number).unlink()
    with pytest.raises(CorruptError, match="ends at commit 119, before the checkpoint of commit 127"):
        log.read(place)


def test_a_checkpoint_that_a_kill_left_out_is_written_by_the_next_writer(
    long_market: tuple[Path, Log], tmp_path: Path
) -> None:
    place = tmp_path / "left_out"
    shutil.copytree(long_market[0], place)
    newest = place / "_checkpoints" / "0000000127.json"
    whole = newest.read_bytes()
    newest.unlink()
    for number in range(128, 150):
        commit_path(place, number).unlink()
    log.settle(place, log.read(place))
    assert newest.read_bytes() == whole


def test_a_commit_and_its_checkpoint_that_come_while_a_log_is_listed_are_no_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log, "CHECKPOINT_EVERY", 3)
    tips, listing, listed = [grown(tmp_path, 2)], files.names, []

    def names(directory: Path) -> list[str]:
        listed.append(directory)
        if len(listed) == 2:
            tips.append(grown(tmp_path, 1, tips[0]))
        return listing(directory)

    monkeypatch.setattr(files, "names", names)
    assert log.tip_of(log.read(tmp_path)) in tips
    assert len(tips) == 2 and log.checkpoint_path(tmp_path, tips[1].number).exists()


def test_replaced_files_are_told_with_their_commit_until_they_are_vacuumed(long_market: tuple[Path, Log]) -> None:
    head = long_market[1]
    assert head.retired == tuple((f"events/{number - 10}-0.parquet", number) for number in range(55, 60))
    named = {file.path for file in head.files}
    assert "merged/55-0.parquet" in named and "events/39-0.parquet" in named
    assert not named & {f"events/{number}-0.parquet" for number in range(40, 50)}


def test_an_append_after_a_checkpoint_follows_the_chain(tmp_path: Path) -> None:
    head = grown(tmp_path, 65)
    shutil.rmtree(tmp_path / "_checkpoints")
    (tmp_path / "_checkpoints").mkdir()
    grown(tmp_path, 5, head)
    assert log.read(tmp_path).number == 69
