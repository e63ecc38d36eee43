"""The commit log: a chain that no altered, missing or misplaced commit passes, and what who follows it is told."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

import qsim
from qsim.errors import ConflictError, CorruptError, ReplacedError
from qsim.storage import files, log
from qsim.storage.log import EMPTY
from qsim.storage.pieces import Tip
from tests.logs import commit_path, data_file, grown, rewrite


@pytest.fixture
def market(tmp_path: Path) -> Path:
    grown(tmp_path, 5)
    return tmp_path


def test_a_log_read_back_is_the_log_that_was_appended(tmp_path: Path) -> None:
    tip = grown(tmp_path, 12)
    head = log.read(tmp_path)
    assert log.tip_of(head) == tip
    assert (head.number, head.tick, head.digest) == (11, 55, 3**11)
    assert [epoch["tick"] for epoch in head.epochs] == [0, 10]
    assert head.files == tuple(data_file(n, table) for n in range(12) for table in ("events", "metrics"))


def test_no_market_is_told_with_the_command_that_makes_one(tmp_path: Path) -> None:
    assert not log.exists(tmp_path / "none")
    with pytest.raises(ConflictError, match="holds no market; name the folder of one, or make one with: qsim generate"):
        log.read(tmp_path / "none")


def test_the_head_is_the_hash_of_the_newest_commits_body(market: Path) -> None:
    body = json.loads(commit_path(market, 4).read_bytes())["body"]
    text = json.dumps(body, separators=(",", ":"))
    assert log.read(market).head == hashlib.sha256(text.encode()).hexdigest()


@pytest.mark.parametrize(("number", "step"), [(0, 7), (2, 3), (4, 1)])
def test_any_byte_changed_in_a_commit_is_refused_by_its_name(market: Path, number: int, step: int) -> None:
    path = commit_path(market, number)
    whole = path.read_bytes()
    for at in range(0, len(whole), step):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 1 << at % 8]) + whole[at + 1 :])
        with pytest.raises(CorruptError, match=path.name):
            log.read(market)
    path.write_bytes(whole)
    assert log.read(market).number == 4


def test_commits_out_of_order_are_refused(market: Path) -> None:
    first, second = commit_path(market, 2), commit_path(market, 3)
    text = first.read_bytes()
    first.write_bytes(second.read_bytes())
    second.write_bytes(text)
    with pytest.raises(CorruptError, match=r"000000000[23]\.json: does not follow commit [12]: it is commit"):
        log.read(market)


def test_a_newest_commit_of_another_history_is_refused(market: Path) -> None:
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


def test_a_half_written_newest_commit_is_left_out_at_any_length(market: Path) -> None:
    path = commit_path(market, 4)
    whole = path.read_bytes()
    for length in range(0, len(whole) - 2, 3):
        path.write_bytes(whole[:length])
        assert log.read(market).number == 3


def test_the_number_of_a_half_written_newest_commit_can_be_given_again(market: Path) -> None:
    path = commit_path(market, 4)
    whole = path.read_bytes()
    path.write_bytes(whole[:100])
    head = log.read(market)
    with pytest.raises(ConflictError):
        grown(market, 1, head)
    log.settle(market, head)
    grown(market, 1, head)
    assert path.read_bytes() == whole


def test_a_whole_newest_commit_is_not_dropped(market: Path) -> None:
    log.settle(market, log.read(market))
    assert log.read(market).number == 4


def test_a_half_written_first_commit_is_refused(tmp_path: Path) -> None:
    grown(tmp_path, 1)
    path = commit_path(tmp_path, 0)
    path.write_bytes(path.read_bytes()[:50])
    with pytest.raises(CorruptError, match=r"0000000000\.json: is not a whole commit"):
        log.read(tmp_path)


@pytest.mark.parametrize("number", [0, 2, 4])
def test_a_newer_format_is_refused_and_its_number_told(market: Path, number: int) -> None:
    rewrite(commit_path(market, number), format=99, qsim="9.1")
    with pytest.raises(
        CorruptError, match=rf"{number:010d}.json: has format 99, of qsim 9\.1; this is qsim .* use the qsim"
    ):
        log.read(market)


def test_a_newer_format_is_told_though_its_checksum_is_made_in_another_way(market: Path) -> None:
    path = commit_path(market, 2)
    body = json.loads(path.read_bytes())["body"] | {"format": 2}
    path.write_text(json.dumps({"body": body, "sha256": "blake3:7f"}))
    with pytest.raises(CorruptError, match="has format 2, of qsim"):
        log.read(market)


def test_a_commit_tells_which_qsim_wrote_it(market: Path) -> None:
    assert log.writer_of(market, 3) == qsim.__version__
    rewrite(commit_path(market, 3), qsim="0.0.9")
    assert log.writer_of(market, 3) == "0.0.9"


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


def test_a_log_is_read_on_over_as_many_commits_as_a_checkpoint_holds(
    market: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log, "CHECKPOINT_EVERY", 4)
    known = log.read(market)
    grown(market, 4, known)
    for path in [commit_path(market, 0), *(path for _, path in log.checkpoints(market))]:
        path.unlink()
    assert log.read_on(market, known).number == 8


@pytest.mark.parametrize("vacuumed", [4, 5, 6])
def test_a_log_read_on_over_a_vacuum_keeps_what_was_replaced_after(market: Path, vacuumed: int) -> None:
    tip: Tip = log.read(market)
    known = []
    for number in range(3):
        tip = log.append(market, tip, tick=20, digest=0, removed=[f"events/{number}-0.parquet"])
        known.append(log.read(market))
    log.append(market, tip, tick=20, digest=0, vacuumed=vacuumed)
    whole = log.read(market)
    assert [at for _, at in whole.retired] == [at for at in (5, 6, 7) if at > vacuumed]
    assert [log.read_on(market, one) for one in known] == [whole] * 3


def test_a_follower_is_told_of_a_commit_after_the_one_it_knows(market: Path) -> None:
    known = log.read(market)
    assert not log.goes_on(market, known) and not log.goes_on(market, known)
    grown(market, 1, known)
    assert log.goes_on(market, known) and log.goes_on(market, known)


def test_a_follower_of_a_market_whose_commit_is_gone_is_told_that_it_was_replaced(market: Path) -> None:
    known = log.read(market)
    commit_path(market, 4).unlink()
    with pytest.raises(ReplacedError, match="_commits: commit 4, which was there, is gone: the market was replaced"):
        log.goes_on(market, known)


@pytest.mark.parametrize("looked", [False, True])
def test_a_follower_of_a_market_in_whose_place_another_is_is_told_of_it(market: Path, looked: bool) -> None:
    known = log.read(market)
    if looked:
        log.goes_on(market, known)
    rewrite(commit_path(market, 4), tick=21)
    for _ in range(2):
        with pytest.raises(ReplacedError, match="holds another market than the one that was opened"):
            log.goes_on(market, known)


def test_a_follower_reads_the_commit_that_it_knows_once(market: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    known, read, really = log.read(market), [], files.read

    def noted(path: Path) -> bytes:
        read.append(path)
        return really(path)

    monkeypatch.setattr(files, "read", noted)
    for _ in range(3):
        log.goes_on(market, known)
    assert read == [commit_path(market, 4)]


@pytest.mark.parametrize("number", [0, 3])
def test_nothing_is_committed_behind_a_commit_that_is_gone(tmp_path: Path, number: int) -> None:
    tip = grown(tmp_path, number + 1)
    commit_path(tmp_path, number).unlink()
    with pytest.raises(ConflictError, match="the market was replaced while it was being written"):
        log.append(tmp_path, tip, tick=99, digest=0)
    assert not commit_path(tmp_path, number + 1).exists()


def test_to_commit_that_nothing_happened_adds_a_commit_alone(market: Path) -> None:
    before = log.read(market)
    after = log.fence(market, before)
    assert after == log.read(market) and after.number == before.number + 1
    assert (after.tick, after.digest, after.files, after.epochs) == (20, 3**4, before.files, before.epochs)


@pytest.mark.parametrize("commits", [3, 5, 9])
def test_a_log_read_on_where_another_market_stands_now_is_that_markets(
    market: Path, tmp_path: Path, commits: int
) -> None:
    other = tmp_path / "other"
    (other / log.COMMITS).mkdir(parents=True)
    grown(other, commits - 1, log.append(other, EMPTY, tick=0, digest=7))
    assert log.read_on(other, log.read(market)) == log.read(other)


@pytest.mark.parametrize(("before", "after"), [(b",\n", b", "), (b"}\n", b"} "), (b"}\n", b"}"), (b"{", b" {")])
def test_white_space_changed_beside_a_commits_content_is_refused(market: Path, before: bytes, after: bytes) -> None:
    path = commit_path(market, 2)
    whole = path.read_bytes()
    path.write_bytes(after.join(whole.rsplit(before, 1)) if before != b"{" else whole.replace(before, after, 1))
    assert json.loads(path.read_bytes()) == json.loads(whole)
    with pytest.raises(CorruptError, match=path.name):
        log.read(market)


def test_a_newest_commit_of_zeros_is_left_out(market: Path) -> None:
    path = commit_path(market, 4)
    path.write_bytes(bytes(path.stat().st_size))
    assert log.read(market).number == 3


def test_a_commit_that_goes_back_in_time_is_refused(market: Path) -> None:
    rewrite(commit_path(market, 4), tick=1)
    with pytest.raises(CorruptError, match=r"0000000004\.json: does not follow commit 3"):
        log.read(market)


def test_a_file_that_is_named_twice_is_refused(market: Path) -> None:
    files = json.loads(commit_path(market, 1).read_bytes())["body"]["files"]
    rewrite(commit_path(market, 4), files=files)
    with pytest.raises(CorruptError, match=r"names events/1-0\.parquet a second time"):
        log.read(market)


@pytest.mark.parametrize("path", ["/etc/passwd", "../secret.parquet", "events/../../x", "events/.hidden", "x", "a/b/c"])
def test_a_commit_that_names_a_file_outside_the_market_is_refused(market: Path, path: str) -> None:
    files = json.loads(commit_path(market, 4).read_bytes())["body"]["files"]
    rewrite(commit_path(market, 4), files=[files[0] | {"path": path}])
    with pytest.raises(CorruptError, match="does not hold what a commit holds"):
        log.read(market)


@pytest.mark.parametrize(
    "changes",
    [
        {"files": 3},
        {"files": [{}]},
        {"tick": "x"},
        {"tick": 2**31},
        {"digest": 7},
        {"removed": 5},
        {"vacuumed": []},
        {"previous": None},
    ],
)
def test_a_commit_of_the_wrong_shape_is_refused_in_one_line(market: Path, changes: dict[str, Any]) -> None:
    rewrite(commit_path(market, 4), **changes)
    with pytest.raises(CorruptError, match=r"0000000004\.json: does not"):
        log.read(market)


def test_of_table_gives_one_tables_files_in_the_order_of_ticks_and_blocks(tmp_path: Path) -> None:
    head = grown(tmp_path, 3)
    added = [data_file(9, "events", block) for block in range(3)]
    log.append(tmp_path, head, tick=45, digest=1, added=added, epoch=None)
    named = log.read(tmp_path).of_table("events")
    assert named == [data_file(0), data_file(1), data_file(2), *added]
    assert [(file.first, file.block) for file in named] == sorted((file.first, file.block) for file in named)
