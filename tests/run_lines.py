"""Runs by the lines that they keep of themselves: read, written as if a run had gone so, and what health says of them."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from qsim.monitoring.health import health


def lines(market: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (market / "process" / "runs.jsonl").read_text().splitlines()]


def with_run(market: Path, **values: Any) -> None:
    """Write a line of a run as if it had gone so."""
    line = {
        "time": datetime.now(UTC).isoformat(timespec="milliseconds"), "kind": "run", "process": os.getpid(), "tick": 10,
        "done": 10, "wanted": 100, "events": 5, "lag_seconds": 0.0, "late_ticks": 0, "seconds": 1.0, "tick_seconds": 5.0,
        "cpu_seconds": 0.5, "cpu_percent": 50.0, "memory_bytes": 10**8, "disk_free_bytes": 10**11,
        "stage_seconds": {"simulate": 0.4},
    } | values  # fmt: skip
    (market / "process").mkdir(exist_ok=True)
    with (market / "process" / "runs.jsonl").open("a") as file:
        file.write(json.dumps(line) + "\n")


def about(market: Path, what: str) -> list[dict[str, Any]]:
    return [reason for reason in health(market)["reasons"] if reason["about"] == what]
