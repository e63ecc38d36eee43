"""The market's part of a report as text: its charts for the page, and the same figures as tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from qsim.errors import counted
from qsim.monitoring import svg, svg_rows

Grid = list[list[str]]

_CAMPAIGN_ROWS = 20


def _when(second: float) -> str:
    return f"{datetime.fromtimestamp(second, UTC):%d %b %H:%M}"


def _sampled(board: Mapping[str, Any]) -> str:
    return f" Counted on {board['sample']:,} of {board['of_products']:,} products." if board.get("sample") else ""


def _prices(told: Mapping[str, Any]) -> str:
    found = told["prices"]
    if found is None:
        return svg.empty("Prices", "nothing is on sale")
    name = f"{found['product']} {found['pack']}".strip()
    size = found["stretch_seconds"]
    drawn = f"Means of {size // 60} minutes. " if size else ""
    paler = ", both paler for a part of the time" if size else ""
    note = f"{drawn}Below: a band where a deal runs, a dark mark on its edge where a surge does{paler}."
    window = found["from_time"], found["to_time"]
    return svg_rows.prices(f"Price of {name}, last market day", found["lines"], window, not size, note)


def _cheapest(told: Mapping[str, Any]) -> str:
    found = told["cheapest"]
    hours = "" if found["hours"] >= 24 else f" The last {found['hours']} hours alone, since so much changes in one."
    more = f" {found['left_out']} smaller categories are not shown." if found["left_out"] else ""
    note = (
        f"Compared are products in stock on two platforms or more; the share won is the depth of colour.{hours}{more}"
    )
    names = told["platforms"]
    return svg_rows.heat(
        "Cheapest platform by category and hour", found["winners"], found["times"], names, note + _sampled(found)
    )


def _depths(told: Mapping[str, Any]) -> str:
    found = told["depths"]
    if not found["running"]:
        return svg.empty("Depth of running discounts", "none runs")
    order = told["platforms"]
    bins = {one["from_pct"]: {name: one["platforms"].get(name, 0) for name in order} for one in found["bins"]}
    share = 100 * found["deep"] / found["running"]
    note = f"{found['running']:,} discounts run now, {found['deep']:,} of them ({share:.1f} %) at 30 % and more.{_sampled(found)}"
    return svg.stacked("Depth of running discounts", bins, found["width_pct"], " %", 30, note)


def _volatility(told: Mapping[str, Any]) -> str:
    found = told["volatility"]
    title = "Volatility: size of the moves of regular prices, by group"
    if not found["groups"]:
        return svg.empty(title, "too few changes of them yet")
    targets = {row["volatility_group"]: row["target_pct"] for row in found["groups"] if row["target_pct"] is not None}
    meant = (
        "The line is volatility x largest change / √3."
        if targets
        else "In this market prices are set by rates, for which there is no such target."
    )
    note = f"Root mean square since {_when(found['since_time'])}. {meant}{_sampled(found)}"
    return svg.bars(
        title, {row["volatility_group"]: row["realised_pct"] for row in found["groups"]}, " %", targets, note
    )


_BASKET = "Staples from one platform or several: what is saved"


def _basket(told: Mapping[str, Any]) -> str:
    found = told["basket"]
    if found is None or not found["plans"]:
        return svg.empty(_BASKET, "no platform can take an order of them now")
    plans = found["plans"]
    first, last = plans[0], next(one for one in plans if one["saving"] == plans[-1]["saving"])
    few = (
        f", ₹{last['total']:,.2f} from {len(last['platforms'])} platforms"
        if last["saving"]
        else ", as little as from more"
    )
    note = (
        f"{counted(len(found['items']), 'thing')} to {found['pincode']}, {found['city']}, fees included:"
        f" ₹{first['total']:,.2f} from {first['platforms'][0]} alone{few}."
        + (f" Not at {first['platforms'][0]}: {', '.join(found['missing'])}." if found["missing"] else "")
    )
    rows = [(_most(plan["most_platforms"]), plan["saving"], plan["fees"]) for plan in plans]
    return svg_rows.savings(_BASKET, rows, note)


def _most(platforms: int) -> str:
    return "one" if platforms == 1 else f"up to {platforms}"


def charts(told: Mapping[str, Any], out_of_stock: Mapping[str, svg.Points]) -> list[str]:
    """Draw the market's charts; `out_of_stock` are the listings without stock of each platform over ticks."""
    campaigns, levels = told["campaigns"], told["levels"]
    still = "" if told["stock_moves"] else "Stock does not move in this market."
    more = f"{campaigns['left_out']} more are not shown." if campaigns["left_out"] else ""
    window = campaigns["from_time"], campaigns["to_time"]
    listed = sorted(campaigns["campaigns"], key=lambda row: told["platforms"].index(row["platform"]))
    return [
        _prices(told),
        _cheapest(told),
        _depths(told),
        _volatility(told),
        svg.lines("Listings out of stock, by platform", out_of_stock, note=still),
        svg_rows.gantt("Campaigns, a day back and a day ahead", listed, told["platforms"], window, told["time"], more),
        svg_rows.boxes(
            "Price level of each platform, in % of the base price",
            levels["platforms"],
            "Grey: the band allowed for multipliers. Filled: multipliers; hollow: prices now, with discounts. From the 2nd to the"
            f" 98th percentile.{_sampled(levels)}",
        ),
        _basket(told),
    ]


def _percent(value: float) -> str:
    return f"{value:.1f}"


def tables(told: Mapping[str, Any]) -> dict[str, Grid]:
    """Give the figures of the charts as tables by title, their first row the heads."""
    names = told["platforms"]
    return {
        **_price_table(told),
        "Cheapest: share of products by category, mean of the hours, %": [
            ["category", *names],
            *(
                [category, *(_percent(100 * shares.get(name, 0.0)) for name in names)]
                for category, shares in told["cheapest"]["shares"].items()
            ),
        ],
        "Running discounts by depth": [
            ["depth from, %", *names],
            *(
                [str(one["from_pct"]), *(f"{one['platforms'].get(name, 0):,}" for name in names)]
                for one in told["depths"]["bins"]
            ),
        ],
        "Volatility by group, %": [
            ["group", "realised", "target", "turns"],
            *(
                [row["volatility_group"], f"{row['realised_pct']:.2f}", _target(row["target_pct"]), f"{row['turns']:,}"]
                for row in told["volatility"]["groups"]
            ),
        ],
        "Price level, % of the base price": _level_rows(told["levels"]["platforms"]),
        f"{_BASKET}, ₹": _basket_rows(told["basket"]),
        "Campaigns": _campaign_rows(told["campaigns"]["campaigns"][:_CAMPAIGN_ROWS]),
    }


def _target(value: float | None) -> str:
    return "none" if value is None else f"{value:.2f}"


def _price_table(told: Mapping[str, Any]) -> dict[str, Grid]:
    found = told["prices"]
    if found is None:
        return {}
    rows = [
        [row["platform"], *(f"{row[name]:,.2f}" for name in ("now", "lowest", "mean", "highest")),
         *(_percent(row[name]) for name in ("on_deal_pct", "surging_pct"))]
        for row in found["totals"]
    ]  # fmt: skip
    title = f"Price of {found['product']} {found['pack']}, last market day, ₹"
    return {
        title: [["platform", "now", "lowest", "mean", "highest", "on deal, % of time", "surging, % of time"], *rows]
    }


def _level_rows(rows: Sequence[Mapping[str, Any]]) -> Grid:
    return [
        ["platform", "band", "multipliers, 2nd to 98th percentile", "their median", "median price now"],
        *(
            [
                row["platform"],
                f"{row['low']:g} to {row['high']:g}",
                f"{row['multiplier'][0]:.1f} to {row['multiplier'][-1]:.1f}",
                _percent(row["multiplier"][2]),
                _percent(row["price"][2]),
            ]
            for row in rows
        ),
    ]


def _basket_rows(found: Mapping[str, Any] | None) -> Grid:
    return [
        ["platforms", "goods", "fees", "total", "saved", "saved, %", "ordered from"],
        *(
            [
                _most(plan["most_platforms"]),
                *(f"{plan[name]:,.2f}" for name in ("goods", "fees", "total", "saving")),
                _percent(plan["saving_pct"]),
                ", ".join(plan["platforms"]),
            ]
            for plan in (found["plans"] if found else ())
        ),
    ]


def _campaign_rows(rows: Sequence[Mapping[str, Any]]) -> Grid:
    return [
        ["campaign", "platform", "kind", "status", "lines", "deepest, %", "stretches within a day"],
        *(
            [
                row["campaign"],
                row["platform"],
                row["kind"].replace("_", " "),
                row["status"],
                f"{row['lines']:,}",
                f"{(row['deepest_bps'] or 0) / 100:g}",
                "; ".join(f"{_when(begin)} to {_when(end)}" for begin, end in row["spans"][:3]),
            ]
            for row in rows
        ),
    ]
