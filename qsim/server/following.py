"""One look at the market for all clients: newer commits are moved to, and told to who follows; and how the market is."""

from __future__ import annotations

import asyncio
import logging
import subprocess
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from time import monotonic, perf_counter
from typing import Any

from qsim.errors import QsimError
from qsim.monitoring import health, metrics
from qsim.monitoring.health import Reason
from qsim.queries import served
from qsim.server.live import fault_of
from qsim.server.measures import Measures
from qsim.server.problems import ProblemError
from qsim.server.reading import Market
from qsim.server.streaming import BEAT_SECONDS, Feed
from qsim.storage import integrity
from qsim.storage.places import renamed

_logger = logging.getLogger("qsim")
# What is wrong with a market does not mend itself in a moment.
_WAIT_AFTER_FAULT = 2.0
# A look at a market's health takes some hundredths of a second.
_LOOK_SECONDS = 5.0
# A look is due then, may wait for a commit to be followed and told, and takes its own time.
_UNLOOKED_SECONDS = 30.0


@dataclass
class Following:
    """How following goes: when the market was last moved on, what is wrong, when clients were last told that the server is
    there, the writer where it has one, whether its end was logged, and whether another market is in the place of its own; what the
    last look at the market's health found: when, at which commit (its hash), in its history, and in its runs and the machine; and
    what the ticks looked at did and the newest run cost.
    """

    moved: float
    faults: list[str] = field(default_factory=list)
    beaten: float = field(default_factory=monotonic)
    writer: subprocess.Popen[bytes] | None = None
    ended: bool = False
    replaced: bool = False
    looked: float = field(default_factory=monotonic)
    head: str = ""
    history: list[Reason] = field(default_factory=list)
    now: list[Reason] = field(default_factory=list)
    counts: list[dict[str, Any]] = field(default_factory=list)
    run: dict[str, Any] = field(default_factory=dict)

    @property
    def reasons(self) -> list[Reason]:
        """Tell all that is wrong: with the following, with the writer, with the market."""
        quiet, lines = monotonic() - self.looked, list(self.faults)
        if quiet > _UNLOOKED_SECONDS:
            lines.append(f"the server has not looked at the market for {quiet:,.0f} s; see its log, and start it again")
        own = [health.of_fault(QsimError(line), "following") for line in lines]
        return [*own, *fault_of(self.writer, self.replaced), *self.history, *self.now]


def look(market: Market, state: Following) -> None:
    """Look at a market's health; what lies in its history is looked at once a commit, files again where something touched them."""
    place, moment = market.at.market, market.moment
    try:
        if state.head != moment.log.head:
            rows = health.recent(place, moment.log)
            state.history = _hidden(market, health.of_history(place, moment.log, rows))
            state.counts, state.head = metrics.totals(rows, ("platform", "category")), moment.log.head
        found, state.run = health.of_now(place, moment.tick)
        integrity.checked(place, moment.log)
        state.now = _hidden(market, found)
    except QsimError as fault:
        if _is_overtaken(market):
            return
        state.now = _hidden(market, [health.of_fault(fault)])
    except OSError as fault:
        line = f"{place}: cannot be looked at: {fault.strerror or type(fault).__name__}; see that it is there and may be read"
        state.now = _hidden(market, [health.of_fault(QsimError(line))])
    state.looked = monotonic()


def _is_overtaken(market: Market) -> bool:
    """Tell whether vacuum has removed files of the commit looked at: it is looked again, at a newer one, in a moment."""
    with suppress(QsimError):
        return served.overtaken(market.at.market, market.moment.log)
    return False


def _hidden(market: Market, reasons: list[Reason]) -> list[Reason]:
    """Leave out of reasons where the market lies, which is not told to clients."""
    return [reason | {name: _nameless(market, reason[name]) for name in ("found", "mend")} for reason in reasons]


def _nameless(market: Market, words: str) -> str:
    return renamed(words, market.at.market.absolute(), "the market")


async def follow(market: Market, feed: Feed, measures: Measures, state: Following, every: float) -> None:
    """Look for newer commits for as long as the server runs; what is wrong is told by `state` and looked at again."""
    steps = (
        partial(_move, market, feed, measures, state), partial(_look, market, state), partial(_beat, feed, state),
        partial(_watch, state),
    )  # fmt: skip
    while True:
        await asyncio.sleep(_WAIT_AFTER_FAULT if state.faults else every)
        found = [await _fault_of(step, market, measures, state.faults) for step in steps]
        state.faults = [line for line in found if line]


async def _fault_of(step: Callable[[], Awaitable[None]], market: Market, measures: Measures, known: list[str]) -> str:
    """Take a step, which nothing that goes wrong is to make the last; give the line of that, or nothing."""
    try:
        await step()
    except Exception as fault:
        measures.follow_faults.inc()
        foreseen = isinstance(fault, (QsimError, ProblemError))
        told = fault if foreseen else f"the market cannot be followed ({type(fault).__name__}); see the server's log"
        line = _nameless(market, str(told))
        if line not in known:
            _logger.error("%s", fault, exc_info=None if foreseen else fault)
        return line
    return ""


async def _move(market: Market, feed: Feed, measures: Measures, state: Following) -> None:
    """Move to the newest commit, and tell of it; of one that could not be told before, or that a question moved to, as well."""
    begun = perf_counter()
    if await market.follow():
        measures.follow_seconds.observe(perf_counter() - begun)
        state.moved, state.replaced = monotonic(), market.replaced > 0
    await feed.publish()


async def _look(market: Market, state: Following) -> None:
    if monotonic() - state.looked > _LOOK_SECONDS:
        await asyncio.wrap_future(market.aside.submit(look, market, state))


async def _watch(state: Following) -> None:
    """Tell in the log, once, that the writer has ended."""
    for reason in () if state.ended else fault_of(state.writer, state.replaced):
        state.ended = True
        _logger.error("%s; %s", reason["found"], reason["mend"])


async def _beat(feed: Feed, state: Following) -> None:
    if monotonic() - state.beaten > BEAT_SECONDS:
        state.beaten = monotonic()
        await feed.beat()
