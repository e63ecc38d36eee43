"""The text cells of a user's CSV file, with the line each row starts on, and the refusals of a whole file.

Every cell stays text: no type is inferred and no row is judged here. A file whose bytes or quoting leave it
open what the rows are is refused as a whole. The module holds no knowledge of fields or groups, and of prices only how
rupees are written.
"""

from __future__ import annotations

import csv
import io
import os
import re
import stat
import threading
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import BinaryIO

import polars as pl

from qsim.errors import InputError

MAX_FILE_BYTES = 2 * 1024**3
Choose = Callable[[list[str]], Mapping[str, int]]

_limited = threading.Lock()
_BLOCK_BYTES = 1 << 20
_BATCH_ROWS = 1 << 16
_CSV_ALLOWED = "a comma-separated UTF-8 text file with a header row"
_FOREIGN_STARTS = {
    b"\xff\xfe": "UTF-16 text",
    b"\xfe\xff": "UTF-16 text",
    b"PK\x03\x04": "a zip or Excel file",
    b"\x1f\x8b": "a gzip file",
    b"\xd0\xcf\x11\xe0": "an old Excel file",
    b"PAR1": "a Parquet file under another name",
}
_MENDS = {
    "a gzip file": "unpack it and name the file in it",
    "a Parquet file under another name": "give it a name that ends in .parquet",
}
# What Excel may be told the delimiter by; it is no header.
_SEPARATOR = re.compile(rb"sep=[^\r\n]?,*\s*[\r\n]", re.IGNORECASE)
_JSON = re.compile(rb'\s*(?:\{\s*["}]|\[\s*[\[{])')
_MONEY = r"^(?i:₹|rs\.?|inr)?\s*(-?(?:\d+|[1-9]\d{0,2}(?:,\d{2,3})*,\d{3})(?:\.\d*)?|-?\.\d+)\s*(?:/-)?$"
# What a spreadsheet leaves of a formula that failed, and databases and pandas of what they do not have; NAN and Nan are breads.
NO_NAMES = ("#N/A", "#REF!", "#VALUE!", "#NAME?", "#DIV/0!", "#NUM!", "#NULL!", "NULL", "null", "NaN", "<NA>")
_QUOTING_FAULTS = {
    "unexpected end of data": "the row opens a quote that is never closed",
    "expected after": "text follows a closing quote",
    "new-line character": "a carriage return stands alone outside quotes",
}


def shown(text: str, limit: int = 80) -> str:
    """Return `text` on one line, control characters escaped, cut to `limit` characters."""
    head = text[:limit]
    if not head.isprintable():
        head = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in head)
    return head[:limit]


def rupees(text: pl.Expr) -> pl.Expr:
    """Read amounts as shops write them, `₹1,299.00`, `Rs. 45` or `45/-`, as plain digits, still text; null where it is none."""
    return text.str.extract(_MONEY, 1).str.replace_all(",", "", literal=True)


def refusal(path: Path, found: str, allowed: str, todo: str) -> InputError:
    """Return the one-line error for a file: what was found, what is allowed, what to do."""
    return InputError(f"{shown(str(path), 4096)}: found {found}; allowed: {allowed}; {todo}")


def swallowed(text: pl.Expr, width: pl.Expr) -> pl.Expr:
    """Tell the cells that took whole rows of `width` cells in, since a quote that opens one closes some lines later."""
    breaks = text.str.count_matches("\n", literal=True)
    return (breaks > 0) & (width > 2) & (text.str.count_matches(",", literal=True) >= breaks * (width - 1))


def check_file(path: Path) -> None:
    """Raise InputError unless `path` is a readable regular file of 1 byte to 2 GiB."""
    try:
        status = path.stat()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise refusal(path, f"no usable file ({reason})", "a CSV or Parquet file", "check the path") from None
    for is_kind, name in (
        (stat.S_ISDIR, "a directory"),
        (stat.S_ISFIFO, "a pipe (FIFO)"),
        (stat.S_ISCHR, "a device"),
        (stat.S_ISBLK, "a device"),
        (stat.S_ISSOCK, "a socket"),
    ):
        if is_kind(status.st_mode):
            raise refusal(path, name, "a regular CSV or Parquet file", "save the rows to a file and name that")
    if status.st_size > MAX_FILE_BYTES:
        found = f"{status.st_size:,} bytes"
        raise refusal(path, found, "at most 2 GiB (2,147,483,648 bytes)", "split the file")
    if status.st_size == 0:
        raise refusal(path, "an empty file", "a header row and at least one row below it", "fill it or export it again")


@contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """Open a file; raise InputError at the end where it was written to meanwhile, so that what was read is of two files."""
    with path.open("rb") as source:
        before = os.fstat(source.fileno())
        yield source
        after = os.fstat(source.fileno())
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
        raise refusal(path, "a file that changed while it was read", "a file at rest", "run again when it is written")


def read_csv(path: Path, choose: Choose) -> pl.DataFrame:
    """Return the chosen columns of a CSV file as text, one frame row per CSV row, in file order.

    `choose` takes the header and names the columns wanted: field name -> column position.
    Columns of the result: line (u32, the 1-based physical line the row starts on), cells (i32, cells in the
    row), width (i32, cells in the header), then one String column per field; cells that a short row lacks
    are ''. Blank lines and rows of blank cells are passed over. Raises InputError when the file cannot be read as CSV.
    """
    try:
        with _any_size():
            return _read(path, choose)
    except OSError as error:
        raise refusal(path, f"an unreadable file ({error.strerror})", "a readable file", "check it") from None


@contextmanager
def _any_size() -> Iterator[None]:
    """Have cells of any size read, by one thread at a time: the limit is the process's, and put back as it was."""
    with _limited:
        limit = csv.field_size_limit(MAX_FILE_BYTES - 1)
        try:
            yield
        finally:
            csv.field_size_limit(limit)


def clean_header(path: Path, header: list[str]) -> list[str]:
    """Return the trimmed, NFC column names; raise InputError for a repeat or a wrong delimiter."""
    names = [unicodedata.normalize("NFC", name).strip() for name in header]
    _check_delimiter(path, header)
    # Spreadsheets pad rows with nameless columns; these can never be mapped, so their repeats do no harm.
    first = {name: at for at, name in reversed([*enumerate(names)])}
    repeats = [name for at, name in enumerate(names) if name and first[name] != at]
    if repeats:
        found = f"two columns named '{shown(repeats[0])}'"
        raise refusal(path, found, "each column name once", "rename or remove one of them")
    return names


def check_csv(path: Path) -> None:
    """Raise InputError where the first line of a CSV file shows another encoding or delimiter, two columns of one name, or no
    header; for files others parse.
    """
    with path.open("rb") as source:
        block = source.read(_BLOCK_BYTES)
    _check_start(path, block)
    first = block.decode("utf-8", "replace").removeprefix("\ufeff").lstrip().partition("\n")[0]
    try:
        header = next(csv.reader([first.rstrip()]), [])
    except csv.Error as error:
        raise refusal(path, f"a first line that is no header: {error}", "names of columns", "check the file") from None
    clean_header(path, header)


def _check_delimiter(path: Path, header: list[str]) -> None:
    if len(header) == 1:
        for mark, word in ((";", "semicolons"), ("\t", "tabs"), ("|", "bars")):
            if mark in header[0]:
                found = f"a header of one column, '{shown(header[0])}', separated by {word}"
                raise refusal(path, found, _CSV_ALLOWED, "save the file with commas")


def _read(path: Path, choose: Choose) -> pl.DataFrame:
    records = _records(path)
    _, header = next(records, (0, []))
    if not header:
        raise refusal(path, "an empty file", "a header row and at least one row below it", "fill it or export it again")
    names = clean_header(path, header)
    picks = choose(names)
    frames = []
    while batch := list(islice(records, _BATCH_ROWS)):
        frames.append(_frame(batch, len(names), picks))
    if not frames:
        raise refusal(path, "a header and no row", "at least one row below the header", "fill it or export it again")
    return pl.concat(frames)


def _frame(batch: list[tuple[int, list[str]]], width: int, picks: Mapping[str, int]) -> pl.DataFrame:
    rows = [row if len(row) == width else (row + [""] * width)[:width] for _, row in batch]
    columns = [
        pl.Series("line", [line for line, _ in batch], pl.UInt32),
        pl.Series("cells", [len(row) for _, row in batch], pl.Int32),
        pl.Series("width", [width], pl.Int32).new_from_index(0, len(batch)),
    ]
    columns += [pl.Series(field, [row[i] for row in rows], pl.String) for field, i in picks.items()]
    return pl.DataFrame(columns)


def _records(path: Path) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader(_lines(path), strict=True)
    start = 1
    try:
        for row in reader:
            # Spreadsheets write a blank row with its delimiters.
            if any(cell and not cell.isspace() for cell in row):
                yield start, row
            start = reader.line_num + 1
    except csv.Error as error:
        fault = next((text for part, text in _QUOTING_FAULTS.items() if part in str(error)), str(error))
        raise refusal(
            path,
            f"bad quoting in the row at line {start}: {fault}",
            'cells in double quotes, with "" for a quote inside',
            "correct that row",
        ) from None


def _lines(path: Path) -> Iterator[str]:
    # Blocks end at a newline, so no UTF-8 sequence is cut and lines count as an editor counts them.
    offset, line = 0, 1
    with opened(path) as source:
        while block := source.read(_BLOCK_BYTES) + source.readline():
            if offset == 0:
                _check_start(path, block)
            text = _decode(path, block, offset, line)
            yield from io.StringIO(text.removeprefix("\ufeff") if offset == 0 else text, newline="\n")
            offset += len(block)
            line += block.count(b"\n")


def _check_start(path: Path, block: bytes) -> None:
    kind = next((name for start, name in _FOREIGN_STARTS.items() if block.startswith(start)), "")
    if not kind and block[:64].count(b"\0") * 4 > len(block[:64]):
        kind = "UTF-16 text without a byte-order mark"
    text = block.removeprefix(b"\xef\xbb\xbf")
    if not kind and _JSON.match(text):
        kind = "JSON"
    if not kind and text.lstrip().startswith(b"<"):
        kind = "HTML or XML"
    if kind:
        raise refusal(path, kind, _CSV_ALLOWED, _MENDS.get(kind, "save it as 'CSV UTF-8'"))
    if line := _SEPARATOR.match(text):
        found = f"the line '{shown(line[0].decode('utf-8', 'replace').strip())}' over the header"
        raise refusal(path, found, _CSV_ALLOWED, "remove that line, and save the file with commas")
    if b"\n" not in block and b"\r" in block.rstrip(b"\r"):
        raise refusal(
            path,
            "lines that end in CR alone (old Macintosh)",
            "lines that end in LF or CR LF",
            "save it with Unix or Windows line ends",
        )


def _decode(path: Path, block: bytes, offset: int, line: int) -> str:
    nul = block.find(b"\0")
    if nul >= 0:
        raise refusal(
            path,
            f"a NUL byte at {_place(block, nul, offset, line)}",
            _CSV_ALLOWED,
            "remove it or export the list again",
        )
    try:
        return block.decode("utf-8")
    except UnicodeDecodeError as error:
        byte = block[error.start]
        place = _place(block, error.start, offset, line)
        latin = f", '{chr(byte)}' in Latin-1" if byte >= 0xA0 and chr(byte).isprintable() else ""
        found = f"a byte that is not UTF-8 (0x{byte:02X}{latin}) at {place}"
        raise refusal(path, found, _CSV_ALLOWED, "save it as 'CSV UTF-8'") from None


def _place(block: bytes, index: int, offset: int, line: int) -> str:
    breaks = block.count(b"\n", 0, index)
    return f"line {line + breaks}, byte offset {offset + index}"
