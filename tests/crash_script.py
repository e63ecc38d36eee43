"""A small writer that keeps tables of bytes by the storage of markets, in the order in which a market is written.

The commands are those of the command line: generate, run, compact, vacuum. Each can be given again after a crash.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa

from qsim.runs import verbs, writing
from qsim.storage import compaction, files, lock, log, tables
from qsim.storage.log import Log
from qsim.storage.pieces import DataFile, Tip

MARKET = Path("/market")
EVENTS = pa.schema([pa.field("tick", pa.uint32(), False)])


@dataclass
class Witness:
    """What was told to the user: the commits acknowledged, and the commands of the script that came to their end."""

    acknowledged: int = -1
    done: int = 0
    history: dict[int, Log] = field(default_factory=dict)

    def saw(self, tip: Tip) -> Tip:
        self.acknowledged = max(self.acknowledged, tip.number)
        return tip


def generate(witness: Witness) -> None:
    if log.exists(MARKET):
        # Who is told that a market is there goes on by a run, which settles its log before anything else.
        with lock.writer_lock(MARKET):
            writing.settled(MARKET)
        return
    with verbs.new_place(MARKET):
        text = b"seed = 42\n"
        settings = DataFile("market.toml", "settings", 0, len(text), files.put(MARKET / "market.toml", text), 0, 0, 0)
        added = [settings, _kept("snapshots", 0, 0)]
        witness.saw(log.append(MARKET, log.EMPTY, tick=0, digest=0, added=added))


def _kept(table: str, first: int, last: int) -> DataFile:
    rows = pa.table([pa.array(range(first, last + 1), pa.uint32())], schema=EVENTS)
    return tables.write_history(MARKET, table, rows, (first, last), 0)


def run(until: int) -> Callable[[Witness], None]:
    def command(witness: Witness) -> None:
        with lock.writer_lock(MARKET):
            history = writing.settled(MARKET)
            tip: Tip = log.tip_of(history)
            kept = history.of_table("snapshots")[-1].last
            while tip.tick < until:
                tick = tip.tick + 1
                added = [_kept("events", tick, tick), _kept("metrics", tick, tick)]
                if tick % 2 == 0:
                    added.append(_kept("snapshots", tick, tick))
                    kept = tick
                tip = witness.saw(log.append(MARKET, tip, tick=tick, digest=tip.digest + tick, added=added))
            if kept != tip.tick:
                added = [_kept("snapshots", tip.tick, tip.tick)]
                witness.saw(log.append(MARKET, tip, tick=tip.tick, digest=tip.digest, added=added))

    return command


def compact(witness: Witness) -> None:
    with lock.writer_lock(MARKET):
        witness.saw(compaction.compact(MARKET, writing.settled(MARKET), {"events": EVENTS, "metrics": EVENTS}))


def vacuum(witness: Witness) -> None:
    with lock.writer_lock(MARKET):
        witness.saw(compaction.vacuum(MARKET, writing.settled(MARKET), 0)[0])


SCRIPT: tuple[Callable[[Witness], None], ...] = (
    generate,
    run(2),
    run(3),
    compact,
    vacuum,
    run(5),
    compact,
    vacuum,
    run(6),
)
