"""Charts of a market as inline SVG: prices with their deals, who is cheapest by hour, campaigns, savings, bands.

See `svg`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any

from qsim.monitoring.svg import (
    HEADROOM,
    HEIGHT,
    LEFT,
    RIGHT,
    TOP,
    WIDTH,
    clock_time,
    empty,
    figure,
    number,
    path,
    rect,
    rule,
    scale,
    text,
    time_axis,
    y_axis,
)

_LANE, _LANE_LETTERS, _PRICES_HEIGHT = 14, 10, 200
_NAMES_WIDTH, _NAME_LETTERS, _ROWS_HEIGHT = 164, 24, 160


def prices(
    title: str, lines: Mapping[str, Sequence[Sequence[float]]], window: tuple[float, float], steps: bool, note: str
) -> str:
    """Draw the price of each platform over time, and below in a lane each its deals as bands and its surges as marks.

    A point is [second, rupees, share of the time until the next one that a deal ran, and that a surge did].
    """
    values = [point[1] for line in lines.values() for point in line]
    if not values:
        return empty(title)
    parts, y = y_axis(min(values), max(values), "₹", _PRICES_HEIGHT)
    x = scale(*window, LEFT, WIDTH - RIGHT)
    bottom = _PRICES_HEIGHT + 10 + _LANE * len(lines)
    parts += time_axis(*window, x, bottom + 16, TOP)
    for nth, (name, line) in enumerate(lines.items()):
        ends = [*(point[0] for point in line[1:]), window[1]]
        held = [(x(point[0]), y(point[1])) for point in line]
        places = path([*held, (x(window[1]), held[-1][1])], steps)
        parts.append(f'<polyline class="s{nth % 8}" points="{places}"/>')
        top = _PRICES_HEIGHT + 8 + nth * _LANE
        parts.append(text(LEFT - 4, top + _LANE - 4, _cut(name, _LANE_LETTERS), "end", "code"))
        parts.append(rect("bed", LEFT, top + 2, WIDTH - RIGHT - LEFT, _LANE - 4))
        for (second, _, deal, surge), end in zip(line, ends, strict=True):
            if deal:
                parts.append(rect(f"c{nth % 8}", x(second), top + 2, x(end) - x(second), _LANE - 4, 0.2 + 0.8 * deal))
            if surge:
                wide = max(1.5, (x(end) - x(second)) * surge)
                parts.append(rect("mark", x(second), top, wide, _LANE / 3, 0.3 + 0.7 * surge))
    told = "; ".join(f"{name}: {line[-1][1]:.2f} rupees at last, {min(p[1] for p in line):.2f} to {max(p[1] for p in line):.2f}"
                     for name, line in lines.items())  # fmt: skip
    return figure(title, parts, list(lines), bottom + 22, told, note)


def heat(
    title: str,
    rows: Mapping[str, Sequence[tuple[str, float] | None]],
    times: Sequence[float],
    names: Sequence[str],
    note: str,
) -> str:
    """Draw for each row and time who won and with what share: the winner's colour, stronger for more."""
    if not rows or not times:
        return empty(title)
    codes, wide = _codes(names), (WIDTH - _NAMES_WIDTH - RIGHT) / len(times)
    parts, told, tall = [], [], min(40.0, max(22.0, _ROWS_HEIGHT / len(rows)))
    for row, (name, cells) in enumerate(rows.items()):
        top = TOP + row * tall
        parts.append(text(_NAMES_WIDTH - 6, top + tall / 2 + 3, _cut(name), "end"))
        for column, cell in enumerate(cells):
            if cell is None:
                continue
            x, (winner, share) = _NAMES_WIDTH + column * wide, cell
            hint = f"{name}, {clock_time(times[column])}: {winner} cheapest on {share:.0%}"
            parts.append(rect(f"c{names.index(winner) % 8}", x + 0.5, top, wide - 1, tall - 2, 0.1 + 0.3 * share, hint))
            if wide >= 14:
                parts.append(text(x + wide / 2, top + tall / 2 + 2, codes[winner], "middle", "code"))
        if cells and cells[-1]:
            told.append(f"{name}: {cells[-1][0]} at last, on {cells[-1][1]:.0%}")
    bottom = TOP + len(rows) * tall
    every = -(-len(times) // 9)
    parts += [
        text(_NAMES_WIDTH + (column + 0.5) * wide, bottom + 14, clock_time(times[column]), "middle")
        for column in range(len(times) - 1, -1, -every)
    ]
    return figure(title, parts, [f"{codes[name]} {name}" for name in names], bottom + 20, "; ".join(told), note)


def _codes(names: Sequence[str]) -> dict[str, str]:
    """Give each name the shortest beginning of two to four letters that no other one has, else its first letter and a number."""
    found: dict[str, str] = {}
    for name in names:
        begun = (name[:size] for size in range(2, 5) if sum(other[:size] == name[:size] for other in names) == 1)
        numbered = (f"{name[:1]}{number}" for number in range(1, len(names) + 1))
        # In capitals, since Bi and Bl look alike.
        codes = (code.upper() for code in chain(begun, numbered))
        found[name] = next(code for code in codes if code not in found.values())
    return found


def _cut(words: str, letters: int = _NAME_LETTERS) -> str:
    """Shorten a name in its middle, since long ones are often told apart by their ends."""
    if len(words) <= letters:
        return words
    end = letters // 3
    return f"{words[: letters - end - 1].rstrip()}…{words[-end:].lstrip()}"


def gantt(
    title: str,
    rows: Sequence[Mapping[str, Any]],
    names: Sequence[str],
    window: tuple[float, float],
    now: float,
    note: str,
) -> str:
    """Draw when each campaign runs, its colour being its platform's, and a line at now."""
    if not rows:
        return empty(title, "none runs from a day before to a day after")
    x, tall = scale(*window, _NAMES_WIDTH, WIDTH - RIGHT), 15
    bottom = TOP + tall * len(rows)
    parts = time_axis(*window, x, bottom + 18, TOP)
    for nth, row in enumerate(rows):
        top = TOP + nth * tall
        parts.append(text(_NAMES_WIDTH - 6, top + 11, _cut(row["campaign"]), "end"))
        colour = f"c{names.index(row['platform']) % 8}"
        for begin, end in row["spans"]:
            hint = f"{row['campaign']}: {row['platform']}, {row['kind']}, {clock_time(begin)} to {clock_time(end)}"
            faint = 1 if begin <= now < end else 0.5
            parts.append(rect(colour, x(begin), top + 2, max(1.5, x(end) - x(begin)), tall - 4, faint, hint))
    parts.append(rule("target", x(now), x(now), TOP - 4, bottom + 4))
    parts.append(text(x(now) + 4, TOP - 2, "now"))
    counts = {status: sum(row["status"] == status for row in rows) for status in ("running", "coming", "past")}
    told = "; ".join(f"{count} {status}" for status, count in counts.items())
    return figure(title, parts, names, bottom + 24, told, note)


def savings(title: str, rows: Sequence[tuple[str, float, float]], note: str) -> str:
    """Draw for each name two bars in rupees beside each other: what is saved, and the fees that are paid."""
    parts, y = y_axis(0.0, HEADROOM * max(max(row[1:]) for row in rows), "₹")
    room = (WIDTH - LEFT - RIGHT) / len(rows)
    for nth, (name, *values) in enumerate(rows):
        for side, value in enumerate(values):
            x = LEFT + (nth + 0.14 + 0.37 * side) * room
            parts.append(rect(f"c{side}", x, y(value), 0.35 * room, y(0) - y(value)))
            parts.append(text(x + 0.175 * room, y(value) - 4, f"₹{value:,.2f}", "middle"))
        parts.append(text(LEFT + (nth + 0.5) * room, HEIGHT - 14, name, "middle"))
    told = "; ".join(f"{name}: saved {saved:,.2f} rupees, fees {fees:,.2f}" for name, saved, fees in rows)
    return figure(title, parts, ["saved", "fees"], told=told, note=note)


def boxes(title: str, rows: Sequence[Mapping[str, Any]], note: str) -> str:
    """Draw for each platform its band, on it boxes of `multiplier` (filled) and `price` (hollow): ends, quartiles, median."""
    if not rows:
        return empty(title)
    values = [value for row in rows for value in (row["low"], row["high"], *row["multiplier"], *row["price"])]
    parts, y = y_axis(min(values), max(values), " %")
    room = (WIDTH - LEFT - RIGHT) / len(rows)
    told = []
    for nth, row in enumerate(rows):
        x = LEFT + nth * room
        parts.append(rect("band", x + room * 0.08, y(row["high"]), room * 0.84, y(row["low"]) - y(row["high"])))
        parts += _box(x + room * 0.34, room * 0.2, [y(value) for value in row["multiplier"]], f"c{nth % 8}")
        parts += _box(x + room * 0.66, room * 0.2, [y(value) for value in row["price"]], f"hollow s{nth % 8}")
        parts.append(text(x + room / 2, 226, row["platform"], "middle"))
        told.append(
            f"{row['platform']}: multipliers {number(row['multiplier'][0])} to {number(row['multiplier'][-1])} %,"
            f" band {number(row['low'])} to {number(row['high'])} %, prices around {number(row['price'][2])} %"
        )
    return figure(title, parts, told="; ".join(told), note=note)


def _box(middle: float, wide: float, at: Sequence[float], style: str) -> list[str]:
    low, first, median, third, high = at
    left, right = middle - wide / 2, middle + wide / 2
    return [
        rule("whisker", middle, middle, low, high),
        rect(style, left, third, wide, max(1.0, first - third)),
        rule("median", left, right, median, median),
    ]
