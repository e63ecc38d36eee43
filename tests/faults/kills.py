"""Kills at random instants of every command, and of the same command given again; nothing acknowledged is lost."""

from __future__ import annotations

import random
import tempfile
import time
from collections import Counter
from pathlib import Path

from tests.faults import steps
from tests.faults.steps import FoundError, Script, Step
from tests.faults.warm import Ended, Warm


def _killed(warm: Warm, step: Step, market: Path, delay: float) -> Ended:
    command = warm.start(*step.on(market))
    time.sleep(delay)
    command.kill()
    return command.ended()


def durations(warm: Warm, script: Script, market: Path) -> dict[Step, float]:
    """Measure how long each step takes."""
    taken = {}
    for step in script.steps:
        step.prepared(market)
        begin = time.monotonic()
        warm.run(*step.on(market))
        taken[step] = time.monotonic() - begin
    return taken


def kill_one(warm: Warm, script: Script, step: Step, market: Path, delays: list[float]) -> Counter[str]:
    """Kill a step after each of the delays in turn, and check the market after each kill and at the end."""
    step.prepared(market)
    counts: Counter[str] = Counter()
    for depth, delay in enumerate(delays):
        ended = _killed(warm, step, market, delay)
        counts[f"kills at depth {depth + 1}" if ended.code == -9 else "ended before the kill"] += 1
        if ended.code not in (-9, 0) and not (depth and step.words[0] == "generate" and ended.code == 4):
            raise FoundError(f"{step.name}: exit code {ended.code}; {ended}")
        steps.check_kept(script, step, market, ended)
        counts["acknowledged ticks kept"] += max(0, ended.acknowledged)
    steps.check_completed(warm, step, market)
    return counts


def sweep(warm: Warm, script: Script, place: Path, count: int, seed: int, only: int | None = None) -> Counter[str]:
    """Do what `campaign` does with a warm process and the script's markets at hand."""
    counts: Counter[str] = Counter()
    taken = durations(warm, script, place / "m")
    for number in range(count) if only is None else [only]:
        chance = random.Random(f"{seed}:{number}")
        step = chance.choice(script.steps)
        delays = [chance.uniform(0, taken[step] * 0.95) for _ in range(1 + number % 2)]
        try:
            counts += kill_one(warm, script, step, place / "m", delays)
        except FoundError as fault:
            replay = f"python -m tests.faults kills --seed {seed} --only {number}"
            raise FoundError(f"{fault}\nkill {number} after {delays} s; replay: {replay}") from None
        counts[step.name] += 1
    return counts


def campaign(count: int | None, seed: int, only: int | None = None) -> Counter[str]:
    """Kill so many times (1,000 where none is given), every other one twice; give the counts. `only` replays one."""
    with tempfile.TemporaryDirectory(prefix="qsim-faults-") as name, Warm() as warm:
        return sweep(warm, steps.made(warm, Path(name)), Path(name), 1000 if count is None else count, seed, only)
