"""Disks that are full, cannot be written or take no longer files; the command tells it, and works once they are mended."""

from __future__ import annotations

import random
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from tests.faults import mounts, steps
from tests.faults.steps import SLOW, FoundError, Script, Step
from tests.faults.warm import Ended, Warm
from tests.stored import tree

_PAGE = 4096
_FILE_STEP = 512
Case = tuple[str, Step, int]


def _told(script: Script, step: Step, market: Path, ended: Ended) -> str:
    """Check what a command told that met a disk which refuses; give how it ended."""
    steps.check_said(step, ended, (0, 6), str(market))
    steps.check_kept(script, step, market, ended)
    return f"exit {ended.code}"


def _file_limit(warm: Warm, script: Script, step: Step, place: Path, size: int) -> str:
    market = step.prepared(place / "m")
    told = _told(script, step, market, warm.run(*step.on(market), file_limit=size))
    steps.check_completed(warm, step, market)
    return told


def _full_disk(warm: Warm, script: Script, step: Step, place: Path, pages: int) -> str:
    with mounts.tmpfs(place / "t") as disk:
        market = step.prepared(disk / "m")
        # A size of none would stand for no limit, which cannot be set again.
        size = max(1, shutil.disk_usage(disk).used + pages * _PAGE)
        mounts.remount(disk, f"size={size}")
        told = _told(script, step, market, warm.run(*step.on(market)))
        mounts.remount(disk, "size=64m")
        steps.check_completed(warm, step, market)
    return told


def _unchanged(step: Step, market: Path, run: Callable[[], Ended]) -> Ended:
    before = tree(market)
    ended = run()
    if tree(market) != before:
        raise FoundError(f"{step.name}: the market changed where nothing can be written; {ended}")
    return ended


def _read_only(warm: Warm, script: Script, step: Step, place: Path, _: int) -> str:
    with mounts.tmpfs(place / "t") as disk:
        market = step.prepared(disk / "m")
        mounts.remount(disk, "ro")
        told = _told(script, step, market, _unchanged(step, market, lambda: warm.run(*step.on(market))))
        mounts.remount(disk, "rw")
        steps.check_completed(warm, step, market)
    return told


def _immutable(warm: Warm, script: Script, step: Step, place: Path, _: int) -> str:
    (place / "i").mkdir(exist_ok=True)
    market = step.prepared(place / "i" / "m")
    with mounts.immutable(place / "i"):
        told = _told(script, step, market, _unchanged(step, market, lambda: warm.run(*step.on(market))))
    steps.check_completed(warm, step, market)
    return told


KINDS = {"file limit": _file_limit, "full disk": _full_disk, "read-only": _read_only, "immutable": _immutable}
NEEDS = {"full disk": "tmpfs", "read-only": "tmpfs", "immutable": "immutable"}


def _bytes(directory: Path | None) -> list[int]:
    return [path.stat().st_size for path in directory.rglob("*") if path.is_file()] if directory else []


def cases(script: Script, kinds: list[str]) -> list[Case]:
    """Enumerate the cases of some kinds: each size at which a step's disk or files may come to their end."""
    found: list[Case] = []
    for step in script.steps:
        largest, grown = max(_bytes(step.after)), sum(_bytes(step.after)) - sum(_bytes(step.before))
        # Each file takes a page more at most, and a temporary one another.
        pages = grown // _PAGE + len(_bytes(step.after)) - len(_bytes(step.before)) + 12
        sizes = {"file limit": range(0, largest + _FILE_STEP, _FILE_STEP), "full disk": range(max(1, pages))}
        found += [(kind, step, size) for kind in kinds for size in sizes.get(kind, range(1))]
    return found


def sweep(warm: Warm, script: Script, place: Path, chosen: dict[int, Case], seed: int) -> Counter[str]:
    """Put cases by number; give the counts. Goes on after a failure and tells all."""
    counts: Counter[str] = Counter()
    failures = []
    for number, (kind, step, size) in chosen.items():
        try:
            counts[f"{kind}: {KINDS[kind](warm, script, step, place, size)}"] += 1
        except FoundError as fault:
            replay = f"python -m tests.faults full --seed {seed} --only {number}"
            failures.append(f"{kind} {size}: {fault}\n  replay: {replay}")
        counts[step.name] += 1
    if failures:
        raise FoundError("\n".join([*failures, f"{len(failures)} of {len(chosen)} failed"]))
    return counts


def sample(script: Script, kinds: list[str], count: int | None, seed: int, only: int | None) -> dict[int, Case]:
    """Choose cases: all, so many without the slow step, or one."""
    every = dict(enumerate(cases(script, kinds)))
    if only is not None:
        return {only: every[only]}
    if count is None:
        return every
    quick = [number for number, (_, step, _) in every.items() if step.words != SLOW]
    return {number: every[number] for number in sorted(random.Random(seed).sample(quick, min(count, len(quick))))}


def campaign(count: int | None, seed: int, only: int | None = None) -> Counter[str]:
    """Put all cases, or a sample; what cannot be had here is left out, and told in the counts."""
    absent = {kind: reason for kind, need in NEEDS.items() if (reason := mounts.missing(need))}
    kinds = [kind for kind in KINDS if kind not in absent]
    with tempfile.TemporaryDirectory(prefix="qsim-faults-") as name, Warm() as warm:
        script = steps.made(warm, Path(name))
        counts = sweep(warm, script, Path(name), sample(script, kinds, count, seed, only), seed)
    return counts + Counter({f"{kind} left out: {reason}": 1 for kind, reason in absent.items()})
