"""The stages of the pipeline one by one on one thread, in the order and the portions in which a worker takes them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter_ns

from qsim import allocation, events, rulebook, simulation, streams
from qsim.market import kernel
from qsim.market.rules import Rules, Span
from qsim.market.state import TILE_ROWS, Block, EventRows, State, WholeTicks, event_rows
from qsim.runs import writing
from qsim.schema import DISCOUNTS, EVENTS
from qsim.storage import digests, lock, parquet, tables
from qsim.streams import Purpose

STAGES = ("random bits", "step", "tile", "digest", "encode", "put")
TILES_A_FILE = 8


class Watch:
    """Adds up the time of each stage."""

    def __init__(self) -> None:
        self.spent: Counter[str] = Counter()

    @contextmanager
    def on(self, stage: str) -> Iterator[None]:
        """Add the time of what is done within to a stage."""
        began = perf_counter_ns()
        yield
        self.spent[stage] += perf_counter_ns() - began


def _tile(
    watch: Watch,
    block: Block,
    state: State,
    rules: Rules,
    window: Span,
    rows: EventRows,
    encoder: parquet.Encoder,
) -> None:
    """Take one block through the ticks of one tile, up to its encoding."""
    prepared = kernel.prepare(block, rules)
    rows = event_rows(TILE_ROWS, rows)
    with watch.on("random bits"):
        for tick in window.ticks:
            streams.bits(rules.seed, Purpose.CLASSIC_UPDATE, block.number, tick, 0, len(block.resting))
    whole: list[WholeTicks] = []
    with watch.on("step"):
        for part in kernel.stretches(block, prepared, rules, window):
            if kernel.is_whole(block, prepared, rules, window, part):
                whole.append(kernel.whole(block, prepared, state, rules, window, part, None))
            else:
                kernel.step(block, prepared, state, rules, window, part, rows)
    with watch.on("tile"):
        tiles = [events.whole_tile(block.number, one) for one in whole]
        tiles += [events.tile(block.number, rows)] if rows.count else []
    for tile in tiles:
        with watch.on("encode"):
            encoder.add(tile.events)
        with watch.on("digest"):
            digests.of_ticks(EVENTS.name, block.number, tile.events)
            digests.of_ticks(DISCOUNTS.name, block.number, tile.discounts)


def _file(watch: Watch, writer: writing.Writer, rules: Rules, first: int, rows: EventRows) -> int:
    """Take the first block through one file's worth of ticks from `first` on and write it; give the events."""
    block, state = writer.blocks[0], writer.states[0]
    ticks = max(1, TILE_ROWS // max(1, len(block.lanes)))
    encoder = parquet.Encoder(EVENTS.arrow())
    for begin in range(first, first + TILES_A_FILE * ticks, ticks):
        window = simulation.span(writer.world, begin, begin + ticks - 1)
        _tile(watch, block, state, rules, window, rows, encoder)
    with watch.on("encode"):
        data = encoder.finish()
    with watch.on("put"):
        span = (first, first + TILES_A_FILE * ticks - 1)
        tables.put_history(writer.market, EVENTS.name, data, encoder.rows, span, block.number)
    return encoder.rows


def measure(market: str, files: int) -> dict[str, list[float]]:
    """Measure nanoseconds an event of each stage, once a file, after a first file that does not count."""
    allocation.keep_freed_memory()  # as a run does
    with lock.writer_lock(Path(market)):
        writer = writing.open_writer(Path(market), 1)
        rules = rulebook.rules(writer.world.course.parameters[-1], writer.active_products, writer.highest_price)
        rows = event_rows(TILE_ROWS)
        taken: dict[str, list[float]] = {stage: [] for stage in STAGES}
        first = writer.tip.tick + 1
        ticks = TILES_A_FILE * max(1, TILE_ROWS // max(1, len(writer.blocks[0].lanes)))
        for number in range(files + 1):
            watch = Watch()
            made = _file(watch, writer, rules, first + number * ticks, rows)
            for stage in STAGES if number else ():
                taken[stage].append(watch.spent[stage] / max(1, made))
    return taken
