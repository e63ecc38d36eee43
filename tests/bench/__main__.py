"""The benchmark: `python -m tests.bench [--products N] [--ticks N] [--repeat N] [--json] [--only NAME ...]`."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from dataclasses import fields
from pathlib import Path

from tests.bench import machine, tasks
from tests.bench.figures import Figure, Skipped
from tests.bench.measures import MEASURES, ONLY_WHEN_NAMED
from tests.bench.plan import Plan


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--products", type=int, default=100_000, help="products of the large market (100,000)")
    parser.add_argument("--ticks", type=int, default=256, help="ticks of a run of the large market (256)")
    parser.add_argument("--repeat", type=int, default=5, help="runs of each measurement (5)")
    parser.add_argument("--catalog", type=int, default=1_000_000, help="products to generate (1,000,000)")
    parser.add_argument("--small-ticks", type=int, default=17_280, help="ticks of the default market (a day)")
    parser.add_argument("--day-ticks", type=int, default=288, help="five-minute ticks of a realistic day (288)")
    parser.add_argument("--commits", type=int, default=2000, help="commits of a live run before queries (2,000)")
    parser.add_argument(
        "--growth",
        type=int,
        nargs="+",
        default=[100_000, 1_000_000],
        metavar="PRODUCTS",
        help="products of the markets to compare (100,000 1,000,000; add 8,000,000 for all of India: 10 GB of disk)",
    )
    parser.add_argument("--long-ticks", type=int, default=100_000, help="ticks of a long run (100,000; 9 GB of disk)")
    parser.add_argument("--days", type=int, default=1000, help="days of a market with a long past (1,000)")
    parser.add_argument("--stores", type=int, default=1000, help="dark stores a platform of all of India (1,000)")
    parser.add_argument("--folder", type=Path, help="where markets are written; default the temporary directory")
    parser.add_argument("--only", nargs="+", choices=MEASURES, metavar="NAME", help=f"of {', '.join(MEASURES)}")
    parser.add_argument("--same-process", action="store_true", help="measure in one process: quick, and no measure")
    parser.add_argument("--json", action="store_true", help="print JSON")
    return parser.parse_args()


def _chosen(only: list[str] | None) -> list[str]:
    """Give the measurements in order; the raw limit's runs give the figures of `events` as well."""
    names = [name for name in MEASURES if (name in only if only else name not in ONLY_WHEN_NAMED)]
    return [name for name in names if name != "events" or "raw" not in names]


def _measured(arguments: argparse.Namespace, folder: Path) -> list[Figure | Skipped]:
    figures: list[Figure | Skipped] = []
    sizes = {field.name: getattr(arguments, field.name) for field in fields(Plan)}
    plan = Plan(**{**sizes, "folder": folder})
    for name in _chosen(arguments.only):
        print(f"measuring {name}", file=sys.stderr)
        for figure in MEASURES[name](plan):
            figures.append(figure)
            if not arguments.json:
                print(figure.line(), flush=True)
    return figures


def main() -> None:
    """Print the machine, then each figure beside its target."""
    arguments = _arguments()
    tasks.fresh_processes = not arguments.same_process
    with tempfile.TemporaryDirectory(prefix="qsim-bench-", dir=arguments.folder) as name:
        folder = Path(name)
        description = machine.describe(folder)
        if not arguments.json:
            for key, value in description.items():
                print(f"{key:<24} {value}")
            print(f"\n{'figure':<44} {'median':>12} {'':<12} {'runs':<26} {'target':<18}".rstrip(), flush=True)
        figures = _measured(arguments, folder)
        if arguments.json:
            print(json.dumps({"machine": description, "figures": [figure.entry() for figure in figures]}, indent=1))


if __name__ == "__main__":
    main()
