"""`qsim sql`."""

from __future__ import annotations

from pathlib import Path

import click

from qsim.cli import options, output

_LONGEST_NAME = 255


class _Query(click.Command):
    """A command whose query may begin with a comment of SQL, which is no option."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put what begins as a comment behind the options, where it is taken for words."""
        comments = [word for word in args if word.startswith("--") and any(letter.isspace() for letter in word)]
        if comments and "--" not in args:
            args = [word for word in args if word not in comments] + ["--", *comments]
        return super().parse_args(ctx, args)


@click.command(cls=_Query)
@click.argument("words", nargs=-1, required=True, metavar="[DIR] QUERY")
@options.as_json
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV, with a ' before text that begins as a formula does.")
@click.option(
    "--guarded",
    is_flag=True,
    help="Run it as a query from outside: files closed off; 30 s, 100,000 rows, 512 MB at most.",
)
def sql(words: tuple[str, ...], as_json: bool, as_csv: bool, guarded: bool) -> None:
    """Run one SQL query over the market in DIR; a single argument is the query. The market is never changed.

    The view dictionary tells what every view, column and macro means, and in which unit.

    Example: qsim sql "SELECT platform, avg(discount_pct) FROM prices GROUP BY ALL"

    Example: qsim sql shop "SELECT * FROM price_of('Onion', TIMESTAMP '2026-01-01 08:00')" --csv

    Example: qsim sql shop "SELECT column_name, meaning FROM dictionary WHERE name = 'orders'"
    """
    if len(words) > 2 or (as_json and as_csv):
        raise click.UsageError("found too much; allowed are [DIR] QUERY and one of --json and --csv; quote the query")
    _check_query(words)
    columns, rows = (_guarded if guarded else _plain)(words[0] if len(words) == 2 else None, words[-1])
    output.rows_as(rows, "json" if as_json else "csv" if as_csv else "table", columns)


def _check_query(words: tuple[str, ...]) -> None:
    query = words[-1]
    if len(words) == 2 and len(query) < _LONGEST_NAME and Path(query).is_dir() and " " in words[0].strip():
        raise click.UsageError(f"found the folder {query!r} behind the query; allowed are [DIR] QUERY; put it before")
    if len(words) == 1 and len(query) < _LONGEST_NAME and Path(query).is_dir():
        raise click.UsageError(
            f"found the folder {query!r} and no query; allowed are [DIR] QUERY; add one, such as 'SELECT * FROM prices LIMIT 5'"
        )
    try:
        query.encode()
    except UnicodeEncodeError:
        raise click.UsageError(
            "found letters that this locale cannot read; allowed are those of UTF-8; set LC_ALL=C.UTF-8"
        ) from None


def _plain(directory: str | None, query: str) -> tuple[list[str], list[dict[str, object]]]:
    from qsim.queries.connection import asked, selected

    return asked(directory, lambda connection: selected(connection, query))


def _guarded(directory: str | None, query: str) -> tuple[list[str], list[dict[str, object]]]:
    from qsim.queries import guarded_sql

    answer = guarded_sql(directory, query)
    if answer.truncated:
        output.note(f"cut off after {len(answer.rows):,} rows: there are more than a guarded query may give")
    return answer.columns, answer.rows
