"""Markets on disk as tables, read without the code that wrote them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

REPLAYED = {
    "price_after_paise": "price_paise",
    "regular_price_paise": "regular_price_paise",
    "discount_bps": "discount_bps",
    "surge_bps": "surge_bps",
    "surge_fee_paise": "surge_fee_paise",
    "tick": "updated_tick",
}


@dataclass(frozen=True)
class Entry:
    """What a commit says."""

    tick: int
    digest: str
    epoch: dict[str, Any] | None
    files: list[dict[str, Any]]


def logged(market: Path) -> list[Entry]:
    """All commits of a market."""
    bodies = [json.loads(path.read_text())["body"] for path in sorted((market / "_commits").glob("*.json"))]
    return [Entry(body["tick"], body["digest"], body["epoch"], body["files"]) for body in bodies]


def named(market: Path) -> set[str]:
    """The paths of all files that the commits name."""
    return {file["path"] for entry in logged(market) for file in entry.files}


def unnamed(market: Path) -> list[str]:
    """The files of a market that are neither its log nor named by it, nor tell of processes."""
    found = {path.relative_to(market).as_posix() for path in market.rglob("*") if path.is_file()}
    log = {path for path in found if path.startswith(("_commits/0", "_checkpoints/0"))}
    process = {path for path in found if path.startswith("process/")}
    return sorted(found - log - named(market) - process - {"LOCK"})


def history(market: Path, table: str, tick: int | None = None) -> pl.DataFrame:
    """A history table of a market at rest in the order of its key, or its rows at one tick."""
    rows = pl.read_parquet(market / table / "*.parquet")
    rows = rows if tick is None else rows.filter(pl.col("tick") == tick)
    return rows.sort("tick", "listing_id" if "listing_id" in rows.columns else "block")


def replayed(market: Path, first: int, last: int) -> pl.DataFrame:
    """The listings at tick `last`, made of the snapshot at tick `first` and what changed between."""
    state = history(market, "snapshots", first).drop("tick")
    between = pl.col("tick").is_between(first + 1, last)
    events = history(market, "events").filter(between).group_by("listing_id", maintain_order=True).last()
    state = state.update(events.select("listing_id", **{new: old for old, new in REPLAYED.items()}), on="listing_id")
    own = history(market, "discounts").filter(between).group_by("listing_id", maintain_order=True).last()
    state = state.update(own.select("listing_id", own_discount_bps="discount_bps"), on="listing_id")
    return state.sort("listing_id")


def tree(place: Path, without: Collection[str] = ("LOCK", "process", "runs.jsonl")) -> dict[str, str]:
    """The sha256 of every file below a place, "" for a folder, by its path there; but the lock, which names the last writer, and
    what runs cost.
    """
    return {
        path.relative_to(place).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
        for path in sorted(place.rglob("*"))
        if path.name not in without
    }
