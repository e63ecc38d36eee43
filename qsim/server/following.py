"""One look at the market for all clients: newer commits are moved to, and told to who follows; and how the market is."""

from __future__ import annotations

import asyncio
import logging
import subprocess
from dataclasses import dataclass, field
from time import monotonic, perf_counter

from qsim.errors import QsimError
from qsim.monitoring import health
from qsim.monitoring.health import Reason
from qsim.server.live import fault_of
from qsim.server.measures import Measures
from qsim.server.reading import Market
from qsim.server.streaming import BEAT_SECONDS, Feed

_logger = logging.getLogger("qsim")
# What is wrong with a market does not mend itself in a moment.
_WAIT_AFTER_FAULT = 2.0
# A look at a market's health takes some hundredths of a second.
_LOOK_SECONDS = 5.0


@dataclass
class Following:
    """How following goes: when the market was last moved on, what is wrong or nothing, the writer where it has one, and what
    the last look at the market's health found: when, at which commit, in its history, and in its runs and the machine.
    """

    moved: float
    fault: str = ""
    writer: subprocess.Popen[bytes] | None = None
    looked: float = 0.0
    commit: int = -1
    history: list[Reason] = field(default_factory=list)
    now: list[Reason] = field(default_factory=list)

    @property
    def reasons(self) -> list[Reason]:
        """Tell all that is wrong: with the following, with the writer, with the market."""
        own = [health.of_fault(QsimError(self.fault), "following")] if self.fault else []
        return [*own, *fault_of(self.writer), *self.history, *self.now]


def look(market: Market, state: Following) -> None:
    """Look at a market's health; what lies in its history is looked at once a commit."""
    place, moment = market.at.market, market.moment
    try:
        if state.commit != moment.commit:
            state.history, state.commit = _hidden(market, health.of_history(place, moment.log)), moment.commit
        state.now = _hidden(market, health.of_now(place))
    except QsimError as fault:
        state.now = _hidden(market, [health.of_fault(fault)])
    state.looked = monotonic()


def _hidden(market: Market, reasons: list[Reason]) -> list[Reason]:
    """Leave out of reasons where the market lies, which is not told to clients."""
    return [{name: _nameless(market, words) for name, words in reason.items()} for reason in reasons]


def _nameless(market: Market, words: str) -> str:
    place = market.at.market
    return words.replace(str(place.absolute()), "the market").replace(str(place), "the market")


async def follow(market: Market, feed: Feed, measures: Measures, state: Following, every: float) -> None:
    """Look for newer commits for as long as the server runs; what is wrong is told by `state` and looked at again."""
    beaten = monotonic()
    while True:
        await asyncio.sleep(_WAIT_AFTER_FAULT if state.fault else every)
        begun = perf_counter()
        try:
            if await market.follow():
                measures.follow_seconds.observe(perf_counter() - begun)
                state.moved = monotonic()
                await feed.publish()
            state.fault = ""
        except QsimError as fault:
            measures.follow_faults.inc()
            line = _nameless(market, str(fault))
            if line != state.fault:
                _logger.error("%s", fault)
            state.fault = line
        if monotonic() - state.looked > _LOOK_SECONDS:
            await asyncio.to_thread(look, market, state)
        if monotonic() - beaten > BEAT_SECONDS:
            beaten = monotonic()
            await feed.beat()
