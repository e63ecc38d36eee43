"""Pieces of the commit log: a commit, or a checkpoint that many were folded into, read, checked and joined."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from qsim import versions
from qsim.clock import MAX_TICK
from qsim.errors import CorruptError, one_line
from qsim.storage import files
from qsim.storage.places import Place
from qsim.streams import FORMAT_VERSION

_END = b"}\n"
# A path that leads out of the market would let a market that came from elsewhere read this machine's files.
_PATH = re.compile(r"(market(-[0-9a-f]{8})?\.toml|[a-z_]+/[\w-][\w.-]*)", re.ASCII)


@dataclass(frozen=True, slots=True)
class DataFile:
    """A committed file: its path in the market, table, rows, bytes and hash, and the ticks and block that it covers."""

    path: str
    table: str
    rows: int
    bytes: int
    sha256: str
    first: int
    last: int
    block: int

    def __post_init__(self) -> None:
        """ValueError where the path leads out of the market or a number is none."""
        numbers = (self.rows, self.bytes, self.first, self.last, self.block)
        if not _PATH.fullmatch(self.path) or not all(type(number) is int and number >= 0 for number in numbers):
            raise ValueError(self.path)


@dataclass(frozen=True, slots=True)
class Tip:
    """The newest commit, and all that a writer has to know of a log: number and hash, the tick reached, the digest."""

    number: int
    head: str
    tick: int
    digest: int


@dataclass(frozen=True)
class Piece:
    """A stretch of the log: the commits `since` to that of its tip, and what they add, take out and vacuum."""

    path: Place
    since: int
    previous: str
    tip: Tip
    epochs: list[dict[str, Any]]
    files: list[DataFile]
    removed: list[tuple[str, int]]
    vacuumed: int


def sealed(body: dict[str, Any]) -> tuple[bytes, str]:
    """Give the bytes of a file of the log, which hold a checksum of its body, and that checksum."""
    # Keys keep their order: that of the platforms in an epoch's parameters is their numbers.
    text = json.dumps(body, separators=(",", ":"))
    seal = hashlib.sha256(text.encode()).hexdigest()
    return f'{{"body": {text},\n"sha256": "{seal}"}}\n'.encode(), seal


class UnfinishedError(CorruptError):
    """A commit file that breaks off, as a crash of a disk may leave the newest one."""


def _read(data: bytes) -> tuple[dict[str, Any], str, bool]:
    """Read a body, empty where there is none, and its checksum; tell whether the bytes are to the last such a file's."""
    try:
        outer = json.loads(data)
        body, seal = outer["body"], outer["sha256"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return {}, "", False
    return (body, seal, sealed(body) == (data, seal)) if isinstance(body, dict) else ({}, "", False)


def _check_format(path: Place, body: dict[str, Any]) -> None:
    if body.get("format") != FORMAT_VERSION:
        found, by = (one_line(str(body.get(key)))[:40] for key in ("format", "qsim"))
        raise CorruptError(
            f"{path}: has format {found}, of qsim {by}; this is qsim {versions.own()}, which reads format {FORMAT_VERSION};"
            " use the qsim that made it; if that is this one, restore it from a copy of the market"
        )


def opened(path: Place) -> tuple[dict[str, Any], str]:
    """Read a file of the log; give its body and checksum.

    UnfinishedError where it breaks off, CorruptError where one byte is not what was written, or where its format is another.
    """
    data = files.read(path)
    body, seal, whole = _read(data)
    if body:
        # First of all: another format may have its checksum made in another way.
        _check_format(path, body)
    # A write that broke off lacks its end, or has zeros there; one that did not, and has another end, was changed.
    if not whole and not data.endswith(_END) and not _read(data[: -len(_END)] + _END)[2]:
        raise UnfinishedError(f"{path}: is not a whole commit; restore it from a copy of the market")
    if not whole:
        raise CorruptError(f"{path}: its checksum is not that of its content; restore it from a copy of the market")
    return body, seal


def piece_of(path: Place, body: dict[str, Any], seal: str) -> Piece:
    """Take a commit's or a checkpoint's body as a piece of the log; CorruptError where it is not that of its name."""
    number = int(path.stem)
    try:
        since = body.get("since", number)
        if body["number"] != number or not 0 <= since <= number:
            raise CorruptError(
                f"{path}: does not follow commit {number - 1}: it is commit {body['number']}; restore the log from one"
                " copy of the market"
            )
        if not 0 <= int(body["tick"]) <= MAX_TICK:
            raise ValueError(body["tick"])
        return Piece(
            path,
            since,
            body["previous"],
            Tip(number, body.get("head", seal), int(body["tick"]), int(body["digest"], 16)),
            body["epochs"] if "epochs" in body else [body["epoch"]] if body["epoch"] else [],
            [DataFile(**entry) for entry in body["files"]],
            [(entry, number) if isinstance(entry, str) else (entry[0], entry[1]) for entry in body.get("removed", [])],
            int(body.get("vacuumed", -1)),
        )
    except (KeyError, TypeError, ValueError):
        raise CorruptError(f"{path}: does not hold what a commit holds; restore it from a copy of the market") from None


def check_follows(before: Tip, piece: Piece) -> None:
    """Make sure that a piece goes on from a tip; CorruptError names the piece that does not."""
    if piece.since != before.number + 1 or piece.previous != before.head or piece.tip.tick < before.tick:
        raise CorruptError(
            f"{piece.path}: does not follow commit {before.number} ({before.head[:12]}); restore the log from one copy"
            " of the market"
        )


def joined(pieces: Sequence[Piece]) -> Piece:
    """Join pieces that follow one another; CorruptError names the one that does not, or that names a file twice."""
    first = pieces[0]
    tip = Tip(first.since - 1, first.previous if first.since else "", 0, 0)
    epochs: list[dict[str, Any]] = []
    kept: dict[str, DataFile] = {}
    removed: list[tuple[str, int]] = []
    outside: set[str] = set()
    for piece in pieces:
        check_follows(tip, piece)
        removed += piece.removed
        outside.update(name for name, _ in piece.removed if kept.pop(name, None) is None)
        for file in piece.files:
            if kept.setdefault(file.path, file) is not file:
                raise CorruptError(
                    f"{piece.path}: names {file.path} a second time; restore the log from a copy of the market"
                )
        tip, epochs = piece.tip, epochs + piece.epochs
    vacuumed = max(piece.vacuumed for piece in pieces)
    removed = [(name, at) for name, at in removed if at > vacuumed or name in outside]
    return Piece(first.path, first.since, first.previous, tip, epochs, list(kept.values()), removed, vacuumed)
