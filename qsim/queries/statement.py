"""The statement check of SQL from outside: exactly one SELECT, made only of what is listed here.

DuckDB parses the text and gives its tree. Whatever the tree holds that no list names is refused, so a part of SQL that is
new to DuckDB is refused until it has been looked at. The text that is checked is the text that is run.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, NoReturn

import duckdb

from qsim.errors import UsageError
from qsim.queries import functions

MAX_CHARACTERS = 100_000
MAX_NESTING = 200
TOO_DEEP = "sql: a value is nested too deeply to be told; narrow the query"
# Of hundreds of functions some are a little like any name.
_ALIKE = 0.75
_EXPRESSIONS = frozenset(
    "BETWEEN CASE CAST COLLATE COLUMN_REF COMPARISON CONJUNCTION CONSTANT FUNCTION LAMBDA LAMBDA_REF OPERATOR"  # noqa: SIM905
    " POSITIONAL_REFERENCE STAR SUBQUERY TYPE WINDOW".split()
)
_PARTS = frozenset(
    "SELECT_NODE SET_OPERATION_NODE RECURSIVE_CTE_NODE CTE_NODE"  # noqa: SIM905
    " BASE_TABLE EMPTY EXPRESSION_LIST JOIN PIVOT SHOW_REF SUBQUERY TABLE_FUNCTION"
    " DISTINCT_MODIFIER LIMIT_MODIFIER LIMIT_PERCENT_MODIFIER ORDER_MODIFIER ORDER_DEFAULT ASCENDING DESCENDING".split()
)
_SHOWN = frozenset(("tables", "__show_tables_expanded"))
_MADE = re.compile(
    r"CREATE (?:OR REPLACE )?(?P<kind>VIEW|MACRO) (?:(?P<schema>\w+)\.)?(?P<name>\w+)"
    r"(?:\([\w, ]*\)| WITH \(\w+\))?\s+AS\s+(?P<rows>TABLE\s)?"
)
# In JSON no text can hold this, since its quotes are escaped.
_WRITING = re.compile(r'"type"\s*:\s*"(\w+)_QUERY_NODE"')
_PLAIN = re.compile(r"\w[\w ]*")


@dataclass(frozen=True)
class Known:
    """What a market offers: its views, macros and table macros, as (schema, name) in lower case."""

    tables: frozenset[tuple[str, str]]
    macros: frozenset[tuple[str, str]]
    table_macros: frozenset[tuple[str, str]]


def known_of(statements: Iterable[str]) -> Known:
    """List the views and macros that statements make; asking DuckDB for them takes longer than most queries."""
    kinds: dict[str, set[tuple[str, str]]] = {"VIEW": set(), "MACRO": set(), "MACRO TABLE": set()}
    for text in statements:
        if made := _MADE.match(text):
            kinds[f"{made['kind']}{' TABLE' if made['rows'] else ''}"].add(
                (made["schema"] or "main", made["name"].lower())
            )
    return Known(*map(frozenset, kinds.values()))


def refused(found: str, mend: str = "mend the query") -> NoReturn:
    """Refuse a query in one line."""
    shown = " ".join(found.split())[:120]
    raise UsageError(
        f"sql: found {shown}; allowed is one SELECT over the market's views and macros and functions of values; {mend}"
    )


def failure(fault: str) -> str:
    """Tell in a line why DuckDB refuses a query and what to do. Macros of rows take no query for a time, and the reason it gives is
    of their inside.
    """
    mend = "mend the query"
    if "subqueries in lambda expressions" in fault:
        mend = "take the time from a table, as in FROM (SELECT max(ts) AS t FROM orders) AS a, prices_at(a.t)"
    return f"sql: {fault[:300]}; {mend}"


def kinds_named(kinds: Iterable[duckdb.StatementType]) -> str:
    """Name kinds of statements as their writer would; more than one made of one is what DuckDB makes of a PIVOT without IN."""
    multi = "PIVOT without its values (ON platform IN ('zepto', 'blinkit'))"
    return ", ".join(multi if kind == duckdb.StatementType.MULTI else kind.name for kind in kinds) or "nothing"


def bound(query: str) -> None:
    """Refuse a text that is too long or too deeply nested to be worth parsing."""
    if not isinstance(query, str):
        refused(f"a query that is no text but {type(query).__name__}")
    if len(query) > MAX_CHARACTERS:
        raise UsageError(
            f"sql: found a text of {len(query):,} characters; allowed are {MAX_CHARACTERS:,}; shorten the query"
        )
    if "\0" in query:
        refused("a NUL character")
    if re.search("[\ud800-\udfff]", query):
        refused("half of a letter, which UTF-8 has no bytes for")
    depth = deepest = 0
    for sign in re.findall(r"[()\[\]{}]", query):
        depth = depth + 1 if sign in "([{" else max(0, depth - 1)
        deepest = max(deepest, depth)
    if deepest > MAX_NESTING:
        raise UsageError(f"sql: found brackets {deepest:,} deep; allowed are {MAX_NESTING}; flatten the query")


def writing(connection: duckdb.DuckDBPyConnection, query: str) -> str | None:
    """Name what writes in a query that DuckDB takes for one that reads, as COPY in `WITH a AS (COPY ...) SELECT`; None for nothing.

    Where DuckDB does not tell what a query is made of, as of a PIVOT without its values, the bare word COPY counts.
    """
    tree = _taken_apart(connection, query)
    if found := _WRITING.search(tree):
        return f"{found[1]} in a WITH"
    return "the word COPY" if "copy" in query.lower() and json.loads(tree)["error"] else None


def _taken_apart(connection: duckdb.DuckDBPyConnection, query: str) -> str:
    """Give DuckDB's tree of a SELECT, or its error, as JSON."""
    [(tree,)] = connection.execute("SELECT json_serialize_sql(?::VARCHAR)", [query]).fetchall()
    return str(tree)


def check(connection: duckdb.DuckDBPyConnection, query: str, known: Known) -> str:
    """Give the text to run of a query, as `without_end` does; UsageError names what was found in one that is not one SELECT over
    what is known.
    """
    bound(query)
    query = without_end(query)
    kinds = [statement.type for statement in connection.extract_statements(query)]
    if kinds != [duckdb.StatementType.SELECT]:
        refused(kinds_named(kinds[:5]))
    taken_apart = _taken_apart(connection, query)
    try:
        tree = json.loads(taken_apart)
        if tree.get("error") or len(tree["statements"]) != 1:
            refused("a statement that cannot be taken apart")
        _look(tree["statements"][0]["node"], frozenset(), known)
    except RecursionError:
        refused("a query nested too deeply")
    except (KeyError, TypeError, AttributeError, IndexError):
        refused("a part of SQL of unknown shape")
    return query


def without_end(query: str) -> str:
    """Leave out the semicolon that ends a query and all that comes after it where these are semicolons and comments."""
    # DuckDB puts what is to be limited in brackets, where it takes a semicolon at the very end alone.
    text = query.encode()
    end = len(text)
    for at, kind in reversed(duckdb.tokenize(query)):
        if kind == duckdb.token_type.operator and text[at : at + 1] == b";":
            end = at
        elif kind != duckdb.token_type.comment:
            break
    return text[:end].decode()


def _look(part: Any, scope: frozenset[str], known: Known) -> None:
    """Look through a part of the tree; `scope` holds the names that WITH gives in it."""
    if isinstance(part, list):
        for one in part:
            _look(one, scope, known)
    if not isinstance(part, dict):
        return
    kind = part.get("class", part.get("type"))
    if isinstance(kind, str) and kind not in (_EXPRESSIONS if "class" in part else _PARTS):
        refused(kind)
    if "cte_map" in part:
        scope = _with(part["cte_map"]["map"], scope, known)
    inner = {name: one for name, one in part.items() if name != "cte_map"}
    if kind == "TABLE_FUNCTION":
        _function(part["function"], functions.ROWS, known.table_macros)
        inner["function"] = {name: one for name, one in part["function"].items() if name in ("arguments", "filter")}
    elif "function_name" in part:
        _function(part, functions.VALUES, known.macros)
    elif kind == "RECURSIVE_CTE_NODE":
        # The name stands for the rows so far in the part after UNION alone; before it, it would be a table outside.
        _look(inner.pop("right"), scope | {part["cte_name"].lower()}, known)
    elif kind in ("BASE_TABLE", "SHOW_REF"):
        _table(part, scope, known)
    for one in inner.values():
        _look(one, scope, known)


def _with(entries: list[dict[str, Any]], scope: frozenset[str], known: Known) -> frozenset[str]:
    """Look through the queries of a WITH, each of which sees those before it; give the names seen after them."""
    for entry in entries:
        if not _PLAIN.fullmatch(entry["key"]):
            refused(f"WITH {entry['key']!r}")
        _look(entry["value"], scope, known)
        scope = scope | {entry["key"].lower()}
    return scope


def _path(part: dict[str, Any]) -> tuple[str, ...]:
    """The parts of a qualified name; the name of the database in memory is left away."""
    path = tuple(str(one).lower() for one in part["qualified_name"]["path"])
    return path[1:] if len(path) == 3 and path[0] == "memory" else path


def _made(path: tuple[str, ...], names: frozenset[tuple[str, str]]) -> bool:
    return len(path) <= 2 and ("main", *path)[-2:] in names


def _table(part: dict[str, Any], scope: frozenset[str], known: Known) -> None:
    path = _path(part)
    if part.get("at_clause"):
        refused("AT")
    if part["type"] == "SHOW_REF" and (part["query"] or path[-1].strip('"') in _SHOWN):
        return
    if not (len(path) == 1 and path[0] in scope) and not _made(path, known.tables):
        listed = "name one of those that SELECT * FROM dictionary tells"
        refused(f"table {'.'.join(path)!r}", _near(path, scope, known.tables) + listed)


def _function(part: dict[str, Any], allowed: frozenset[str], macros: frozenset[tuple[str, str]]) -> None:
    path = _path(part)
    sign = part.get("is_operator") and not re.search(r"\w", path[-1])
    if not (len(path) == 1 and (path[0] in allowed or sign)) and not _made(path, macros):
        refused(f"function {'.'.join(path)!r}", f"{_near(path, allowed, macros)}mend the query")


def _near(path: tuple[str, ...], names: Iterable[str], made: Iterable[tuple[str, str]]) -> str:
    """Tell which name of `names`, or of those `made` outside of `raw`, is nearest to what was found; nothing where none is near."""
    close = get_close_matches(path[-1], {*names, *(name for schema, name in made if schema == "main")}, 1, _ALIKE)
    return f"nearest is {close[0]!r}; " if close else ""
