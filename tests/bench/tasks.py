"""What is measured in a fresh process of its own: `python -m tests.bench.tasks TASK ARGUMENTS`, both ways in JSON.

A process of its own keeps one run's memory and warm caches out of the next.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

import numpy as np
import pyarrow as pa

import qsim
from qsim import rulebook, simulation
from qsim.market.state import BLOCK_LISTINGS
from qsim.runs import verbs, writing
from qsim.schema import EVENTS
from qsim.storage import lock, log, parquet, uncached
from tests.bench import asked, stages, stored

ROOT = Path(__file__).parents[2]


# Off where the figures themselves are of no account, since each process imports everything anew.
fresh_processes = True


def in_child(task: str, **arguments: Any) -> dict[str, Any]:
    """Do a task in a fresh process and give what it measured."""
    if not fresh_processes:
        return TASKS[task](**json.loads(json.dumps(arguments, default=str)))
    command = [sys.executable, "-m", __name__, task, json.dumps(arguments, default=str)]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=True)
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def peak_mb() -> float:
    """Give the peak memory of this process, MB."""
    # ru_maxrss of a started process may be that of the one that started it; VmHWM is its own.
    status = Path("/proc/self/status")
    if status.exists():
        [peak] = [line for line in status.read_text().splitlines() if line.startswith("VmHWM")]
        return int(peak.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 1024)


def run(market: str, ticks: int, options: dict[str, Any]) -> dict[str, Any]:
    """Run a market on; give the seconds and CPU (of opening it alone, too), events and their files, digest, peak memory."""
    before = qsim.status(market)
    os.sync()
    began, cpu_began = perf_counter(), process_time()
    qsim.run(market, until=before["tick"])
    opened, cpu_opened = perf_counter(), process_time()
    after = qsim.run(market, ticks=ticks, **options)
    seconds, cpu = perf_counter() - opened, process_time() - cpu_opened
    return {
        "seconds": seconds,
        "cpu": cpu,
        "opening": opened - began,
        "opening_cpu": cpu_opened - cpu_began,
        "events": after["events"] - before["events"],
        "files": len(log.read(Path(market)).of_table(EVENTS.name)),
        "digest": after["digest"],
        "peak_mb": peak_mb(),
    }


def marks(market: str, ticks: int) -> dict[str, Any]:
    """Run a market on; give after each commit the tick, the seconds, the events so far and the peak memory."""
    told: list[tuple[int, float, int, float]] = []
    qsim.run(market, ticks=ticks, progress=lambda now: told.append((now.done, perf_counter(), now.events, peak_mb())))
    return {"marks": told}


def validate(market: str) -> dict[str, Any]:
    """Check a market; give the CPU seconds."""
    began = process_time()
    qsim.validate(market)
    return {"cpu": process_time() - began}


def _event_tables(writer: writing.Writer, ticks: int) -> list[pa.Table]:
    """Make event tables with a market's own content: the last that each block gives in so many ticks."""
    rules = rulebook.rules(writer.world.course.parameters[-1], writer.active_products, writer.highest_price)
    window = simulation.span(writer.world, writer.tip.tick + 1, writer.tip.tick + ticks)
    made = []
    for block, state in zip(writer.blocks, writer.states, strict=True):
        *_, last = simulation.tiles(block, state, rules, window)
        made.append(last.events)
    return [table for table in made if table.num_rows]


def _raw_file(path: Path, tables: list[pa.Table], rows: int, words: int, past_cache: bool) -> None:
    """Draw so many words, and encode so many rows into a file that is on disk at the end."""
    philox = np.random.Philox(key=[42, 1])
    for first in range(0, words, BLOCK_LISTINGS):
        philox.random_raw(min(BLOCK_LISTINGS, words - first))
    encoder = parquet.Encoder(tables[0].schema)
    while encoder.rows < rows:
        for table in tables:
            if encoder.rows < rows:
                encoder.add(table.slice(0, rows - encoder.rows))
    with path.open("wb", buffering=0) as file:
        if past_cache:
            uncached.write(file.fileno(), encoder.finish())
        else:
            file.write(encoder.finish())
        os.fsync(file.fileno())


def raw(
    market: str,
    folder: str,
    ticks: int,
    events: int,
    files: int,
    max_workers: int | None = None,
    past_cache: bool = False,
) -> dict[str, Any]:
    """Draw the words and write the rows of a run of a market, with nothing between, on as many threads; to ordinary files, or past
    the system's page cache as qsim does.
    """
    place = Path(folder)
    place.mkdir(parents=True)
    workers = verbs.workers_of(max_workers)
    with lock.writer_lock(Path(market)):
        writer = writing.open_writer(Path(market), workers)
    tables = _event_tables(writer, min(ticks, 16))
    words = ticks * sum(len(block.lanes) for block in writer.blocks)
    del writer
    os.sync()
    began, cpu_began = perf_counter(), process_time()
    with ThreadPoolExecutor(workers) as pool:
        shares = [
            pool.submit(_raw_file, place / f"{number}.parquet", tables, events // files, words // files, past_cache)
            for number in range(files)
        ]
        for share in shares:
            share.result()
    seconds, cpu = perf_counter() - began, process_time() - cpu_began
    return {"seconds": seconds, "cpu": cpu, "events": events // files * files}


def generate(folder: str, products: int, **parameters: Any) -> dict[str, Any]:
    """Generate and write a market; a small one is made first, so that imports and first calls are not counted."""
    qsim.generate(Path(folder) / "small", products=1000)
    os.sync()
    began = perf_counter()
    qsim.generate(Path(folder) / "market", products=products, **parameters)
    return {"seconds": perf_counter() - began, "peak_mb": peak_mb()}


TASKS: dict[str, Callable[..., dict[str, Any]]] = {
    "run": run,
    "raw": raw,
    "generate": generate,
    "live": asked.live,
    "marks": marks,
    "validate": validate,
    "queries": asked.measure,
    "rival": stored.rival,
    "stages": stages.measure,
}

if __name__ == "__main__":
    json.dump(TASKS[sys.argv[1]](**json.loads(sys.argv[2])), sys.stdout)
