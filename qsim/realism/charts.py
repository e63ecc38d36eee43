"""Charts of the realism score: moments in their intervals, sizes of changes, the hazard, sample paths.

Each is a chart of altair, which is loaded when one is made; files are HTML that needs no network, or SVG. It refuses to
measure anything that `moments` and `movement` do not.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from qsim.errors import UsageError
from qsim.realism import movement
from qsim.realism.panel import Panel
from qsim.realism.sample import sample_of

_PATHS, _BIN, _WIDEST, _LONGEST = 12, 0.02, 0.6, 28
_WIDTH = 520
_SCOPES = {"F": ", produce", "P": ", packaged", "A": ", all"}
_VERDICTS = ("inside", "outside")
_COLOURS, _SHAPES = ("#1B8A3A", "#C62828"), ("circle", "diamond")


def _altair() -> Any:
    try:
        import altair
        import vl_convert  # noqa: F401
    except ImportError:
        raise UsageError(
            "realism: altair is not installed; charts need it; run: pip install 'quickcommerce-sim[viz]'"
        ) from None
    return altair


def _chart(rows: list[dict[str, Any]], title: str) -> Any:
    alt = _altair()
    return alt.Chart(alt.Data(values=rows), title=title, width=_WIDTH)


def _within(row: Mapping[str, Any], value: float) -> float:
    """Place a value so that the target's interval is 0 to 1."""
    return float((value - row["target_lo"]) / (row["target_hi"] - row["target_lo"]))


def _moment_rows(result: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Give each moment that was measured with its place, its errors, and whether it lies inside."""
    rows = []
    for row in result["moments"]:
        if row["simulated"] is None or row["hard"]:
            continue
        at, error = _within(row, row["simulated"]), 2 * (row["se"] or 0) / (row["target_hi"] - row["target_lo"])
        low, high = (float(np.clip(edge, -1, 2)) for edge in (at - error, at + error))
        label = f"{row['moment']}{_SCOPES.get(row['scope'], '')}"
        verdict = _VERDICTS[0] if 0 <= at <= 1 else _VERDICTS[1]
        kept = {key: row[key] for key in ("target_lo", "target_hi", "simulated", "se", "score", "group", "basis")}
        rows.append(
            {
                "label": label,
                "verdict": verdict,
                "at": float(np.clip(at, -1, 2)),
                "low": low,
                "high": high,
                "from": 0,
                "to": 1,
                **kept,
            }
        )
    return rows


def moments_chart(result: Mapping[str, Any]) -> Any:
    """Chart each moment on an axis on which its interval is 0 to 1: the value with two standard errors; far ones at the edge.

    `result` is what `validate.realism` or `score.scored` gives.
    """
    alt, rows = _altair(), _moment_rows(result)
    inside = sum(row["verdict"] == _VERDICTS[0] for row in rows)
    title = f"{inside} of {len(rows)} moments lie in the intervals of real shops (the band); lines: two standard errors"
    base = _chart(rows, title).encode(y=alt.Y("label:N", sort=None, title=None, axis=alt.Axis(labelLimit=260)))
    ends = "['far below', 'low end', 'high end', 'far above'][datum.value + 1]"
    axis = alt.Axis(values=[-1, 0, 1, 2], labelExpr=ends)
    place = alt.X("at:Q", title="place in the interval", scale=alt.Scale(domain=[-1, 2]), axis=axis)
    tips = ["group:N", "simulated:Q", "se:Q", "target_lo:Q", "target_hi:Q", "score:Q", "basis:N"]
    band = base.mark_bar(opacity=0.25, color="#888888").encode(x="from:Q", x2="to:Q")
    error_bars = base.mark_rule().encode(x="low:Q", x2="high:Q")
    named = {"title": None, "sort": None}
    color = alt.Color("verdict:N", scale=alt.Scale(domain=_VERDICTS, range=_COLOURS), **named)
    shape = alt.Shape("verdict:N", scale=alt.Scale(domain=_VERDICTS, range=_SHAPES), **named)
    points = base.mark_point(size=70, filled=True, opacity=1).encode(x=place, color=color, shape=shape, tooltip=tips)
    return band + error_bars + points


def _apart(panels: Mapping[str, Panel]) -> dict[str, Any]:
    """Tell lines apart by colour and dashes, so that one that lies under another is seen through it."""
    alt, names = _altair(), list(panels)
    dashes = [[1, 0], [6, 4], [2, 3]] * len(names)
    named = {"title": None, "sort": None}
    return {
        "color": alt.Color("panel:N", scale=alt.Scale(domain=names), **named),
        "strokeDash": alt.StrokeDash("panel:N", scale=alt.Scale(domain=names, range=dashes[: len(names)]), **named),
    }


def sizes_chart(panels: Mapping[str, Panel]) -> Any:
    """Chart how large changes are: share of changes in bins of .02 of the log change, for each named panel."""
    alt, rows = _altair(), []
    edges = np.arange(-_WIDEST - _BIN / 2, _WIDEST + _BIN, _BIN)
    for name, panel in panels.items():
        size = sample_of(panel).changes.size
        count = np.histogram(np.clip(size, edges[0], edges[-1]), edges)[0]
        share = count / max(1, len(size))
        middles = (edges[1:] + edges[:-1]) / 2
        rows += [
            {"panel": name, "size": round(float(at), 4), "share": float(part)}
            for at, part in zip(middles, share, strict=True)
        ]
    return (
        _chart(rows, "Sizes of price changes")
        .mark_line(interpolate="step")
        .encode(
            x=alt.X("size:Q", title="log of new over old price: 0.1 is about 10 % up"),
            y=alt.Y("share:Q", title="share of changes", axis=alt.Axis(format="%")),
            **_apart(panels),
        )
    )


def hazard_chart(panels: Mapping[str, Panel]) -> Any:
    """Chart the hazard: the share of prices of each age, in steps since their last change, that change at the next step."""
    alt, rows = _altair(), []
    for name, panel in panels.items():
        found = movement.hazard(sample_of(panel), _LONGEST)
        rows += [{"panel": name, "age": age, "hazard": float(h)} for age, h in enumerate(found, 1) if not np.isnan(h)]
    return (
        _chart(rows, "How likely is a price of some age to change?")
        .mark_line(point=True)
        .encode(
            x=alt.X("age:Q", title="days, or the panel's own steps, since the last change"),
            y=alt.Y("hazard:Q", title="share that changes at the next", axis=alt.Axis(format="%")),
            **_apart(panels),
        )
    )


def paths_chart(panel: Panel, names: Mapping[str, str] | None = None) -> Any:
    """Chart the prices of up to twelve series, spread evenly over the panel, each in a pane of its own; `names` are of items."""
    alt, rows = _altair(), []
    chosen = np.unique(np.linspace(0, len(panel.item) - 1, min(_PATHS, len(panel.item))).astype(np.int64))
    for number in chosen:
        item = str(panel.item[number])
        label = f"{(names or {}).get(item, item)}, {panel.seller[number]}"
        rows += [
            {"series": label, "day": str(day), "rupees": float(paise) / 100}
            for day, paise in zip(panel.days, panel.price_paise[number], strict=True)
            if paise > 0
        ]
    return (
        _chart(rows, "")
        .mark_line(interpolate="step-after")
        .encode(x=alt.X("day:T", title=None), y=alt.Y("rupees:Q", scale=alt.Scale(zero=False), title="rupees"))
        .properties(width=240, height=100)
        .facet(
            alt.Facet("series:N", title=None, sort=None),
            columns=3,
            title="Prices of some series, each on its own scale",
        )
        .resolve_scale(y="independent")
    )


def save(chart: Any, path: Path) -> Path:
    """Write a chart as HTML with all scripts inside, or as SVG, by the suffix of the path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".html":
        chart.save(str(path), inline=True)
    else:
        chart.save(str(path))
    return path


def save_all(
    result: Mapping[str, Any],
    panel: Panel,
    reference: Panel | None,
    folder: Path,
    names: Mapping[str, str] | None = None,
) -> list[Path]:
    """Write all charts of a result as HTML into a folder and give their paths; `names` are those of the panel's items."""
    panels = {"simulated": panel} if reference is None else {"simulated": panel, "reference": reference}
    made = {
        "moments": moments_chart(result),
        "sizes": sizes_chart(panels),
        "hazard": hazard_chart(panels),
        "paths": paths_chart(panel, names),
    }
    return [save(chart, folder / f"{name}.html") for name, chart in made.items()]
