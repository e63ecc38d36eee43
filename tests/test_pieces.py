"""Commits and checkpoints by themselves: what they may hold, what they are read as, and how they follow and join one another."""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
from dataclasses import FrozenInstanceError, asdict, fields, replace
from pathlib import Path
from typing import Any

import pytest

from qsim.errors import CorruptError
from qsim.storage import files, log, pieces, rows, system
from qsim.storage.pieces import Piece, Tip
from qsim.streams import FORMAT_VERSION
from tests.files_of_commits import data_file


@pytest.mark.parametrize(
    "path", ["../x", "/etc/passwd", "a/b/c", "events/.x", "events/", "market.tom", "events/../x", "x"]
)
def test_a_commit_names_no_file_out_of_the_market(path: str) -> None:
    with pytest.raises(ValueError, match=re.escape(path)):
        data_file(path)


@pytest.mark.parametrize("name", ["rows", "bytes", "first", "last", "block"])
def test_the_numbers_of_a_file_are_whole_and_none_is_below_zero(name: str) -> None:
    assert asdict(data_file(**{name: 0}))[name] == 0
    for value in (-1, True, 1.0, "1", None):
        with pytest.raises(ValueError, match="events"):
            data_file(**{name: value})


@pytest.mark.parametrize(
    "record",
    [
        data_file(),
        log.EMPTY,
        Tip(0, "", 0, 0),
        system.look("/"),
        rows._Group(Path("a"), "", 0, (0, 0), (0, 0)),
    ],
    ids=lambda record: type(record).__name__,
)
def test_what_there_is_one_of_for_each_file_of_a_log_cannot_be_altered_and_carries_no_dict(record: Any) -> None:
    assert not hasattr(record, "__dict__")
    with pytest.raises(FrozenInstanceError):
        setattr(record, fields(record)[0].name, None)


def test_a_piece_that_was_read_cannot_be_altered() -> None:
    with pytest.raises(FrozenInstanceError):
        piece(3).since = 4  # type: ignore[misc]


def test_storage_is_imported_without_what_it_needs_for_some_of_its_work_alone() -> None:
    names = ", ".join(f"qsim.storage.{path.stem}" for path in Path(files.__file__).parent.glob("*.py"))
    program = f"import sys, {names}; print(*sorted({{'pyarrow', 'obstore', 'duckdb', 'polars'}} & sys.modules.keys()))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "\n"


def body(number: int = 5, **changes: Any) -> dict[str, Any]:
    common = {
        "format": FORMAT_VERSION,
        "number": number,
        "previous": "p",
        "tick": 9,
        "digest": "1f",
        "epoch": None,
        "files": [],
    }
    return common | changes


AT = Path("m/_commits/0000000005.json")


def test_a_commit_and_a_checkpoint_are_read_as_what_they_hold() -> None:
    plain = pieces.piece_of(AT, body(), "seal")
    assert plain == Piece(AT, 5, "p", Tip(5, "seal", 9, 31), [], [], [], -1)
    one = pieces.piece_of(AT, body(epoch={"tick": 3}, removed=["events/1.parquet"], vacuumed=2), "seal")
    assert (one.epochs, one.removed, one.vacuumed) == ([{"tick": 3}], [("events/1.parquet", 5)], 2)
    many = pieces.piece_of(
        AT, body(since=0, head="h", epochs=[{"tick": 1}, {"tick": 2}], removed=[["events/1.parquet", 4]]), "seal"
    )
    assert (many.since, many.tip.head, len(many.epochs), many.removed) == (0, "h", 2, [("events/1.parquet", 4)])
    assert pieces.piece_of(AT, body(since=5), "seal").since == 5


@pytest.mark.parametrize(
    ("changes", "line"),
    [({"number": 4}, "does not follow commit 4: it is commit 4"), ({"since": 6}, "does not follow"),
     ({"since": -1}, "does not follow"),
     ({"digest": "x"}, "does not hold"), ({"files": [{}]}, "does not hold"), ({"removed": [7]}, "does not hold"),
     ({"since": "a"}, "does not hold"), ({"epochs": None, "tick": None}, "does not hold")],
)  # fmt: skip
def test_a_commit_that_is_none_is_refused_under_its_name(changes: dict[str, Any], line: str) -> None:
    with pytest.raises(CorruptError, match=f"{AT}: {line}"):
        pieces.piece_of(AT, body(**changes), "seal")


def piece(number: int, tick: int = 0, previous: str = "", since: int | None = None, **changes: Any) -> Piece:
    start = number if since is None else since
    whole = Piece(
        AT, start, previous or (f"h{start - 1}" if start else ""), Tip(number, f"h{number}", tick, 0), [], [], [], -1
    )
    return replace(whole, **changes)


def test_a_piece_follows_the_one_before_by_number_hash_and_tick() -> None:
    before = Tip(4, "h4", 7, 0)
    pieces.check_follows(before, piece(5, 7))
    for wrong in (piece(6, 7, "h4"), piece(5, 7, "h3"), piece(5, 6)):
        with pytest.raises(CorruptError, match=r"does not follow commit 4 \(h4\)"):
            pieces.check_follows(before, wrong)
    with pytest.raises(CorruptError, match=r"does not follow commit 4 \(0123456789ab\)"):
        pieces.check_follows(replace(before, head="0123456789abcdef"), piece(5, 7))


@pytest.mark.parametrize("held", ["[]", '"text"', "7"])
def test_a_commit_sealed_over_what_is_no_object_is_refused(tmp_path: Path, held: str) -> None:
    seal = hashlib.sha256(held.encode()).hexdigest()
    (tmp_path / "1.json").write_text(f'{{"body": {held},\n"sha256": "{seal}"}}\n')
    with pytest.raises(CorruptError, match=r"1.json: its checksum is not that of its content"):
        pieces.opened(tmp_path / "1.json")


def test_joined_pieces_hold_what_is_left_of_all_their_files() -> None:
    old, new, last = (data_file(f"events/{name}.parquet") for name in ("old", "new", "last"))
    first = piece(3, 1, files=[old], epochs=[{"tick": 1}])
    second = piece(
        4, 2, files=[new], removed=[("events/old.parquet", 4), ("events/outside.parquet", 4)], epochs=[{"tick": 2}]
    )
    third = piece(5, 3, files=[last], vacuumed=4)
    found = pieces.joined([first, second])
    assert found == Piece(AT, 3, "h2", second.tip, [{"tick": 1}, {"tick": 2}], [new], second.removed, -1)
    # What came before the pieces is told on, for who joins them to what named it.
    assert pieces.joined([first, second, third]).removed == [("events/outside.parquet", 4)]
    assert pieces.joined([first, second, replace(third, vacuumed=3)]).removed == second.removed
    with pytest.raises(CorruptError, match=r"names events/old.parquet a second time"):
        pieces.joined([first, piece(4, 2, files=[replace(old, rows=1)])])
