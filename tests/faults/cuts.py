"""Power cuts on an ext4 disk in a file, at random instants of every command; nothing acknowledged is lost."""

from __future__ import annotations

import random
import tempfile
import time
from collections import Counter
from pathlib import Path

from tests.faults import kills, mounts, steps
from tests.faults.mounts import Disk
from tests.faults.steps import FoundError, Script, Step
from tests.faults.warm import Warm


def _cut(warm: Warm, script: Script, step: Step, disk: Disk, delay: float, killed: bool) -> Counter[str]:
    """Cut the power in a step; the program is killed with it, or lives to see the disk gone."""
    market = disk.at / "m"
    command = warm.start(*step.on(market))
    time.sleep(delay)
    disk.cut()
    if killed:
        command.kill()
    ended = command.ended()
    disk.restart()
    exists = step.words[0] == "generate" and ended.code == 4
    if ended.code not in (0, -9, 6) and not exists:
        raise FoundError(f"{step.name}: exit code {ended.code}; {ended}")
    steps.check_kept(script, step, market, ended)
    name = "ended before the cut" if ended.code == 0 else f"cuts met by exit {ended.code}"
    return Counter({name: 1, "acknowledged ticks kept": max(0, ended.acknowledged)})


def cut_one(warm: Warm, script: Script, step: Step, disk: Disk, delays: list[float], killed: bool) -> Counter[str]:
    """Cut the power in a step after each of the delays in turn, and check the market after each and at the end."""
    step.prepared(disk.at / "m")
    disk.sync()
    counts: Counter[str] = Counter()
    for delay in delays:
        counts += _cut(warm, script, step, disk, delay, killed)
    steps.check_completed(warm, step, disk.at / "m")
    return counts


def sweep(warm: Warm, script: Script, place: Path, count: int, seed: int, only: int | None = None) -> Counter[str]:
    """Do what `campaign` does with a warm process and the script's markets at hand."""
    counts: Counter[str] = Counter()
    with mounts.disk(place) as disk:
        taken = kills.durations(warm, script, disk.at / "m")
        for number in range(count) if only is None else [only]:
            chance = random.Random(f"{seed}:{number}")
            step = chance.choice(script.steps)
            delays = [chance.uniform(0, taken[step] * 0.95) for _ in range(1 + number % 2)]
            try:
                counts += cut_one(warm, script, step, disk, delays, killed=chance.random() < 0.5)
            except FoundError as fault:
                replay = f"python -m tests.faults cuts --seed {seed} --only {number}"
                raise FoundError(f"{fault}\ncut {number} after {delays} s; replay: {replay}") from None
            counts[step.name] += 1
    return counts


def campaign(count: int | None, seed: int, only: int | None = None) -> Counter[str]:
    """Cut the power so many times (500 where none is given), every other one twice; give the counts."""
    if reason := mounts.missing("disk"):
        raise OSError(reason)
    with tempfile.TemporaryDirectory(prefix="qsim-faults-") as name, Warm() as warm:
        return sweep(warm, steps.made(warm, Path(name)), Path(name), 500 if count is None else count, seed, only)
