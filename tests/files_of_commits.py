"""Files of a market as commits name them, made for tests of the parts of storage by themselves."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from qsim.storage.pieces import DataFile


def data_file(path: str = "events/1.parquet", **changes: Any) -> DataFile:
    plain = {"table": "events", "rows": 0, "bytes": 0, "sha256": "", "first": 0, "last": 0, "block": 0}
    return DataFile(**{"path": path, **plain, **changes})


def within(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def committed(market: Path, name: str, content: bytes = b"12345") -> DataFile:
    (market / "events").mkdir(exist_ok=True)
    (market / "events" / name).write_bytes(content)
    return data_file(f"events/{name}", bytes=len(content), sha256=hashlib.sha256(content).hexdigest())
