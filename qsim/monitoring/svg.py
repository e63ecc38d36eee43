"""Charts as inline SVG that needs no script and no network: lines over ticks, and bars. Colours come from the page's style."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape

_WIDTH, _HEIGHT = 640, 240
_LEFT, _RIGHT, _TOP, _BOTTOM = 56, 12, 12, 34

Points = Sequence[tuple[float, float]]


def _nice(span: float) -> float:
    """Give a step of 1, 2 or 5 times a power of ten that cuts a span into about five."""
    raw = span / 5 if span > 0 else 1.0
    power = 10.0 ** math.floor(math.log10(raw))
    return next(step for factor in (1, 2, 5, 10) if (step := factor * power) >= raw * 0.999)


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 or value == round(value) else f"{value:,.4g}"


def _frame(title: str, parts: Sequence[str], legend: Sequence[str] = ()) -> str:
    keys = "".join(f'<li><i class="c{nth % 8}"></i>{escape(name)}</li>' for nth, name in enumerate(legend))
    label = escape(title, quote=True)
    return (
        f'<figure><figcaption>{escape(title)}</figcaption><svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img"'
        f' aria-label="{label}">{"".join(parts)}</svg>{f"<ul>{keys}</ul>" if keys else ""}</figure>'
    )


def _y_axis(low: float, high: float, unit: str) -> tuple[list[str], float, float]:
    step = _nice(high - low)
    low, high = math.floor(low / step) * step, max(math.ceil(high / step) * step, math.floor(low / step) * step + step)
    parts = []
    for nth in range(round((high - low) / step) + 1):
        value = low + nth * step
        y = _HEIGHT - _BOTTOM - (value - low) / (high - low) * (_HEIGHT - _TOP - _BOTTOM)
        parts.append(f'<line class="grid" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{_number(value)}{unit}</text>')
    return parts, low, high


def lines(title: str, series: Mapping[str, Points], unit: str = "", from_zero: bool = True, steps: bool = False) -> str:
    """Draw lines over ticks, one a name; `steps` holds each value until the next."""
    points = [point for line in series.values() for point in line]
    if not points:
        return _frame(f"{title}: nothing to show yet", [])
    ticks, values = [point[0] for point in points], [point[1] for point in points]
    parts, low, high = _y_axis(0.0 if from_zero else min(values), max(values), unit)
    first, last = min(ticks), max(max(ticks), min(ticks) + 1)

    def at(point: tuple[float, float]) -> tuple[float, float]:
        x = _LEFT + (point[0] - first) / (last - first) * (_WIDTH - _LEFT - _RIGHT)
        return x, _HEIGHT - _BOTTOM - (point[1] - low) / (high - low) * (_HEIGHT - _TOP - _BOTTOM)

    for nth in range(5):
        tick = first + (last - first) * nth / 4
        anchor = "start" if nth == 0 else "end" if nth == 4 else "middle"
        parts.append(
            f'<text x="{at((tick, low))[0]:.1f}" y="{_HEIGHT - 10}" text-anchor="{anchor}">tick {tick:,.0f}</text>'
        )
    for nth, line in enumerate(series.values()):
        path, before = [], None
        for x, y in map(at, line):
            if before is not None and steps:
                path.append(f"{x:.1f},{before:.1f}")
            path.append(f"{x:.1f},{y:.1f}")
            before = y
        parts.append(f'<polyline class="s{nth % 8}" points="{" ".join(path)}"/>')
    return _frame(title, parts, list(series) if len(series) > 1 else [])


def bars(title: str, values: Mapping[str, float], unit: str = "") -> str:
    """Draw a bar for each name, its value over it."""
    if not values:
        return _frame(f"{title}: nothing to show yet", [])
    parts, low, high = _y_axis(0.0, max(values.values()), unit)
    room = (_WIDTH - _LEFT - _RIGHT) / len(values)
    for nth, (name, value) in enumerate(values.items()):
        height = (value - low) / (high - low) * (_HEIGHT - _TOP - _BOTTOM)
        x, y = _LEFT + nth * room + room * 0.15, _HEIGHT - _BOTTOM - height
        parts.append(f'<rect class="c0" x="{x:.1f}" y="{y:.1f}" width="{room * 0.7:.1f}" height="{height:.1f}"/>')
        middle = f'x="{x + room * 0.35:.1f}" text-anchor="middle"'
        parts.append(f'<text {middle} y="{y - 3:.1f}">{_number(value)}{unit}</text>')
        parts.append(f'<text {middle} y="{_HEIGHT - 14}">{escape(name)}</text>')
    return _frame(title, parts)
