"""What a report tells of the market itself, over its last day: the figures of its charts, from the boards of the live page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from qsim import clock
from qsim.errors import UsageError
from qsim.money import BPS
from qsim.queries import board_history, board_market, board_states, boards
from qsim.queries.board_states import HOURS_SHOWN, Boards
from qsim.queries.connection import connected
from qsim.queries.frontier import frontier
from qsim.runs.epochs import course_of
from qsim.storage.log import Log
from qsim.storage.places import Place

# Changes of a line from which on it is drawn as means of equal stretches, and about so many of these.
_CROWDED, _STRETCHES = 160, 96
# Events that may be read for the hours of a day; where there are more, fewer hours are shown.
_MOST_EVENTS = 20_000_000


def day_before(history: Log) -> int:
    """Tell the tick a market day before the newest one, at least 0."""
    epochs = course_of(history).epochs
    return max(0, clock.tick_at(epochs, clock.epoch_of(epochs, history.tick).second_of(history.tick) - clock.DAY))


def told(shown: Boards) -> dict[str, Any]:
    """Tell of a market as it stands: `prices` of a product, `cheapest`, `depths`, `volatility`, `levels`, `campaigns`.

    All are of the last market day or of now; each says where it is of a sample of the products or of fewer hours.
    """
    product = board_market.featured(shown)
    return {
        "time": board_states.stamp(shown, shown.log.tick),
        "platforms": [row["platform"] for row in board_states.query(shown, "FROM platforms ORDER BY platform_id")],
        # First, as the states of the hours are made one from another, and the newest last.
        "cheapest": _cheapest(shown),
        "prices": None if product is None else _prices(shown, product),
        "depths": _depths(shown),
        "volatility": board_market.volatility(shown),
        "levels": board_market.levels(shown),
        "campaigns": board_market.campaigns(shown),
        "stock_moves": board_states.stock_moves(shown.course),
    }


def basket(market: Place, history: Log) -> dict[str, Any] | None:
    """Tell what the staples cost from one platform, two, and so on: what `frontier` gives, None where all platforms are closed."""
    with connected(market, history) as connection:
        try:
            return frontier(connection)
        except UsageError:
            return None


def _prices(shown: Boards, product: int) -> dict[str, Any]:
    """Tell a product's prices over the day as points [second, rupees, share on deal, share surging] of each platform."""
    # Every change: of thinned ones the lowest and the highest price would be others.
    board = board_history.prices(shown, product, every=1)
    window = board["from_time"], max(board["time"], board["from_time"] + 60)
    crowded = any(len(points) > _CROWDED for points in board["lines"].values())
    size = _even(window[1] - window[0]) if crowded else None
    lines, totals = {}, []
    for name, points in board["lines"].items():
        held = np.array(
            [[point[1], point[2] / 100, _is_deal(*point[3:]), max(point[4:]) > 0] for point in points], float
        )
        mean = _means(held, window, window[1] - window[0])[0]
        lines[name] = (held if size is None else _means(held, window, size)).round(4).tolist()
        totals.append({
            "platform": name, "now": points[-1][2] / 100, "lowest": held[:, 1].min(), "mean": round(mean[1], 2),
            "highest": held[:, 1].max(), "on_deal_pct": round(100 * mean[2], 1), "surging_pct": round(100 * mean[3], 1),
        })  # fmt: skip
    names = {name: board[name] for name in ("product_id", "product", "pack", "area")}
    return {
        **names,
        "from_time": window[0],
        "to_time": window[1],
        "stretch_seconds": size,
        "lines": lines,
        "totals": totals,
    }


def _is_deal(discount_bps: int, surge_bps: int, surge_fee_paise: int) -> bool:
    """Tell whether a discount is one to pay for: not suspended by an item's surge fee, nor taken back whole by surge."""
    return surge_fee_paise == 0 and (BPS - discount_bps) * (BPS + surge_bps) < BPS**2


def _even(seconds: float) -> int:
    """Give the length of about so many equal stretches, in whole minutes."""
    return max(60, round(seconds / _STRETCHES / 60) * 60)


def _means(held: Any, window: tuple[int, int], size: int) -> Any:
    """Average what holds from each point to the next over stretches of a size, f64[stretches, 4] with their beginnings."""
    begins = np.arange(window[0], window[1], size, dtype=float)
    edges = np.append(begins, window[1])
    times = np.append(held[:, 0], window[1])
    found = [begins]
    for column in held[:, 1:].T:
        area = np.append(0, np.cumsum(column * np.diff(times)))
        found.append(np.diff(np.interp(edges, times, area)) / np.diff(edges))
    return np.stack(found, axis=1)


def _cheapest(shown: Boards) -> dict[str, Any]:
    """Tell who is cheapest by category: at each hour the winner with its share of products, and each platform's mean share."""
    events = board_states.events_between(shown, day_before(shown.log), shown.log.tick)
    hours = max(1, min(HOURS_SHOWN, int(HOURS_SHOWN * _MOST_EVENTS / max(events, 1.0))))
    board = boards.cheapest(shown, hours=hours)
    winners: dict[str, list[tuple[str, float] | None]] = {}
    shares: dict[str, dict[str, float]] = {}
    for category in board["categories"]:
        of_hours = [[cell for cell in column["cells"] if cell["category"] == category] for column in board["columns"]]
        winners[category] = [(cells[0]["platform"], cells[0]["share"]) if cells else None for cells in of_hours]
        every = [cell for cells in of_hours for cell in cells]
        shares[category] = _mean_shares(every, sum(map(bool, of_hours)))
    times = [column["time"] for column in board["columns"]]
    kept = {name: board[name] for name in ("sample", "of_products", "left_out")}
    return {**kept, "hours": hours, "times": times, "winners": winners, "shares": shares}


def _mean_shares(cells: Sequence[dict[str, Any]], of: int) -> dict[str, float]:
    total: dict[str, float] = {}
    for cell in cells:
        total[cell["platform"]] = total.get(cell["platform"], 0.0) + cell["share"] / of
    return {name: round(share, 4) for name, share in total.items()}


def _depths(shown: Boards) -> dict[str, Any]:
    """Tell how deep the running discounts are: by class of depth, in percent, how many each platform has."""
    board = boards.depths(shown)
    bins: dict[int, dict[str, int]] = {}
    for row in board["bins"]:
        bins.setdefault(row["from_bps"] // 100, {})[row["platform"]] = row["listings"]
    deep = sum(row["listings"] for row in board["bins"] if row["from_bps"] >= 3000)
    running = sum(row["listings"] for row in board["bins"])
    return {
        "sample": board["sample"], "of_products": board["of_products"], "width_pct": board["bin_bps"] // 100, "running": running,
        "deep": deep, "bins": [{"from_pct": edge, "platforms": bins[edge]} for edge in sorted(bins)],
    }  # fmt: skip
