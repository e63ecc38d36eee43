"""Figures of a benchmark: the runs' values, their median, and the target it is held against."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any


@dataclass(frozen=True)
class Figure:
    """One figure: what was measured in each run, its unit, and its target where it has one."""

    name: str
    runs: Sequence[float]
    unit: str
    at_least: float | None = None
    at_most: float | None = None

    @property
    def value(self) -> float:
        """Give the median of the runs."""
        return median(self.runs)

    @property
    def passed(self) -> bool | None:
        """Tell whether the median meets the target; none where there is no target."""
        if self.at_least is not None:
            return self.value >= self.at_least
        return None if self.at_most is None else self.value <= self.at_most

    @property
    def target(self) -> str:
        """Give the target in words; empty where there is none."""
        if self.at_least is not None:
            return f"at least {number(self.at_least)}"
        return "" if self.at_most is None else f"at most {number(self.at_most)}"

    def entry(self) -> dict[str, Any]:
        """Give the figure for JSON."""
        return {
            "name": self.name,
            "value": self.value,
            "unit": self.unit,
            "runs": list(self.runs),
            "target": self.target or None,
            "passed": self.passed,
        }

    def line(self) -> str:
        """Give the figure as a line of text: median, unit, range of the runs, target and verdict."""
        spread = f"{number(min(self.runs))} .. {number(max(self.runs))}" if len(self.runs) > 1 else ""
        verdict = {True: "pass", False: "FAIL", None: ""}[self.passed]
        return f"{self.name:<44} {number(self.value):>12} {self.unit:<12} {spread:<26} {self.target:<18} {verdict}".rstrip()


@dataclass(frozen=True)
class Skipped:
    """A figure that was not measured since a library is not installed."""

    name: str
    library: str

    def entry(self) -> dict[str, Any]:
        """Give for JSON what was skipped and why."""
        return {"name": self.name, "skipped": f"{self.library} is not installed"}

    def line(self) -> str:
        """Tell in a line of text what was skipped and why."""
        return f"{self.name:<44} skipped: {self.library} is not installed; pip install 'quickcommerce-sim[bench]'"


def number(value: float) -> str:
    """Write a number with three digits that count, or whole with thousands apart."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"
