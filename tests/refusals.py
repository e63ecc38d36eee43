"""Bad inputs of settings, the command line and product lists, numbered as the promise counts them: what is given, what is said."""

from __future__ import annotations

import gzip
from dataclasses import dataclass, field
from typing import Any

HEADER = "product,brand,category,subcategory,pack,mrp,price\n"
GOOD = "Toned Milk,Amul,Dairy & Eggs,,500 ml,30,28.50\n"
USAGE, INPUT, CONFLICT, CORRUPT, DISK = 2, 3, 4, 5, 6


@dataclass(frozen=True)
class Case:
    """A bad input: its number and name, the exit code, what the line must say, the words of the command, the files given.

    In words {m} is a market, {d} the test's folder.
    """

    number: int
    name: str
    code: int
    says: tuple[str, ...]
    words: tuple[str, ...]
    files: dict[str, bytes] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.number}-{self.name}"


def _file(number: int, name: str, text: str | bytes, *says: str, code: int = USAGE) -> Case:
    content = text if isinstance(text, bytes) else text.encode()
    words = ("run", "{m}", "--ticks", "1", "--config", "{d}/given.toml")
    return Case(number, name, code, says, words, {"given.toml": content})


def _run(number: int, name: str, *says: str, words: str = "") -> Case:
    return Case(number, name, USAGE, says, ("run", "{m}", *words.split(" ")) if words else ("run", "{m}"))


def _words(number: int, name: str, words: str, *says: str, code: int, **files: Any) -> Case:
    return Case(number, name, code, says, tuple(words.split(" ")), files)


PLATFORM = 'name = "Blinkit"\nlow_percent = 95\nhigh_percent = 115\naverage_discount_percent = 8\n'

CONFIG = [
    _file(1, "negative volatility", "[category_volatility]\nfruits = -0.1\n", "category_volatility.fruits", "-0.1",
          "greater than or equal to 0"),
    _file(2, "nan", "surge_probability = nan\n", "surge_probability", "nan", "finite"),
    _file(3, "inf", "surge_fee_rupees = inf\n", "surge_fee_rupees", "inf", "finite"),
    _file(4, "probability above 1", "discount_probability = 1.5\n", "discount_probability", "1.5", "less than or equal to 1"),
    _file(5, "probability below 0", "discount_probability = -0.1\n", "discount_probability", "-0.1",
          "greater than or equal to 0"),
    _file(6, "weights of nothing", "[sales.days]\n7 = 0.0\n", "sales.days", "all 0", "mend"),
    _file(6, "weights below 0", "[sales.days]\n7 = -0.5\n14 = 1.5\n", "sales.days.7", "-0.5", "greater than or equal to 0"),
    _file(6, "shares of nothing", "[price_points.packaged]\nwhole = 0.0\n", "price_points.packaged", "all 0", "mend"),
    _file(7, "unknown key", "bach_size = 3\n", "bach_size", "unknown key", "nearest is 'batch_size'"),
    _file(7, "unknown key inside", "[category_volatility]\nfruit = 1.0\n", "fruit", "unknown key", "nearest is 'fruits'"),
    _file(7, "key of a table at the top", "elasticity = 2.0\n", "elasticity", "unknown key", "a table: demand.elasticity"),
    _file(8, "unknown section", "[suply]\nlate = 0.5\n", "suply", "unknown key", "nearest is 'supply'"),
    _file(9, "key twice", "batch_size = 1\nbatch_size = 2\n", "given.toml", "not TOML", "line 2", "mend", code=INPUT),
    _file(10, "text for a number", 'discount_probability = "0.1"\n', "discount_probability", "'0.1'", "valid number"),
    _file(10, "number for a table", "demand = 5\n", "demand", "5", "dictionary"),
    _file(11, "true for a number", "discount_probability = true\n", "discount_probability", "True", "valid number"),
    _file(11, "true for a whole number", "batch_size = true\n", "batch_size", "True", "valid integer"),
    _file(12, "least above most", "surge_min_percent = 30\n", "surge_min_percent 30", "above surge_max_percent 15", "mend"),
    _file(12, "band upside down", "[platforms.zepto]\nlow_percent = 200\n", "platforms.zepto", "200", "above high_percent"),
    _file(13, "no platform", "[platforms]\n", "platforms", "found none", "1 to 50"),
    _file(14, "platform twice", f"[platforms.a]\n{PLATFORM}[platforms.a]\n{PLATFORM}", "given.toml", "not TOML", "twice",
          code=INPUT),
    _file(15, "unknown platform", '[platforms.zeptoo]\nname = "Z"\n', "platforms.zeptoo", "no platform 'zeptoo'", "mend"),
    _file(15, "unknown platform closed", '[demand]\nclosed = ["zeptoo"]\n', "demand.closed", "'zeptoo'", "nearest is 'zepto'"),
    _file(15, "unknown platform of shares", "[demand.shares]\nzeptoo = 1.0\n", "demand.shares", "nearest is 'zepto'"),
    _file(15, "unknown platform of rivals", "[rivals.reactive]\nzeptoo = 1.0\n", "rivals.reactive", "nearest is 'zepto'"),
    _file(15, "unknown platform of points", "[price_points.platforms.zeptoo]\nnine = 1.0\n", "price_points.platforms",
          "nearest is 'zepto'"),
    _file(16, "tick of 0 s", "update_interval_seconds = 0\n", "update_interval_seconds", "0", "greater than or equal to 1"),
    _file(16, "tick below 0 s", "update_interval_seconds = -5\n", "update_interval_seconds", "-5",
          "greater than or equal to 1"),
    _file(17, "seed below 0", "seed = -1\n", "seed", "-1", "greater than or equal to 0"),
    _file(17, "seed above 2^63", f"seed = {2**63}\n", "seed", str(2**63), "less than or equal to"),
    _file(17, "seed with a point", "seed = 1.5\n", "seed", "1.5", "valid integer"),
    _file(18, "no such day", 'start = "2026-02-30"\n', "start", "2026-02-30", "a date such as 2026-01-01"),
    _file(18, "time without a zone", "start = 2026-01-01T10:00:00\n", "start", "2026", "a date such as"),
    _file(18, "time in a text", 'start = "2026-01-01T10:00"\n', "start", "2026-01-01T10:00", "a date such as"),
    _file(18, "week for a date", 'start = "2026-W01-1"\n', "start", "2026-W01-1", "a date such as"),
    _run(19, "end beyond int64", "ticks", "9999999999999999999999", "allowed are 1 to", "mend",
         words="--ticks 9999999999999999999999"),
    _run(19, "end beyond the clock", "ticks", "2,000,000,000 of 86400 s", "63 years", "run fewer",
         words="--ticks 2000000000 --interval 86400"),
    _run(19, "duration of infinity", "duration", "inf", "a number of minutes", words="--duration inf"),
    _file(20, "latin-1", 'catalog = "Café"\n'.encode("latin-1"), "given.toml", "0xE9", "offset 14", "UTF-8", code=INPUT),
    _file(20, "utf-16", "batch_size = 3\n".encode("utf-16"), "given.toml", "UTF-16", "UTF-8", code=INPUT),
    _file(20, "empty", b"", "given.toml", "an empty file", "something in it", code=INPUT),
    _file(20, "mark alone", b"\xef\xbb\xbf\n", "given.toml", "an empty file", "something in it", code=INPUT),
    _file(21, "lists in lists", "a = " + "[" * 1_900, "given.toml", "nested hundreds deep", "three deep", code=INPUT),
    _file(21, "10,000 dots", "a." * 10_000 + "a = 1\n", "given.toml", "a line of 20,005 bytes", "2,000", code=INPUT),
    _file(21, "tables in tables", "[seed." + "a." * 900 + "a]\n", "seed", "valid integer", "mend"),
    _file(22, "id with a slash", f'[platforms."a/b"]\n{PLATFORM}', "'a/b'", "lower-case letters, digits and _"),
    _file(22, "id that totals have", f'[platforms.all]\n{PLATFORM}', "'all'", "totals over platforms", "another"),
    _file(22, "id of dots", f'[platforms.".."]\n{PLATFORM}', "'..'", "lower-case letters, digits and _"),
    _file(22, "id with NUL", f'[platforms."a\\u0000"]\n{PLATFORM}', "'a\\x00'", "lower-case letters, digits and _"),
    _file(22, "name with NUL", '[platforms.zepto]\nname = "a\\u0000"\n', "platforms.zepto.name", "without control"),
    _file(22, "name with escapes", '[platforms.zepto]\nname = "\\u001b[31m"\n', "platforms.zepto.name", "without control"),
]  # fmt: skip

COMMANDS = [
    _run(23, "no tick", "ticks: found 0", "allowed are 1 to", "mend", words="--ticks 0"),
    _run(24, "ticks below 0", "ticks: found -1", "allowed are 1 to", "mend", words="--ticks -1"),
    _run(25, "1e12 ticks", "ticks: found 1000000000000", "TB and", "hours", "allowed are 1 to",
         words="--ticks 1000000000000"),
    _run(26, "ten ticks", "--ticks", "'ten'", "valid integer", "see: qsim run --help", words="--ticks ten"),
    _run(26, "one and a half ticks", "--ticks", "'1.5'", "valid integer", words="--ticks 1.5"),
    *(_words(24, f"a look every {every} seconds", f"top {{m}} --every {every}", f"--every: found {every}", "0.2 to 86,400",
             code=USAGE) for every in ("nan", "inf", "0.1")),
    _run(26, "1e3 ticks", "--ticks", "'1e3'", "valid integer", words="--ticks 1e3"),
    _words(27, "a folder that takes nothing", "generate /proc/qsim", "/proc/qsim", "cannot make the directory", code=DISK),
    _words(28, "no parent to read in", "run {d}/no/such", "no/such", "holds no market", "qsim generate", code=CONFLICT),
    _words(28, "no parent to write in", "fit {d}/prices.csv --out {d}/no/such.toml", "no/such.toml", "folder",
           code=USAGE, **{"prices.csv": b"product,brand,category,mrp,price\na,b,Dairy,30,28\n"}),
    _words(29, "generate at a file", "generate {d}/file", "is a file", "a directory", "name another", code=USAGE, file=b"x"),
    _words(29, "generate below a file", "generate {d}/file/m", "file/m", "Not a directory", "name another place", code=DISK,
           file=b"x"),
    _words(29, "generate at a name too long", f"generate {{d}}/{'m' * 300}", "too long", "name another place", code=DISK),
    _words(29, "run of a file", "run {d}/file", "holds no market", "qsim generate", code=CONFLICT, file=b"x"),
    _words(30, "generate over a market", "generate {m}", "holds a market already", "remove it or name another", code=CONFLICT),
    _words(30, "generate over other things", "generate {d}", "'thesis.txt'", "empty or new", code=CONFLICT,
           **{"thesis.txt": b"x"}),
    _words(31, "run where nothing is", "run {d}", "holds no market", "make one with: qsim generate", code=CONFLICT),
    _words(31, "status where nothing is", "status {d}", "holds no market", "make one with", code=CONFLICT),
    _words(31, "question where nothing is", "ask cheapest onions --dir {d}", "holds no market", "make one", code=CONFLICT),
    _run(32, "another seed", "seed: found 7, the market has 42", "fixed when a market is generated", "generate another",
         words="--ticks 1 --set seed=7"),
    _run(32, "another catalog", "catalog: found 'x.csv', the market has ''", "fixed", "generate another",
         words="--ticks 1 --set catalog=x.csv"),
    _run(32, "other products", "products: found 13, the market has 12", "fixed", words="--ticks 1 --set products=13"),
    _run(40, "two lengths", "ticks and until", "one of ticks, until and duration", words="--ticks 5 --until 20"),
    _words(40, "two forms", "sql {m} SELECT --json --csv", "one of --json and --csv", code=USAGE),
    _words(40, "columns of no list", "generate {d}/new --map A=price", "map, groups and strict", "--catalog FILE", code=USAGE),
    _words(40, "score without a score", "validate {m} --min-score 50", "--min-score", "--realism", code=USAGE),
]  # fmt: skip


def _list(number: int, name: str, text: str | bytes, *says: str) -> Case:
    content = text if isinstance(text, bytes) else text.encode()
    words = ("generate", "{d}/new", "--catalog", "{d}/list.csv", "--strict")
    return Case(number, name, INPUT, ("list.csv", *says), words, {"list.csv": content})


def _cells(number: int, name: str, says: str, **cells: str) -> Case:
    usual = ("Ghee", "Amul", "Dairy", "", "", "30", "28.5")
    values = dict(zip(HEADER.strip().split(","), usual, strict=True)) | cells
    row = ",".join('"' + value.replace('"', '""') + '"' for value in values.values()) + "\n"
    found = next(iter(cells.values()))[:80].strip()
    return _list(number, name, HEADER + GOOD + row, "1 faulty of 2 rows", "line 3", found, says)


WHOLE = (HEADER + GOOD).encode()
LISTS = [
    _list(41, "utf-16", WHOLE.decode().encode("utf-16"), "UTF-16", "UTF-8", "save it as"),
    _list(41, "utf-16 without a mark", WHOLE.decode().encode("utf-16-le"), "UTF-16", "UTF-8", "save it as"),
    _list(42, "latin-1", WHOLE + "Café,b,Dairy,,,3,2\n".encode("latin-1"), "0xE9", "line 3, byte offset 99", "UTF-8"),
    _list(43, "nul", WHOLE + b"a\0b,c,Dairy,,,3,2\n", "NUL byte at line 3, byte offset 97", "remove"),
    _list(44, "missing column", "product,brand,category,mrp\na,b,Dairy,2\n", "no column for price", "--map COLUMN=price"),
    _list(45, "column twice", "product,brand,category,mrp,mrp,price\na,b,Dairy,2,2,1\n", "two columns named 'mrp'", "once"),
    _list(46, "unknown column", "product,brand,category,mrp,price,pak\na,b,Dairy,2,1,1 kg\n", "'pak'", "nearest: 'pack'",
          "--map pak=pack"),
    _list(47, "product twice", HEADER + GOOD + GOOD, "1 faulty of 2 rows", "line 3", "repeats line 2", "one row"),
    _list(48, "products alike", HEADER + "Cafe\u0301 ,b,Dairy,,,3,2\nCaf\u00e9,b,Dairy,,,3,2\n", "line 3", "repeats line 2"),
    _cells(49, "no name", "empty", product=""),
    _cells(49, "invisible name", "empty", product=" \u00a0"),
    _cells(49, "a category called as totals are", "another name is allowed", category="all"),
    _cells(50, "price 0", "above 0", price="0"),
    _cells(51, "price below 0", "above 0", price="-5"),
    _cells(52, "price nan", "not a plain number", price="NaN"),
    _cells(52, "price inf", "not a plain number", price="inf"),
    _cells(52, "price 1e400", "not a plain number", price="1e400"),
    _cells(53, "price above int32", "at most 21474836.47", mrp="21474836.48"),
    _cells(54, "three decimals", "'5.125': more than two decimals", price="5.125"),
    _cells(55, "comma of a decimal", "not a plain number", price="12,99"),
    _cells(55, "dollar sign", "not a plain number", mrp="$99"),
    _cells(55, "devanagari digits", "not a plain number", price="१२"),
    _cells(56, "price above mrp", "at most the mrp", price="30.01"),
    _list(57, "short row", HEADER + GOOD + "Milk,Amul\n", "line 3", "2 cells under 7 columns", "too few"),
    _list(58, "long row", HEADER + GOOD + GOOD.strip() + ",9\n", "line 3", "8 cells under 7 columns", "too many"),
    _list(59, "open quote", HEADER + GOOD + '"Ghee,Amul,Dairy,,,3,2\n' + GOOD, "line 3", "never closed", "quotes"),
    _list(60, "lines end in CR", WHOLE.replace(b"\n", b"\r"), "CR alone", "LF or CR LF", "save it with"),
    _list(61, "semicolons", WHOLE.replace(b",", b";"), "semicolons", "comma-separated", "save the file with commas"),
    _list(61, "tabs", WHOLE.replace(b",", b"\t"), "tabs", "comma-separated", "save the file with commas"),
    _list(62, "empty", b"", "an empty file", "a header row", "export"),
    _list(62, "header alone", HEADER, "a header and no row", "at least one row", "export"),
    _cells(63, "cell above 64 KB", "64 KB", pack="x" * 65_537),
    _list(66, "gzip", gzip.compress(b"0" * (1 << 24)), "a gzip file", "comma-separated", "unpack it and name"),
]  # fmt: skip
