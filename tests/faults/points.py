"""Faults at every call on the market directory, one at a time: a kill before it, an error from it, half a write by it."""

from __future__ import annotations

import random
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from qsim.storage.verification import PROCESS
from tests.faults import shim, steps
from tests.faults.steps import SCRIPT, SLOW, TO_CHECKPOINT, FoundError, Script, Step
from tests.faults.warm import Ended, Warm
from tests.stored import tree

# With a plus, every later call fails too, as on a disk that is full or gone for good.
FAULTS = ("KILL", "ENOSPC", "EIO", "EINTR", "SHORT", "ENOSPC+", "EIO+")
_ALLOWED = {"KILL": (-9,), "SHORT": (0,)}
# Whoever goes on after such a call was refused may have lost what it wrote. (A directory that is there need not be made.)
_NEVER_HARMLESS = {"write", "pwrite64", "fsync", "fdatasync", "rename", "link"}
_NOTES = f"/{PROCESS}/"


class Call(NamedTuple):
    """A call on the market directory: its number in the command, its name and its file."""

    number: int
    name: str
    path: str


@dataclass(frozen=True)
class Point:
    """A fault of one call of a step; the numbers of short writes count writes alone."""

    step: Step
    fault: str
    call: Call


@contextmanager
def field(script: tuple[tuple[str, ...], ...] = SCRIPT) -> Iterator[tuple[Warm, Script, Path]]:
    """A warm process with the library loaded, the script's markets, and a folder for more."""
    with tempfile.TemporaryDirectory(prefix="qsim-faults-") as name:
        place = Path(name)
        with Warm(shim.built(place)) as warm:
            yield warm, steps.made(warm, place, script), place


def _told(log: Path) -> list[Call]:
    calls = [line.split(" ", 2) for line in log.read_text().splitlines()] if log.exists() else []
    log.unlink(missing_ok=True)
    return sorted(Call(int(number), name, path) for number, name, path in calls)


def calls_of(warm: Warm, step: Step, market: Path) -> list[Call]:
    """Record the calls of a step on the market directory, in order."""
    step.prepared(market)
    log = market.with_name("calls")
    ended = warm.run(*step.on(market), fault={"directory": str(market), "kind": "COUNT", "log": str(log)})
    if ended.code:
        raise FoundError(f"{step.name}: ends with {ended} where calls are only counted")
    return _told(log)


def points_of(warm: Warm, step: Step, market: Path) -> list[Point]:
    """Enumerate the faults of all calls of a step."""
    calls = calls_of(warm, step, market)
    writes = [call for call in calls if "write" in call.name]
    found = [Point(step, fault, call) for fault in FAULTS if fault != "SHORT" for call in calls]
    return found + [Point(step, "SHORT", call._replace(number=at)) for at, call in enumerate(writes, 1)]


def put(warm: Warm, point: Point, market: Path) -> tuple[Ended, list[Call]]:
    """Run a point's command on the market as it stands with the fault; give its end and the call that was struck."""
    log = market.with_name("struck")
    fault = {
        "directory": str(market),
        "kind": point.fault.rstrip("+"),
        "number": point.call.number,
        "persistent": point.fault.endswith("+"),
        "log": str(log),
    }
    return warm.run(*point.step.on(market), fault=fault), _told(log)


def allowed(fault: str, hit: list[Call]) -> tuple[int, ...]:
    """Give the exit codes that a command may end with which met a fault of a call."""
    if not hit:
        return (0,)
    return (6,) if _never_harmless(fault, hit[0]) and _NOTES not in hit[0].path else _ALLOWED.get(fault, (0, 6))


def _never_harmless(fault: str, call: Call) -> bool:
    return fault.rstrip("+") in ("ENOSPC", "EIO") and call.name in _NEVER_HARMLESS


def _check_told(one: Point, ended: Ended, hit: list[Call], market: Path) -> None:
    """Check how a command ended that was not killed. One whose note of what it costs was refused goes on, and tells it."""
    steps.check_said(one.step, ended, allowed(one.fault, hit), str(market))
    note = hit and _NOTES in hit[0].path and _never_harmless(one.fault, hit[0])
    if note and not ended.code and "cannot be kept" not in ended.err:
        raise FoundError(f"{one.step.name}: a note of what the run costs is lost and nobody told; {ended}")


def check(warm: Warm, script: Script, point: Point, market: Path, again: Point | None = None) -> Counter[str]:
    """Put a fault, and maybe another to the same command given again; check the market after each and at the end."""
    point.step.prepared(market)
    counts: Counter[str] = Counter()
    for depth, one in enumerate([point, *([again] if again else [])], 1):
        ended, hit = put(warm, one, market)
        where = f"{one.fault} at {hit[0] if hit else 'no call'}"
        try:
            exists = depth > 1 and one.step.words[0] == "generate" and ended.code == 4
            if ended.code >= 0 and not exists:
                _check_told(one, ended, hit, market)
            steps.check_kept(script, one.step, market, ended)
        except FoundError as fault:
            raise FoundError(f"{where}, depth {depth}: {fault}") from None
        counts[f"{one.fault} (depth {depth})" if hit else "beyond the last call"] += 1
    # From the same bytes the command given again does the same, which was seen when the script was made.
    if tree(market) in (tree(point.step.before or market.with_name("none")), tree(point.step.after)):
        return counts + Counter({"left as before or after": 1})
    try:
        steps.check_completed(warm, point.step, market)
    except FoundError as fault:
        raise FoundError(f"{where}: {fault}; the fault ended with {ended}") from None
    return counts + Counter({"made good by the command given again": 1})


def campaign(count: int | None, seed: int, only: int | None = None, **those: str) -> Counter[str]:
    """Put all faults to all calls, or a sample of `count`, or `those` that are meant (see `chosen`); give the counts."""
    with field() as (warm, script, place):
        return sweep(warm, script, place, count, seed, only, **those)


def checkpoints(count: int | None, seed: int, only: int | None = None, **those: str) -> Counter[str]:
    """Do the same with a run that folds the log into a checkpoint."""
    with field(TO_CHECKPOINT) as (warm, script, place):
        return sweep(warm, script, place, count, seed, only, **those)


def chosen(found: list[Point], of: str = "", part: str = "") -> list[int]:
    """Give the numbers of the points whose description has the text `of`, of these by `part` I/N each Nth from the Ith on."""
    wanted = [at for at, point in enumerate(found) if of in f"{point.fault} {point.call.name} in {point.step.name}"]
    first, _, step = part.partition("/")
    return wanted[int(first) :: int(step)] if part else wanted


def sweep(
    warm: Warm, script: Script, place: Path, count: int | None, seed: int, only: int | None = None, **those: str
) -> Counter[str]:
    """Do what `campaign` does in a field that is there; goes on after a failure and tells all.

    Every third kill is followed by one of the command given again.
    """
    market, name = place / "m", "points" if len(script.steps) > 1 else "checkpoints"
    found = [point for step in script.steps if step.words != SLOW for point in points_of(warm, step, market)]
    wanted = chosen(found, **those)
    if only is not None or count is not None:
        wanted = (
            [only] if only is not None else sorted(random.Random(seed).sample(wanted, min(count or 0, len(wanted))))
        )
    counts, failures = Counter({"points enumerated": len(found)}), []
    for number in wanted:
        point = found[number]
        kills = [one for one in found if one.step == point.step and one.fault == "KILL"]
        again = random.Random(f"{seed}:{number}").choice(kills) if point.fault == "KILL" and number % 3 == 0 else None
        try:
            counts += check(warm, script, point, market, again)
        except FoundError as fault:
            failures.append(f"{fault}\n  replay: python -m tests.faults {name} --seed {seed} --only {number}")
        counts[point.step.name] += 1
    if failures:
        raise FoundError("\n".join([*failures, f"{len(failures)} of {len(wanted)} failed"]))
    return counts
