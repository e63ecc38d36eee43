"""Arguments and options that several commands share, and their reading."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import click

from qsim.cli import Group

directory = click.argument("directory", metavar="[DIR]", required=False)
directory_option = click.option(
    "--dir", "directory", metavar="DIR", help="The market; default QSIM_DIR, else data/market."
)
as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
config = click.option(
    "--config", "config_files", multiple=True, metavar="FILE", help="A TOML file of parameters; later ones win."
)
settings = click.option(
    "--set",
    "assignments",
    multiple=True,
    metavar="KEY=VALUE",
    help="One parameter, such as category_volatility.fruits=1.0.",
)

scenario = click.option(
    "--scenario", metavar="NAME", help="diwali, monsoon, price-war, outage or cricket-night; none ends it."
)


class Few(Group):
    """A group whose list of commands tells the first sentence of each, whole."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Give the names of the commands in the order in which they stand."""
        return list(self.commands)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list."""
        with formatter.section("Commands"):
            formatter.write_dl(
                [(name, command.get_short_help_str(1_000)) for name, command in sorted(self.commands.items())]
            )


class Count(click.ParamType[int]):
    """A number, or `all`; `of` says in an error what is counted."""

    name = "N|all"

    def __init__(self, of: str = "number") -> None:
        self.of = of

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:
        """Name the value in help as it is to be typed, which click would write in capitals."""
        return self.name

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Read the option; 0 stands for all."""
        if str(value).lower() in ("all", "0"):
            return 0
        try:
            number = int(value)
        except ValueError:
            number = -1
        if number < 1:
            self.fail(f"found {value!r}; allowed is a {self.of} from 1 up, or all", param, ctx)
        return number


class Written(click.ParamType[float]):
    """A number as people write it: `₹1,000`, `Rs. 45`, `30 %`."""

    def __init__(self, name: str, before: str, after: str, example: str) -> None:
        """Set what may stand before and after the digits, as patterns, and an example for the refusal."""
        self.name, self.example = name, example
        self.pattern = re.compile(rf"(?:{before})?\s*(\d[\d,]*(?:\.\d+)?)\s*(?:{after})?", re.IGNORECASE)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Read the option; what is written otherwise is read as Python reads a float."""
        found = self.pattern.fullmatch(str(value).strip())
        try:
            return float(found[1].replace(",", "") if found else value)
        except ValueError:
            self.fail(f"found {value!r}; allowed is a number, as in {self.example}", param, ctx)


RUPEES = Written("RUPEES", r"₹|rs\.?|inr", "/-", "1000 or ₹1,000")
PERCENT = Written("PERCENT", "", "%", "30 or 30%")


def mapping(pairs: tuple[str, ...]) -> dict[str, str]:
    """Read the pairs of `--map COLUMN=FIELD`."""
    columns: dict[str, str] = {}
    for pair in pairs:
        column, equals, field = pair.rpartition("=")
        if not equals:
            raise click.UsageError(f"--map {pair!r}: allowed is COLUMN=FIELD, such as Name=product")
        if column in columns:
            raise click.UsageError(
                f"--map {pair!r}: found the column {column!r} named for {columns[column]!r} already; allowed is one field for"
                " a column; drop one"
            )
        columns[column] = field
    return columns


def layers(config_files: tuple[str, ...], assignments: tuple[str, ...]) -> dict[str, Any]:
    """Merge parameter files and then single assignments into one set of values."""
    from qsim import params

    values: dict[str, Any] = {}
    for name in config_files:
        values = params.lay(values, params.read_toml(Path(name)))
    for text in assignments:
        values = params.merge(values, params.assignment(text))
    return values
