"""A report as text: Markdown, and one HTML page with its charts inside, which needs no network."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from qsim.errors import counted, one_line
from qsim.monitoring import market_page, svg
from qsim.schema import SIZES

_COLUMNS = (
    "attempted", "changed", "clipped", "failed", "success_pct", "mean_change_pct", "sd_change_pct", "discounted", "surging",
    "out_of_stock",
)  # fmt: skip
_STYLE = """
:root{color-scheme:light dark;--ink:#1c2330;--paper:#fff;--soft:#5c6675;--line:#d9dee6;--bed:#eef1f5;--band:#dfe4ec;
--well:#1a7f4b;--warning:#9a6200;--failing:#b3261e;--k0:#9e252a;--k1:#490f45;--k2:#e35f02;--k3:#1d9b99;--k4:#3e46ac;--k5:#5f6570;--k6:#7a6a00;--k7:#8a5a83}
@media(prefers-color-scheme:dark){:root{--ink:#e7ebf2;--paper:#141820;--soft:#a2acbb;--line:#303846;--bed:#1f2530;--band:#2a3240;
--well:#5fd39a;--warning:#f0b45a;--failing:#ff8a80;--k0:#ece262;--k1:#b47fa0;--k2:#f49365;--k3:#86efe6;--k4:#4f8ffc;--k5:#a9b1bd;--k6:#c9b458;--k7:#d3a6cc}}
body{font:15px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--paper);max-width:1360px;margin:0 auto;padding:1.5rem}
h1{font-size:1.5rem;margin:0}h2{font-size:1.1rem;margin:2rem 0 .5rem}p{margin:.3rem 0;color:var(--soft)}
.ok{color:var(--well)}.warning{color:var(--warning)}.failing{color:var(--failing)}
.charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,32rem),1fr));gap:1.2rem}
figure:not(:has(svg)){align-self:start}figure{margin:0;min-width:0;border:1px solid var(--line);border-radius:8px;padding:.7rem}
figcaption{font-weight:600;margin-bottom:.3rem}
svg{width:100%;min-width:30rem;height:auto;display:block}svg text{font-size:11px;fill:var(--soft)}.grid{stroke:var(--line)}
polyline{fill:none;stroke-width:1.6;stroke-linejoin:round}
.bed{fill:var(--bed)}.band{fill:var(--band)}.mark{fill:var(--ink)}.target{stroke:var(--ink);stroke-width:1.6;stroke-dasharray:5 3}
.whisker,.median{stroke:var(--ink)}.median{stroke-width:2}rect.hollow{fill:var(--paper);stroke-width:1.6}
svg text.code{font-size:9px;fill:var(--ink)}figure p{font-size:.85rem}
figure ul{display:flex;flex-wrap:wrap;gap:.2rem 1rem;list-style:none;margin:.3rem 0 0;padding:0;font-size:.85rem}
figure i{display:inline-block;width:.8em;height:.8em;margin-right:.4em;border-radius:2px}
.scroll{overflow-x:auto}table{border-collapse:collapse;font-variant-numeric:tabular-nums}
td,th{padding:.25rem .7rem;border-bottom:1px solid var(--line);
text-align:right;white-space:nowrap}.t{text-align:left}td.t:last-child{white-space:normal;min-width:18rem}
th{white-space:normal;vertical-align:bottom}
@page{margin:12mm}
@media print{body{max-width:none;padding:0;font-size:11px}svg{min-width:0;max-width:36rem}.scroll{overflow:visible}
figure,tr{break-inside:avoid}h2{break-after:avoid}thead{break-inside:avoid;break-after:avoid}figure i{print-color-adjust:exact}
td,th{white-space:normal;padding:.2rem .4rem}td.t:last-child{min-width:0}}
""" + "".join(f".s{n}{{stroke:var(--k{n})}}.c{n}{{fill:var(--k{n});background:var(--k{n})}}" for n in range(8))  # fmt: skip
_NONE = "Nothing to show yet."
_NUMBER = re.compile(r"[-+−]?[\d,.]*")
_CLASSES = dict(zip(SIZES, ("≤ −20", "−20", "−10", "−5", "−2", "+0", "+2", "+5", "+10", "≥ +20"), strict=True))


def _cell(value: Any) -> str:
    return f"{value:,.2f}" if isinstance(value, float) else f"{value:,}" if isinstance(value, int) else str(value)


def _head(found: Mapping[str, Any]) -> list[str]:
    status = found["status"]
    products, listings = (counted(status[name], name[:-1]) for name in ("products", "listings"))
    return [
        f"{products}, {listings}, preset {status['preset']}, seed {status['seed']}",
        f"tick {status['tick']:,} ({status['market_time']}), {counted(status['events'], 'event')}, {status['bytes'] / 1e6:,.1f} MB",
        f"digest {status['digest']}; report of {found['made_at']}",
        f"What ticks did is counted over the last market day: after tick {found['counted_after']:,}."
        + (
            ""
            if found["total"] or not status["tick"]
            else " None of these has been counted: without monitoring none is, and a live run counts once a minute."
        ),
    ]


def _grid(rows: Sequence[Mapping[str, Any]], key: str) -> list[list[str]]:
    names = [key, *_COLUMNS]
    return [
        [name.replace("_pct", " %").replace("_", " ") for name in names],
        *([_cell(row[name]) for name in names] for row in rows),
    ]


def _run_rows(found: Mapping[str, Any]) -> list[list[str]]:
    head = [
        "ended at (UTC)",
        "how",
        "ticks",
        "events",
        "seconds",
        "CPU s",
        "MB",
        "behind s",
        "late ticks",
        "seconds by stage",
    ]
    return [
        head,
        *(
            [
                run["time"][:19].replace("T", " "),
                run["kind"] + (f": {run['error']}" if "error" in run else ""),
                *(_cell(run.get(name, 0)) for name in ("done", "events", "seconds", "cpu_seconds")),
                _cell(round(run["memory_bytes"] / 1e6)),
                *(_cell(run.get(name, 0)) for name in ("lag_seconds", "late_ticks")),
                ", ".join(f"{name} {spent:.2f}" for name, spent in run["stage_seconds"].items()),
            ]
            for run in reversed(found["runs"])
        ),
    ]


def _tables(found: Mapping[str, Any]) -> dict[str, list[list[str]]]:
    return {
        **market_page.tables(found["market"]),
        "By platform": _grid(found["by_platform"], "platform"),
        "By category": _grid(found["by_category"], "category"),
        "Runs": _run_rows(found),
    }


def _are_texts(rows: Sequence[Sequence[str]]) -> list[bool]:
    """Tell of each column of a table whether it holds texts, which are read from the left, and not numbers alone."""
    return [not all(_NUMBER.fullmatch(row[at]) for row in rows[1:]) for at in range(len(rows[0]))]


def _marked(text: str) -> str:
    """Write a text, which may be a user's, so that Markdown shows it and nothing else."""
    return re.sub(r"([\\`*_~<\[\]|]|&(?=#?\w+;))", r"\\\1", one_line(text))


def markdown(found: Mapping[str, Any]) -> str:
    """Write a report as Markdown."""
    health = found["health"]
    lines = [
        f"# {_marked(found['status']['directory'])}",
        "",
        *(f"{line}  " for line in _head(found)),
        "",
        f"Health: **{health['status']}**",
        *([""] if health["reasons"] else []),
    ]
    lines += [
        f"- {one['level']}: {one['about']}: {_marked(one['found'])}. Mend: {_marked(one['mend'])}"
        for one in health["reasons"]
    ]
    for title, rows in _tables(found).items():
        cells = [[_marked(cell) for cell in row] for row in rows]
        rule = ["---" if is_text else "---:" for is_text in _are_texts(rows)]
        table = [f"| {' | '.join(row)} |" for row in (cells[0], rule, *cells[1:])] if len(rows) > 1 else [_NONE]
        lines += ["", f"## {_marked(title)}", "", *table]
    return "\n".join(lines) + "\n"


def _of_platforms(found: Mapping[str, Any], state: str) -> dict[str, Any]:
    """Give a state over time by platform, in the order in which they have their colours."""
    lines = found["over_time"][state]
    return {name: lines[name] for name in found["market"]["platforms"] if name in lines}


def _charts(found: Mapping[str, Any]) -> list[str]:
    """Draw what ticks did and runs cost."""
    over, total, costs = found["over_time"], found["total"], found["costs"]
    volatility = {row["category"]: row["sd_change_pct"] for row in found["by_category"]}
    stages: dict[str, float] = {}
    for run in found["runs"]:
        for name, spent in run["stage_seconds"].items():
            stages[name] = stages.get(name, 0.0) + spent
    return [
        svg.lines("Price changes and other events a tick, by category", over["changes_a_tick"]),
        svg.bars(
            "Sizes of price changes, from each edge on, in %",
            {_CLASSES[name]: total[name] for name in _CLASSES if total},
        ),
        svg.lines("Running discounts, by platform", _of_platforms(found, "discounted")),
        svg.lines("Surges, by platform", _of_platforms(found, "surging")),
        svg.bars("Volatility: spread of price changes by category", volatility, " %"),
        svg.bars("Time by stage, over the newest runs", stages, " s"),
        _lag(found),
        svg.lines("Memory, MB", {"memory": [(line["tick"], line["memory_bytes"] / 1e6) for line in costs]}),
    ]


def _lag(found: Mapping[str, Any]) -> str:
    title, costs = "Seconds behind the clock", found["costs"]
    if not any(run.get("tick_seconds") for run in found["runs"]):
        return svg.empty(title, "no run kept to it")
    return svg.lines(title, {"lag": [(line["tick"], line["lag_seconds"]) for line in costs]})


def _market(found: Mapping[str, Any]) -> str:
    """Draw the market's own charts."""
    drawn = "".join(market_page.charts(found["market"], _of_platforms(found, "out_of_stock")))
    return f'<h2>The market</h2><div class="charts">{drawn}</div>'


def _html_table(title: str, rows: Sequence[Sequence[str]]) -> str:
    if len(rows) == 1:
        return f"<h2>{escape(title)}</h2><p>{_NONE}</p>"
    sides = [' class="t"' * is_text for is_text in _are_texts(rows)]
    top = "".join(f'<th scope="col"{side}>{escape(cell)}</th>' for side, cell in zip(sides, rows[0], strict=True))
    cells = [
        "".join(f"<td{side}>{escape(cell)}</td>" for side, cell in zip(sides, row, strict=True)) for row in rows[1:]
    ]
    body = "".join(f"<tr>{row}</tr>" for row in cells)
    table = f"<table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>"
    return f'<h2>{escape(title)}</h2><div class="scroll" tabindex="0">{table}</div>'


def html(found: Mapping[str, Any]) -> str:
    """Write a report as one HTML page: style and charts inside, no script, nothing fetched."""
    health, name = found["health"], escape(str(found["status"]["directory"]))
    reasons = "".join(
        f'<li class="{one["level"]}">{escape(one["about"])}: {escape(one["found"])} <br>Mend: {escape(one["mend"])}</li>'
        for one in health["reasons"]
    )
    tables = "".join(_html_table(title, rows) for title, rows in _tables(found).items())
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>{name}: qsim report</title><style>{_STYLE}</style></head><body><main><h1>{name}</h1>"
        f"{''.join(f'<p>{escape(line)}</p>' for line in _head(found))}"
        f'<h2>Health: <span class="{health["status"]}">{health["status"]}</span></h2><ul>{reasons}</ul>'
        f"{_market(found)}<h2>What ticks did and runs cost</h2>"
        f'<div class="charts">{"".join(_charts(found))}</div>{tables}</main></body></html>\n'
    )
