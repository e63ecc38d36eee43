"""Charts as inline SVG that needs no script and no network: lines, bars, stacks, and what all charts are drawn with.

Colours come from the page's style.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from html import escape

WIDTH, HEIGHT = 640, 240
LEFT, RIGHT, TOP, BOTTOM = 56, 12, 12, 34
_TIME_STEPS = (60, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400, 7 * 86_400, 30 * 86_400)
_MOST_LABELS = 9
HEADROOM = 1.06

Points = Sequence[tuple[float, float]]
Scale = Callable[[float], float]


def scale(low: float, high: float, start: float, end: float) -> Scale:
    """Give what turns values low..high into places start..end."""
    return lambda value: start + (value - low) / ((high - low) or 1) * (end - start)


def number(value: float) -> str:
    """Write a number as short as a label needs it; M is for millions."""
    if abs(value) >= 1e6:
        return f"{value / 1e6:,.4g} M"
    return f"{value:,.0f}" if abs(value) >= 100 or value == round(value) else f"{value:,.4g}"


def text(x: float, y: float, words: str, anchor: str = "start", style: str = "") -> str:
    """Write words at a place."""
    style = f' class="{style}"' if style else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{style}>{escape(words)}</text>'


def rect(style: str, x: float, y: float, width: float, height: float, opacity: float = 1, hint: str = "") -> str:
    """Draw a rectangle; `hint` is told where a pointer rests on it."""
    faint = f' fill-opacity="{opacity:.2f}"' if opacity < 1 else ""
    inside = f"><title>{escape(hint)}</title></rect>" if hint else "/>"
    return f'<rect class="{style}" x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}"{faint}{inside}'


def rule(style: str, x1: float, x2: float, y1: float, y2: float) -> str:
    """Draw a straight line."""
    return f'<line class="{style}" x1="{x1:.1f}" x2="{x2:.1f}" y1="{y1:.1f}" y2="{y2:.1f}"/>'


def figure(
    title: str, parts: Sequence[str], legend: Sequence[str] = (), height: float = HEIGHT, told: str = "", note: str = ""
) -> str:
    """Put a chart in its frame: title, drawing, names by colour, a note; `told` is what it shows, for those who cannot see it."""
    keys = "".join(f'<li><i class="c{nth % 8}"></i>{escape(name)}</li>' for nth, name in enumerate(legend))
    label = escape(". ".join(filter(None, (title, told))), quote=True)
    return (
        f'<figure><figcaption>{escape(title)}</figcaption><div class="scroll" tabindex="0"><svg'
        f' viewBox="0 0 {WIDTH} {height:.0f}" role="img" aria-label="{label}">{"".join(parts)}</svg></div>'
        f"{f'<ul>{keys}</ul>' if keys else ''}"
        f"{f'<p>{escape(note)}</p>' if note else ''}</figure>"
    )


def empty(title: str, why: str = "nothing to show yet") -> str:
    """Tell in a chart's place why there is none."""
    return f"<figure><figcaption>{escape(title)}: {escape(why)}</figcaption></figure>"


def _nice(span: float) -> float:
    """Give a step of 1, 2 or 5 times a power of ten that cuts a span into about five."""
    raw = span / 5 if span > 0 else 1.0
    power = 10.0 ** math.floor(math.log10(raw))
    return next(step for factor in (1, 2, 5, 10) if (step := factor * power) >= raw * 0.999)


def y_axis(low: float, high: float, unit: str, bottom: float = HEIGHT - BOTTOM) -> tuple[list[str], Scale]:
    """Draw an axis of values around low..high down to a place; give it with the scale of its values."""
    step = _nice(high - low)
    low, high = math.floor(low / step) * step, max(math.ceil(high / step) * step, math.floor(low / step) * step + step)
    at, parts = scale(low, high, bottom, TOP), []
    for nth in range(round((high - low) / step) + 1):
        value = round(low + nth * step, 10)
        parts.append(rule("grid", LEFT, WIDTH - RIGHT, at(value), at(value)))
        words = f"{unit}{number(value)}" if unit == "₹" else f"{number(value)}{unit}"
        parts.append(text(LEFT - 6, at(value) + 4, words, "end"))
    return parts, at


def clock_time(second: float) -> str:
    """Write the time of day of a second of 1970 on a clock in India."""
    return f"{datetime.fromtimestamp(second, UTC):%H:%M}"


def time_axis(first: float, last: float, x: Scale, y: float, top: float | None = None) -> list[str]:
    """Label whole hours, or what fits, of seconds of 1970 below a chart, midnights by their date; `top`: with lines up to it."""
    step = next((step for step in _TIME_STEPS if (last - first) / step < _MOST_LABELS), _TIME_STEPS[-1])
    parts = []
    for second in range(math.ceil(first / step) * step, math.floor(last) + 1, step):
        when = datetime.fromtimestamp(second, UTC)
        words = f"{when.day} {when:%b}" if second % 86_400 == 0 else clock_time(second)
        # At the edge a label would be cut.
        place = min(max(x(second), x(first) + 12), x(last) - 14)
        parts += [rule("grid", x(second), x(second), top, y - 12)] if top is not None else []
        parts.append(text(place, y, words, "middle"))
    return parts


def path(points: Points, steps: bool) -> str:
    """Write places as the points of a line; `steps` holds each value until the next."""
    found, before = [], None
    for x, y in points:
        if before is not None and steps:
            found.append(f"{x:.1f},{before:.1f}")
        found.append(f"{x:.1f},{y:.1f}")
        before = y
    return " ".join(found)


def lines(title: str, series: Mapping[str, Points], note: str = "") -> str:
    """Draw lines over ticks, one a name, from 0 on."""
    points = [point for line in series.values() for point in line]
    if not points:
        return empty(title)
    ticks = [point[0] for point in points]
    parts, y = y_axis(0.0, max(point[1] for point in points), "")
    first, last = min(ticks), max(max(ticks), min(ticks) + 1)
    x = scale(first, last, LEFT, WIDTH - RIGHT)
    labels = enumerate(("start", "middle", "middle", "middle", "end") if max(ticks) > first else ("start",))
    for nth, anchor in labels:
        tick = first + (last - first) * nth / 4
        parts.append(text(x(tick), HEIGHT - 10, f"tick {tick:,.0f}", anchor))
    for nth, line in enumerate(series.values()):
        places = [(x(tick), y(value)) for tick, value in line]
        parts.append(f'<polyline class="s{nth % 8}" points="{path(places, steps=False)}"/>')
        if max(ticks) == first:
            # A line over one tick alone has no length.
            parts.append(f'<circle class="c{nth % 8}" cx="{x(first):.1f}" cy="{places[-1][1]:.1f}" r="4"/>')
    told = "; ".join(f"{name}: {number(line[-1][1])} at last, up to {number(max(point[1] for point in line))}"
                     for name, line in series.items() if line)  # fmt: skip
    return figure(title, parts, list(series) if len(series) > 1 else [], told=told, note=note)


def bars(
    title: str, values: Mapping[str, float], unit: str = "", targets: Mapping[str, float] | None = None, note: str = ""
) -> str:
    """Draw a bar for each name, its value over it, and a line across it where it has a target."""
    if not values:
        return empty(title)
    targets = targets or {}
    # The value over the highest bar has to have room below the edge.
    parts, y = y_axis(0.0, HEADROOM * max(*values.values(), *targets.values(), 0.0), unit)
    room = (WIDTH - LEFT - RIGHT) / len(values)
    for nth, (name, value) in enumerate(values.items()):
        x = LEFT + nth * room
        middle = x + room / 2
        parts.append(rect("c0", x + room * 0.15, y(value), room * 0.7, y(0) - y(value)))
        highest = max(value, targets.get(name, 0.0))
        if name in targets:
            parts.append(rule("target", x + room * 0.06, x + room * 0.94, y(targets[name]), y(targets[name])))
        parts.append(text(middle, y(highest) - 4, f"{number(value)}{unit}", "middle"))
        parts.append(text(middle, HEIGHT - 14, name, "middle"))
    told = "; ".join(f"{name}: {number(value)}{unit}" + (f", target {number(targets[name])}{unit}" if name in targets else "")
                     for name, value in values.items())  # fmt: skip
    return figure(title, parts, told=told, note=note)


def stacked(
    title: str, values: Mapping[float, Mapping[str, float]], width: float, unit: str, mark: float, note: str = ""
) -> str:
    """Draw a histogram of classes named by their lower edge, each so wide, names over one another, and a line at a mark."""
    if not values:
        return empty(title)
    names = list(dict.fromkeys(name for part in values.values() for name in part))
    parts, y = y_axis(0.0, max(sum(part.values()) for part in values.values()), "")
    first, last = min(values), max(max(values), mark) + width
    x = scale(first, last, LEFT, WIDTH - RIGHT)
    parts += [
        text(x(edge), HEIGHT - 14, f"{number(edge)}{unit}", "middle")
        for edge in (first + nth * width for nth in range(round((last - first) / width)))
    ]
    for edge, part in values.items():
        below = 0.0
        for nth, name in enumerate(names):
            count = part.get(name, 0.0)
            if count:
                hint = f"{name}: {number(count)} from {number(edge)}{unit}"
                height = y(below) - y(below + count)
                parts.append(
                    rect(f"c{nth % 8}", x(edge) + 2, y(below + count), x(edge + width) - x(edge) - 4, height, hint=hint)
                )
            below += count
    parts.append(rule("target", x(mark), x(mark), TOP, HEIGHT - BOTTOM))
    parts.append(text(x(mark) + 5, TOP + 10, f"{number(mark)}{unit} and more"))
    told = "; ".join(f"from {number(edge)}{unit}: {number(sum(part.values()))}" for edge, part in values.items())
    return figure(title, parts, names, told=told, note=note)
