"""How close a market's prices come to those measured in real shops: panels, moments, a classifier, a score, charts."""

from __future__ import annotations

from qsim.realism.panel import Panel, from_long, from_market
from qsim.realism.validate import realism

__all__ = ["Panel", "from_long", "from_market", "realism"]
