"""One look at the market for all clients: newer commits are moved to, and told to who follows."""

from __future__ import annotations

import asyncio
import logging
import subprocess
from dataclasses import dataclass
from time import monotonic, perf_counter

from qsim.errors import QsimError
from qsim.server.live import fault_of
from qsim.server.measures import Measures
from qsim.server.reading import Market
from qsim.server.streaming import BEAT_SECONDS, Feed

_logger = logging.getLogger("qsim")
# What is wrong with a market does not mend itself in a moment.
_WAIT_AFTER_FAULT = 2.0


@dataclass
class Following:
    """How following goes: when the market was last moved on, what is wrong or nothing, and the writer where it has one."""

    moved: float
    fault: str = ""
    writer: subprocess.Popen[bytes] | None = None

    @property
    def reasons(self) -> list[str]:
        """Tell all that is wrong."""
        return [reason for reason in (self.fault, fault_of(self.writer)) if reason]


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
            line = (
                str(fault)
                .replace(str(market.at.market.absolute()), "the market")
                .replace(str(market.at.market), "the market")
            )
            if line != state.fault:
                _logger.error("%s", fault)
            state.fault = line
        if monotonic() - beaten > BEAT_SECONDS:
            beaten = monotonic()
            await feed.beat()
