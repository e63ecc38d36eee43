"""Scenarios: named overlays on the run parameters of a market, for as long as they last.

Works out which parameters change when one begins or ends; makes no epoch and touches no market.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any

from qsim import params
from qsim.errors import UsageError
from qsim.params import Parameters, Whole

NONE = "none"
# What makes a section of the parameters do anything; one that is not named does something in every market.
_ACTS: dict[str, Callable[[Parameters], object]] = {
    "demand": lambda of: any(of.demand.a_day.values()),
    "supply": lambda of: any(of.demand.a_day.values()),
    "weather": lambda of: any(of.demand.a_day.values()),
    "surge_fees": lambda of: any(of.surge_fees.rupees),
    "sales": lambda of: of.sales.share and of.sales.days and of.sales.depths,
    "rivals": lambda of: of.rivals.known_share and of.rivals.looks_a_day and any(of.rivals.reactive.values()),
    "cost": lambda of: any(of.cost.volatility.values()),
    "shocks": lambda of: any(of.shocks.a_year.values()),
}

_logger = logging.getLogger("qsim")


def _acts(section: str, market: Parameters) -> bool:
    return bool(_ACTS.get(section, bool)(market))


def warn_of_idle(name: object, market: Parameters) -> None:
    """Warn of what the scenario of that name, if it is one, changes besides and a market under these parameters has nothing of."""
    if not isinstance(name, str) or name in ("", NONE):
        return
    if idle := [section for section in params.preset_values(name, "scenario") if not _acts(section, market)]:
        _logger.warning("scenario: %r also changes %s, of which this market has nothing", name, ", ".join(idle))


def overlay(name: str, before: Parameters) -> dict[str, Any]:
    """Give the changes that a scenario makes to a market that runs under `before`, as plain values.

    What the market does not have, such as demand, stays as it is; UsageError where none of it is there.
    """
    changes = params.preset_values(name, "scenario")
    acting = {section: table for section, table in changes.items() if _acts(section, before)}
    if not acting:
        raise UsageError(
            f"scenario: found {name!r}, which changes {', '.join(changes)}: the market has none of these;"
            " allowed is one that has; make it with --preset realistic"
        )
    absent = sorted(set(acting.get("demand", {}).get("closed", [])) - set(before.platforms))
    if absent:
        raise UsageError(
            f"scenario: found {name!r}, which closes {absent[0]!r}; the platforms are {', '.join(before.platforms)};"
            " set demand.closed to one of these instead"
        )
    return _laid(acting, before.model_dump())


def _laid(changes: Mapping[str, Any], now: Mapping[str, Any]) -> dict[str, Any]:
    """Work out the values of the sections of an overlay on those that stand now."""
    return {
        section: {key: _changed(value, now[section][key]) for key, value in table.items()}
        for section, table in changes.items()
    }


def _changed(change: Any, now: Any) -> Any:
    """Work out a value: "x1.5" multiplies, a lone value over a table or list goes to all of it, a plain table replaces."""
    if isinstance(now, Mapping) and not isinstance(change, Mapping):
        return Whole({key: _changed(change, inner) for key, inner in now.items()})
    if isinstance(now, list) and not isinstance(change, list):
        return [_changed(change, inner) for inner in now]
    if isinstance(change, Mapping):
        if any(isinstance(value, str) for value in change.values()):
            return {key: _changed(value, now[key]) for key, value in change.items()}
        return Whole(change)
    if isinstance(change, list) and len(change) == len(now):
        return [_changed(value, inner) for value, inner in zip(change, now, strict=True)]
    if isinstance(change, str) and isinstance(now, (int, float)):
        # As a person would write it: 1.264 and not 1.2640000000000002.
        return float(f"{now * float(change.removeprefix('x')):.12g}")
    return change


def _back(changes: Mapping[str, Any], now: Mapping[str, Any]) -> dict[str, Any]:
    """Give what stands in `now` for every key of the changes."""
    found: dict[str, Any] = {}
    for key, value in changes.items():
        if isinstance(value, Mapping) and not isinstance(value, Whole):
            found[key] = _back(value, now[key])
        else:
            found[key] = Whole(now[key]) if isinstance(now[key], Mapping) else now[key]
    return found


def opening(preset: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """Lay the scenario that `values` names under them: they win over it, and it over the preset."""
    name = values.get("scenario", "")
    if name in ("", NONE) or not isinstance(name, str):
        return {**values, **({"scenario": ""} if name == NONE else {})}
    without = params.resolve(preset, {**values, "scenario": ""})
    laid = overlay(name, without)
    warn_of_idle(name, without)
    return params.merge(laid, values)


def changes(course: Sequence[Parameters], values: Mapping[str, Any]) -> dict[str, Any]:
    """Turn the scenario that `values` names, if any, into changes to the newest parameters of a market's epochs.

    What another scenario set goes back to what the market had when that one began. `values` win over the scenario.
    """
    name, current = values.get("scenario"), course[-1]
    if not isinstance(name, str):
        return dict(values)
    name = "" if name == NONE else name
    made = _ending(current, _before(course))
    if name:
        made = params.merge(made, overlay(name, params.change(current, made)))
    return params.merge(made, {**values, "scenario": name})


def _ending(current: Parameters, before: Parameters) -> dict[str, Any]:
    """Give the changes that end the scenario that `current` runs under and that was laid over `before`."""
    if not current.scenario:
        return {}
    return {**_back(overlay(current.scenario, before), before.model_dump()), "scenario": ""}


def _before(course: Sequence[Parameters]) -> Parameters:
    """Give the parameters that the newest epoch's scenario was laid over; its own where none runs."""
    before = _unlaid(course[0])
    for last, now in pairwise(course):
        if now.scenario != last.scenario:
            before = params.change(last, _ending(last, before))
    return before if course[-1].scenario else course[-1]


def _unlaid(first: Parameters) -> Parameters:
    """Give what a market would have been generated with but for its scenario.

    A value that is what the scenario makes of the preset's is the scenario's; any other was asked for and stays.
    """
    if not first.scenario:
        return first
    plain = params.resolve(first.preset).model_dump()
    kept = _unlike(_laid(params.preset_values(first.scenario, "scenario"), plain), first.model_dump(), plain)
    return params.change(first, {**kept, "scenario": ""})


def _unlike(laid: Mapping[str, Any], now: Mapping[str, Any], preset: Mapping[str, Any]) -> dict[str, Any]:
    """Give for every key of an overlay what stands now, or the preset's where that is what the overlay makes of it."""
    found: dict[str, Any] = {}
    for key, value in laid.items():
        if isinstance(value, Mapping) and not isinstance(value, Whole):
            found[key] = _unlike(value, now[key], preset[key])
        else:
            kept = preset[key] if now[key] == value else now[key]
            found[key] = Whole(kept) if isinstance(kept, Mapping) else kept
    return found
