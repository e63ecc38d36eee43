"""Commit logs made and changed by tests: commits of two files each, and bodies that are sealed rightly again."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from qsim.storage import log
from qsim.storage.log import EMPTY
from qsim.storage.pieces import DataFile, Tip


def data_file(number: int, table: str = "events", block: int = 0) -> DataFile:
    return DataFile(f"{table}/{number}-{block}.parquet", table, number, 10, "ab" * 32, number, number, block)


def grown(market: Path, commits: int, start: Tip = EMPTY) -> Tip:
    """Append commits, each of two files and every tenth with an epoch."""
    for table in ("events", "metrics", log.COMMITS, log.CHECKPOINTS):
        (market / table).mkdir(parents=True, exist_ok=True)
    head: Tip = start
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
    seal = hashlib.sha256(text.encode()).hexdigest()
    path.write_text(f'{{"body": {text},\n"sha256": "{seal}"}}\n')
