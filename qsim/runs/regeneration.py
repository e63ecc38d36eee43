"""A market simulated again from its seed, and what is stored of it held against that: nothing is written."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise

import pyarrow as pa
import pyarrow.compute as pc

from qsim import blocks, calendars, interrupts, simulation, versions
from qsim.errors import UsageError
from qsim.market.rules import Rules, Span
from qsim.params import Parameters
from qsim.runs import epochs, writing
from qsim.runs.opening import open_market
from qsim.runs.windows import TILED
from qsim.runs.writing import Writer
from qsim.schema import FEES, HISTORY, METRICS, PLATFORM_METRICS, SNAPSHOTS
from qsim.simulation import Course
from qsim.storage import digests, integrity, log, tables
from qsim.storage.log import Log
from qsim.storage.pieces import DataFile, Tip
from qsim.storage.places import Place

_PART = re.compile(r"all|(\d{1,18}):(\d{1,18})")
# What a market's digest leaves out, as it follows from the rest; but the snapshot of tick 0 is what the rest starts from.
_UNHASHED = (SNAPSHOTS.name, METRICS.name, PLATFORM_METRICS.name, "settings")


@dataclass
class Regenerated:
    """How many ticks were simulated again, what differs, and what could not be made again."""

    ticks: int = 0
    faults: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def part_of(text: str, head: int) -> tuple[int, int]:
    """Read `all` or FIRST:LAST as ticks of a market at a head; UsageError where it is neither."""
    found = _PART.fullmatch(text) if isinstance(text, str) else None
    first, last = (int(found[1]), int(found[2])) if found and found[1] else (0, head)
    if not found or not first <= last <= head:
        raise UsageError(
            f"regenerate: found {str(text)[:60]!r}; allowed are all and FIRST:LAST within 0:{head}; mend the ticks"
        )
    return first, last


def regenerate(market: Place, part: str) -> Regenerated:
    """Simulate a part of a market again, whole commits at a time, and compare digests and snapshots; tick 0 is its opening.

    Also sums the digests of all rows that are stored, which have to come to the market's own.
    """
    return integrity.at_newest(market, partial(_regenerated, market, part))


def _regenerated(market: Place, part: str, history: Log) -> Regenerated:
    first, last = part_of(part, history.tick)
    result = Regenerated()
    tips = [piece.tip for piece in log.commits(market)]
    if first == 0:
        _opening(market, history, tips[0], result)
    stretches = [(a, b) for a, b in pairwise(tips) if b.tick > a.tick and b.tick >= first and a.tick < last]
    if stretches:
        _ticks(market, history, stretches, result)
    if stored_digest(market, history) != history.digest:
        result.faults.append(f"{market}: the digest of its stored rows is not that of its log; restore it from a copy")
    return result


def _opening(market: Place, history: Log, tip: Tip, result: Regenerated) -> None:
    course = epochs.course_of(history)
    parameters = course.parameters[0]
    if parameters.catalog or parameters.calendar not in ("", calendars.SHIPPED):
        result.notes.append("tick 0 was not made again: its product list or calendar is the user's")
        return
    digest = epochs.epoch_digest(course.epochs[0], parameters) + _opening_digest(parameters)
    if digest % digests.MODULUS != tip.digest:
        result.faults.append(
            f"commit 0: the opening made again from seed {parameters.seed} has another digest; {_mend(market, 0)}"
        )


def _mend(market: Place, number: int) -> str:
    # Rules may change with qsim, and a sound market of before is then another: a copy of it would be so too.
    wrote, own = log.writer_of(market, number), versions.own()
    if wrote != own:
        return f"qsim {wrote} wrote it and this is {own}: use that one, or restore it from a copy"
    return "use the qsim that made it, if that was another; else restore it from a copy"


def _opening_digest(parameters: Parameters) -> int:
    opening = open_market(
        parameters.preset, [parameters.model_dump()], None, {}, None, strict=False, warn=lambda line: None
    )
    return sum(digests.of_opening(*part) for piece in opening.pieces for part in piece())


def _ticks(market: Place, history: Log, stretches: list[tuple[Tip, Tip]], result: Regenerated) -> None:
    """Step the market on from the snapshot before the first of these stretches, and compare commit by commit."""
    start = stretches[0][0].tick
    kept = max(file.last for file in history.of_table(SNAPSHOTS.name) if file.last <= start)
    writer = writing.writer_at(market, history, kept, 1)
    writing.step_on(writer, kept, start)
    for before, after in stretches:
        span = simulation.span(writer.world, before.tick + 1, after.tick)
        wanted = (after.digest - before.digest) % digests.MODULUS
        found = _stretch(writer, span, before.tick)
        if sum(found.values()) % digests.MODULUS != wanted:
            result.faults.append(_where(market, history, found, span, after))
            return
        result.ticks += len(span.ticks)
        for file in history.of_table(SNAPSHOTS.name):
            if file.last == after.tick and not tables.read(market, [file]).equals(
                blocks.snapshot_table(writer.blocks[file.block], writer.states[file.block], after.tick)
            ):
                result.faults.append(
                    f"{market / file.path}: is not the state that ticks made again from the seed reach"
                )


@interrupts.held_back()
def _stretch(writer: Writer, span: Span, before: int) -> dict[tuple[str, int], int]:
    """Take all blocks through a stretch; give the digest of what each table gains from each block."""
    rules = writing.rules_at(writer, span.ticks[0])
    found: dict[tuple[str, int], int] = {}
    work = partial(_block_digests, writer, rules)
    for _, results in simulation.run_windows(len(writer.blocks), [span], work, writer.workers):
        for of_block in results:
            found |= of_block
    fees = simulation.fee_changes(writer.world, span)
    found[FEES.name, 0] = digests.of_ticks(FEES.name, 0, fees)
    course = writer.world.course
    found["parameters", 0] = sum(
        epochs.epoch_digest(epoch, parameters)
        for epoch, parameters in zip(course.epochs[1:], course.parameters[1:], strict=True)
        if epoch.tick == before
    )
    return found


def _block_digests(writer: Writer, rules: Rules, at: int, span: Span) -> dict[tuple[str, int], int]:
    number = writer.blocks[at].number
    found = {(table.name, number): 0 for table in TILED}
    for tile in simulation.tiles(writer.blocks[at], writer.states[at], rules, span):
        for table in TILED:
            rows: pa.Table = getattr(tile, table.name)
            found[table.name, number] += digests.of_ticks(table.name, number, rows)
    return found


def _where(market: Place, history: Log, found: dict[tuple[str, int], int], span: Span, after: Tip) -> str:
    """Tell which table and block of a commit is not what its ticks, made again, give."""
    first, last = span.ticks[0], span.ticks[-1]
    for (name, block), digest in found.items():
        files = [
            file for file in history.of_table(name) if file.block == block and file.first <= last and file.last >= first
        ]
        stored = sum(
            digests.of_ticks(
                name, block, rows.filter(pc.and_(pc.greater_equal(tick, first), pc.less_equal(tick, last)))
            )
            for rows in (tables.read(market, [file]) for file in files)
            for tick in (rows["tick"],)
        )
        if stored != digest % digests.MODULUS:
            place = f"{market}: commit {after.number}: {name} of block {block}, ticks {first} to {last}"
            return f"{place}: not what the seed gives; {_mend(market, after.number)}"
    return f"{market}: commit {after.number}, ticks {first} to {last}: its digest is not that of its rows"


def stored_digest(market: Place, history: Log) -> int:
    """Sum the digests of all rows and parameters that a market stores; that of its log, where all is as it was made."""
    course: Course = epochs.course_of(history)
    total = sum(map(epochs.epoch_digest, course.epochs, course.parameters))
    for file in history.files:
        if file.table not in _UNHASHED or (file.table, file.last) == (SNAPSHOTS.name, 0):
            total += _file_digest(market, file)
    return total % digests.MODULUS


def _file_digest(market: Place, file: DataFile) -> int:
    rows = tables.read(market, [file])
    if file.last == 0 or file.table not in {table.name for table in HISTORY}:
        return digests.of_opening(file.table, file.block, rows)
    if file.first > 0:
        return digests.of_ticks(file.table, file.block, rows)
    # Discounts: of history they alone have rows of the opening, which merging puts beside later ones.
    opening = pc.equal(rows["tick"], 0)
    later = digests.of_ticks(file.table, file.block, rows.filter(pc.invert(opening)))
    return digests.of_opening(file.table, file.block, rows.filter(opening)) + later
