"""What faults are put to: commands in a row, what a market is before and after each, and what must hold after a fault."""

from __future__ import annotations

import hashlib
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from qsim.cli import COMMANDS
from qsim.errors import ConflictError, QsimError
from qsim.storage import log
from tests.faults.warm import Ended, Warm
from tests.stored import logged, tree

_SAID = ("--log-level", "DEBUG")
# One command a line, DIR for the market; those that this qsim does not have are left out. Commits fall every 1,024 ticks.
SCRIPT = (
    ("generate", "DIR", "--products", "12", "--seed", "5", "--set", "batch_size=1"),
    ("run", "DIR", "--until", "1020", *_SAID),
    ("run", "DIR", "--until", "1030", *_SAID),
    ("run", "DIR", "--until", "1040", "--batch-size", "2", *_SAID),
    ("compact", "DIR"),
    ("vacuum", "DIR", "--grace", "0"),
    ("verify", "DIR"),
    ("run", "DIR", "--until", "1050", *_SAID),
)
# Takes many ticks without a call on the market: its points are those of the other runs.
SLOW = SCRIPT[1]
# So many calls that the next, which alone meets faults, folds the log into a checkpoint.
TO_CHECKPOINT = (SCRIPT[0], *(("run", "DIR", "--until", str(tick), *_SAID) for tick in [*range(1, 32), 40]))


class Standing(NamedTuple):
    """Where a market stands; -1 and an empty digest where there is none."""

    tick: int
    digest: str


class FoundError(AssertionError):
    """A market that is not what it must be after a fault."""


@dataclass(frozen=True)
class Step:
    """A command of the script, with the market before it (none for the first) and after it."""

    words: tuple[str, ...]
    before: Path | None
    after: Path

    @property
    def name(self) -> str:
        return " ".join(self.words[:1] + self.words[2:4])

    def on(self, market: Path) -> list[str]:
        """The command's words for a market."""
        return [str(market) if word == "DIR" else word for word in self.words]

    def prepared(self, market: Path) -> Path:
        """Put the market as it is before the command in place."""
        shutil.rmtree(market, ignore_errors=True)
        if self.before:
            shutil.copytree(self.before, market)
        return market


@dataclass(frozen=True)
class Script:
    """All steps, and the digest of each tick that a commit may reach."""

    steps: list[Step]
    digests: dict[int, str]


def standing(market: Path) -> Standing:
    """Read where a market stands, every named file against its sha256. All that is known here of storage is in this."""
    try:
        history = log.read(market)
    except ConflictError:
        return Standing(-1, "")
    except QsimError as fault:
        raise FoundError(f"the market cannot be opened: {fault}") from None
    for file in history.files:
        path = market / file.path
        if not path.is_file() or hashlib.sha256(path.read_bytes()).hexdigest() != file.sha256:
            raise FoundError(f"{file.path}: committed, but missing or not what was committed")
    return Standing(history.tick, f"{history.digest:032x}")


def made(warm: Warm, place: Path, script: tuple[tuple[str, ...], ...] = SCRIPT) -> Script:
    """Run a script without any fault, and keep the market after each step; of a long one its last step only is met."""
    market, steps, digests = place / "market", [], {-1: ""}
    before: Path | None = None
    for number, words in enumerate(words for words in script if words[0] in COMMANDS):
        step = Step(words, before, place / f"after-{number}")
        ended = warm.run(*step.on(market))
        if ended.code:
            raise FoundError(f"{step.name}: ends with {ended} where no fault is")
        shutil.copytree(market, step.after)
        digests |= {entry.tick: entry.digest for entry in logged(market)}
        steps.append(step)
        before = step.after
    return Script(steps if script == SCRIPT else steps[-1:], digests)


def check_kept(script: Script, step: Step, market: Path, ended: Ended) -> None:
    """Check that nothing acknowledged is lost and nothing is half there after a command met a fault."""
    now = standing(market)
    least = max(standing(step.before).tick if step.before else -1, ended.acknowledged)
    if ended.code == 0:
        least = standing(step.after).tick
    if now.tick < least:
        raise FoundError(f"{step.name}: tick {least} was acknowledged, {now.tick} is there; {ended}")
    if script.digests.get(now.tick) != now.digest:
        raise FoundError(f"{step.name}: at tick {now.tick} the digest is {now.digest}, not that of any commit; {ended}")


def check_said(step: Step, ended: Ended, allowed: tuple[int, ...], place: str) -> None:
    """Check that a command that met a fault told it in one line that names the place, with an allowed exit code."""
    last = ended.err.splitlines()[-1:] or [""]
    if ended.code not in allowed or "Traceback" in ended.err:
        raise FoundError(f"{step.name}: exit code {ended.code}, allowed are {allowed}; {ended}")
    if ended.code and not (last[0].startswith("qsim: ") and place in last[0] and ended.err.count("qsim: ") == 1):
        raise FoundError(f"{step.name}: exit {ended.code} is not told in one line naming {place}: {ended.err[-300:]!r}")


def check_completed(warm: Warm, step: Step, market: Path) -> None:
    """Give the command again, and check that the market becomes what it is where no fault was, byte for byte."""
    again = warm.run(*step.on(market))
    exists = step.words[0] == "generate" and again.code == 4 and standing(market).tick == 0
    if again.code and not exists:
        raise FoundError(f"{step.name}: given again after the fault, it ends with {again}")
    found, wanted = standing(market), standing(step.after)
    if found != wanted:
        raise FoundError(f"{step.name}: given again after the fault, it comes to {found}, not to {wanted}")
    if not exists:
        check_same_tree(step, market)


def check_same_tree(step: Step, market: Path) -> None:
    """Check that a market is what the step makes where no fault was, byte for byte."""
    ours, theirs = tree(market), tree(step.after)
    other = sorted(name for name in ours.keys() | theirs.keys() if ours.get(name) != theirs.get(name))
    if other:
        raise FoundError(f"{step.name}: other files or bytes than where no fault was: {other[:5]}")
