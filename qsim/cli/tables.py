"""Tables for a terminal: columns as wide as there is room, no word broken."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal

import click

from qsim.queries.values import text_of

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Column, Table

Rows = Sequence[Mapping[str, Any]]
_MOST_WRITTEN_OUT = 1e15
# Names may come from anyone: signs of control, what turns the direction of writing round, and ends of lines but the usual one.
_OBEYED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")


def harmless(text: str) -> str:
    """Write a text with every sign that a terminal would obey escaped as JSON escapes it."""
    return _OBEYED.sub(lambda sign: f"\\u{ord(sign[0]):04x}", text)


def cell(value: Any) -> str:
    """Write a value for people."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        # Hundreds of digits, of which all but the first are noise, would push the other columns off the screen.
        return f"{value:,.2f}" if abs(value) < _MOST_WRITTEN_OUT else f"{value:g}"
    return harmless(text_of(value))


def drawn(rows: Rows, right: Collection[str] = ()) -> Table:
    """Make a table of rows: numbers, and the columns `right`, to the right; each column knows its longest word and line."""
    from rich.cells import cell_len
    from rich.table import Table
    from rich.text import Text

    made = Table(header_style="bold")
    texts = [[cell(value) for value in row.values()] for row in rows]
    for at, name in enumerate(rows[0]):
        number = all(isinstance(row[name], (int, float, Decimal, type(None))) for row in rows)
        heading = harmless(name)
        lines = [heading, *(text[at] for text in texts)]
        # Rich takes what stands in brackets in a plain heading for a style.
        made.add_column(Text(heading), overflow="fold")
        column = made.columns[-1]
        column.justify = "right" if number or name in right else "left"
        column.min_width = max((cell_len(word) for line in lines for word in line.split()), default=0)
        column.max_width = max(cell_len(part) for line in lines for part in line.split("\n"))
    for text in texts:
        made.add_row(*map(Text, text))
    return made


def width_of(console: Console, shown: Table, of_columns: Literal["min_width", "max_width"]) -> int:
    """Set a table's columns to their least or their greatest widths, and give its own: no cell needs to be measured again."""
    for column in shown.columns:
        column.width = getattr(column, of_columns)
    return console.measure(shown, options=console.options.update(max_width=10_000)).maximum


def _wish(column: Column) -> int:
    return (column.max_width or 0) - (column.min_width or 0)


def fit(console: Console, shown: Table) -> bool:
    """Set the widths of a table's columns for a terminal; False where a word would have to be broken.

    Left to itself the table takes from the widest columns first, and breaks words in them though there is room elsewhere.
    """
    least, most, columns = width_of(console, shown, "min_width"), width_of(console, shown, "max_width"), shown.columns
    if least > console.width:
        return False
    room = console.width - least
    if most > console.width:
        # Short texts first, so that `1 kg` and `50 %` stay whole; names of goods are broken between words.
        for column in sorted(columns, key=_wish):
            given = min(_wish(column), room)
            column.width, room = (column.min_width or 0) + given, room - given
    return True


def records(rows: Rows) -> None:
    """Print each row as lines of a name and a value."""
    width = max(map(len, rows[0]))
    for at, row in enumerate(rows):
        if at:
            click.echo()
        for name, value in row.items():
            # A column without a name holds a mark or a count, often none.
            if name or cell(value):
                click.echo(f"{harmless(name):<{width}}  {cell(value)}".strip())
