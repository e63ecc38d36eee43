"""Pieces of SQL that the views share: literals, names as they are compared, rupees, files of a table, values by epoch."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from qsim.errors import UsageError
from qsim.schema import Cause, Table
from qsim.storage.places import Place

if TYPE_CHECKING:
    from qsim.simulation import Course
    from qsim.storage.pieces import DataFile

    # Writes the SELECT of the named files of a table of a market.
    Select = Callable[[Place, Table, Sequence[DataFile]], str]
    # The same of a market that is known.
    SelectHere = Callable[[Table, Sequence[DataFile]], str]

_DUCKDB_TYPES = {
    "string": "VARCHAR", "bool": "BOOLEAN", "float32": "FLOAT", "float64": "DOUBLE", "int32": "INTEGER", "int64": "BIGINT",
    "uint8": "UTINYINT", "uint16": "USMALLINT", "uint32": "UINTEGER",
}  # fmt: skip
_LITERAL = str.maketrans({sign: f"[{sign}]" for sign in "*?["})
# A time with a zone is brought to the market's clock; DuckDB would take the machine's.
# Cursors have what is global alone.
ZONE = "SET GLOBAL TimeZone = 'Asia/Kolkata'"
# Before rounding down: halves go up, also those that a division by a fraction without a double left a little too small.
HALF = 0.5000001
CAUSES = "CASE cause " + " ".join(f"WHEN {cause.value} THEN '{cause.name.lower()}'" for cause in Cause) + " END"

# Apostrophes, straight and curly, the joiners that only tell how letters of Indian scripts are drawn, and the dot below letters of
# Hindi, which many leave out.
_DROPPED = "'\u2018\u2019\u02bc`\u200c\u200d\u093c"
# Accents of Latin letters, which few type: Nescafé is asked for as nescafe. DuckDB's strip_accents would take Hindi's vowels too.
_ACCENTED = "àáâãäåāçèéêëēìíîïīñòóôõöōùúûüūýÿ"
_UNACCENTED = "aaaaaaaceeeeeiiiiinoooooouuuuuyy"
_PLAINLY = str.maketrans(_ACCENTED, _UNACCENTED, _DROPPED)


def letters(text: str) -> str:
    """Give a text as names are compared: in lower case and composed (NFC), without accents, apostrophes, joiners and Hindi's dots
    below.
    """
    plain = text.lower()
    return (plain if plain.isascii() else unicodedata.normalize("NFC", plain)).translate(_PLAINLY)


def letters_of(text: str) -> str:
    """Write `letters` of a text (an expression) in SQL."""
    return f"translate(nfc_normalize(lower({text})), {quoted(_ACCENTED + _DROPPED)}, {quoted(_UNACCENTED)})"


def quoted(text: str) -> str:
    """Write a text as a SQL literal."""
    return "'" + text.replace("'", "''") + "'"


def duckdb_type(table: Table, column: str) -> str:
    """Give DuckDB's name of a column's type."""
    return _DUCKDB_TYPES[table.columns[column][0]]


def files(market: Place, table: Table, named: Sequence[DataFile]) -> str:
    """Write the SELECT of the named files of a table; of none, an empty one with the table's columns."""
    if not named:
        empty = ", ".join(f"NULL::{_DUCKDB_TYPES[kind]} AS {name}" for name, (kind, _) in table.columns.items())
        return f"SELECT {empty} WHERE false"
    # Block by block, since DuckDB groups by listing faster where rows of the same listings come together.
    in_order = sorted(named, key=lambda file: (file.block, file.first))
    folder = _literal(str(market.absolute()))
    paths = ", ".join(quoted(f"{folder}/{file.path}") for file in in_order)
    # A folder above that is named key=value says nothing of the rows.
    return f"SELECT * FROM read_parquet([{paths}], hive_partitioning = false)"


def _literal(folder: str) -> str:
    """Write a folder so that DuckDB, to which paths are patterns, takes it for no other: the folders beside it may match."""
    literal = folder.translate(_LITERAL)
    # In a pattern DuckDB takes it for the end of a folder's name, whatever is put before it.
    if literal != folder and os.sep != "\\" and "\\" in folder:
        raise UsageError(f"{folder}: has both a \\ and one of * ? [; DuckDB can read no such path; rename the folder")
    return literal


def by_epoch(course: Course, key: str, edge: str, value: str) -> str:
    """Write a CASE that finds the epoch of `key` by its first tick or second and works out `value` in it."""
    whens = [f"WHEN {key} {'>' if edge == 'tick' else '>='} {getattr(e, edge)} THEN " + value.format(e=e)
             for e in reversed(course.epochs[1:])]  # fmt: skip
    first = value.format(e=course.epochs[0])
    return f"CASE {' '.join(whens)} ELSE {first} END" if whens else f"({first})"


def rupees(paise: str, digits: int = 12) -> str:
    """Write paise (an expression of INTEGER or BIGINT) as DECIMAL rupees."""
    return f"({paise} * 0.01)::DECIMAL({digits}, 2)"


def percent(bps: str) -> str:
    """Write basis points as DECIMAL percent."""
    return f"({bps} * 0.01)::DECIMAL(5, 2)"
