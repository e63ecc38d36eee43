"""What validation found, as a reader wants it: the checks, and the realism score with all that it is made of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from qsim.cli import output
from qsim.errors import counted


def checks(result: Mapping[str, Any], *, whole: bool) -> None:
    """Print the checks as a table where `whole`, then those that failed, then their counts."""
    failed = [check for check in result["checks"] if not check["passed"]]
    other = [check for check in result["checks"] if not check["applies"]]
    if whole:
        shown = ("number", "category", "name", "measured", "target")
        output.table([{"": _word(check), **{key: check[key] for key in shown}} for check in result["checks"]])
    for check in failed:
        click.echo(
            f"FAIL {check['number']} {check['name']}: {check['measured']} against {check['target']}. {check['detail']}"
        )
    passed = len(result["checks"]) - len(failed) - len(other)
    apart = f"{len(other)} {'is' if len(other) == 1 else 'are'} not for this market"
    click.echo(f"{counted(passed, 'check')} passed, {len(failed)} failed; {apart}")


def _word(check: Mapping[str, Any]) -> str:
    return "-" if not check["applies"] else "ok" if check["passed"] else "FAIL"


def realism(result: Mapping[str, Any]) -> None:
    """Print the realism score where there is one: moments, group means, classifier, the score's parts, and what to know."""
    if "moments" not in result:
        return
    against = result["auc"] is not None
    output.table(
        [_moment(row, against) for row in result["moments"]],
        "Moments, simulated, against the interval lo to hi",
        right=("lo", "hi", "simulated", "se", "real", "score"),
        spare=("basis",),
    )
    groups = [{"group": name, "mean score": _number(mean)} for name, mean in result["groups"].items()]
    output.table(groups, "Scores of the groups", right=("mean score",))
    if against:
        output.table(_pairs(result), "Told apart by a classifier: AUC, .5 is not at all", right=("boosted", "logistic"))
    _conclusion(result)


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def _moment(row: Mapping[str, Any], against: bool) -> dict[str, Any]:
    return {
        "moment": row["moment"],
        "scope": row["scope"],
        "lo": _number(row["target_lo"]),
        "hi": _number(row["target_hi"]),
        "simulated": _number(row["simulated"]),
        "se": _number(row["se"]),
        **({"real": _number(row["reference"])} if against else {}),
        "score": "holds" if row["hard"] and row["score"] else _number(row["score"]),
        "basis": row["basis"],
    }


def _pairs(result: Mapping[str, Any]) -> list[dict[str, Any]]:
    retailer = result["retailer"] or "the reference"
    pairs = {
        f"this market and {retailer}": result["auc"],
        f"{retailer} and itself": result["floor"],
        f"{retailer} and {result['other_name']}": result["other_retailer"],
    }
    return [
        {"pair": name, **{key: _number(found[key]) for key in ("boosted", "logistic")}, "windows": found["windows"]}
        for name, found in pairs.items()
        if found is not None
    ]


def _conclusion(result: Mapping[str, Any]) -> None:
    panel = result["panel"]
    click.echo(f"{panel['products']:,} products, {panel['series']:,} series, {panel['days']:,} days")
    for name, texts in (
        ("note", result["notes"]),
        ("left out", result["left_out"]),
        ("chart", result.get("charts", ())),
    ):
        for text in texts:
            click.echo(f"{name}: {text}")
    for moment in result["broken"]:
        click.echo(f"FAIL {moment}: allowed is none")
    parts = "" if result["D"] is None else f" = 100 (0.7 M + 0.3 D), D {result['D']:.3f}"
    score, m = result["score"], result["M"]
    if score is None or m is None:
        click.echo("FAIL score: no moment could be measured")
        return
    click.echo(f"score {score:.1f}{parts or ' = 100 M'}, M {m:.3f}")
    if result["min_score"] is not None and score < result["min_score"]:
        click.echo(f"FAIL score: {score:.1f}; at least {result['min_score']:g} is asked for")
