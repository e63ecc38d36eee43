"""SQL that tries to write, to read outside the market, or to take time and memory; and what would show that it did.

Places in the texts: {secret} and {secret_csv}, {secret_parquet} are files outside, {outside} their folder, {link} a link to
the first, {new} a file that is not there, {listed} a file of the market, {market} its folder.
"""

from __future__ import annotations

import ctypes
import json
import os
import random
import select
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from qsim.queries import guard
from qsim.queries.guard import Limits
from qsim.startup import same_modules
from tests.stored import tree

TOKEN = "kept-outside-7f3a9c"

WRITES = """
INSERT INTO prices VALUES (1)
UPDATE prices SET price = 1
DELETE FROM raw.events
TRUNCATE raw.events
DROP VIEW prices
CREATE TABLE t AS SELECT 1
CREATE OR REPLACE VIEW prices AS SELECT 1 AS price
CREATE OR REPLACE TEMP VIEW prices AS SELECT 1 AS price
CREATE MACRO upper(x) AS 1
CREATE MACRO m(f) AS TABLE SELECT * FROM read_text(f)
ALTER VIEW prices RENAME TO p
COPY prices TO '{new}'
COPY (SELECT 1) TO '{new}' (FORMAT csv)
COPY (SELECT 1 AS x) TO '{listed}' (FORMAT parquet)
COPY (SELECT 1 AS x) TO '{listed}' (FORMAT parquet, USE_TMP_FILE false)
COPY (SELECT 1 AS x) TO '{listed}' (FORMAT csv, USE_TMP_FILE false)
COPY (SELECT 1 AS x) TO '{secret}' (FORMAT csv, USE_TMP_FILE false)
COPY (SELECT 1 AS x) TO '{market}/events/more' (FORMAT parquet, PARTITION_BY x)
COPY (SELECT 1 AS x, 2 AS y) TO '{outside}' (FORMAT parquet, PARTITION_BY x, OVERWRITE true)
EXPLAIN ANALYZE COPY (SELECT 1 AS x) TO '{listed}' (FORMAT parquet, USE_TMP_FILE false)
EXPLAIN ANALYZE COPY (SELECT 1 AS x) TO '{new}'
EXPLAIN COPY (SELECT 1) TO '{new}'
PREPARE p AS COPY (SELECT 1) TO '{new}'; EXECUTE p
EXECUTE p
EXPORT DATABASE '{outside}/dump'
EXPORT DATABASE '{market}/dump'
IMPORT DATABASE '{outside}'
ATTACH '{new}' AS a
ATTACH '{new}' AS a; CREATE TABLE a.t AS SELECT 1
ATTACH '{listed}' AS a
ATTACH '{listed}' AS a (READ_ONLY)
ATTACH '{secret}' AS a (TYPE sqlite)
ATTACH ':memory:' AS a; COPY FROM DATABASE memory TO a
ATTACH '{market}/x.db' AS a (TYPE duckdb)
SELECT 1; COPY (SELECT 1) TO '{new}'
SELECT 1; SELECT 2
SELECT 1; ; DROP VIEW prices
/* SELECT */ COPY (SELECT 1) TO '{new}' -- SELECT 1
WITH x AS (INSERT INTO raw.events SELECT * FROM raw.events RETURNING *) SELECT * FROM x
WITH x AS (DELETE FROM raw.events RETURNING *) SELECT * FROM x
WITH x AS (COPY (SELECT 1) TO '{new}') SELECT * FROM x
CREATE PERSISTENT SECRET s (TYPE s3, KEY_ID 'a', SECRET 'b')
CREATE TABLE t AS SELECT 1; COPY t TO '{new}'
CREATE TEMP TABLE prices AS SELECT 1
CALL enable_logging(storage = 'file', storage_path = '{outside}/log')
CALL enable_logging(storage := 'file', storage_config := {{'path': '{outside}/log'}})
SELECT * FROM enable_logging(storage = 'file', storage_path = '{outside}/log')
SELECT * FROM enable_profiling(save_location = '{new}')
PRAGMA enable_profiling = 'json'; PRAGMA profiling_output = '{new}'; SELECT 1
SET profiling_output = '{new}'
SET log_query_path = '{new}'
SET temp_directory = '{outside}'
CHECKPOINT
SELECT * FROM checkpoint()
VACUUM
BEGIN
MERGE INTO prices USING prices AS p ON true WHEN MATCHED THEN DELETE
PIVOT prices ON platform USING avg(price)
EXPORT DATABASE '{outside}/dump' (FORMAT parquet)
SELECT write_log('x', scope := 'database')
SELECT nextval('s')
SELECT setval('s', 1)
"""
READS = """
SELECT * FROM read_csv('{secret_csv}')
SELECT * FROM read_csv_auto('{secret_csv}')
SELECT * FROM read_text('{secret}')
SELECT length(content) FROM read_text('{secret}')
SELECT * FROM read_blob('{secret}')
SELECT md5(content) FROM read_blob('{secret}')
SELECT * FROM read_parquet('{secret_parquet}')
SELECT * FROM parquet_scan('{secret_parquet}')
SELECT * FROM read_json('{secret}')
SELECT * FROM read_json_objects('{secret}')
SELECT * FROM read_ndjson_auto('{secret}')
SELECT * FROM read_duckdb('{secret}')
SELECT * FROM read_text('/etc/passwd')
SELECT * FROM read_text('{market}/../out/secret.txt')
SELECT * FROM read_text('{link}')
SELECT * FROM read_text('{outside}/*')
SELECT * FROM read_text(['{secret}'])
SELECT * FROM read_text('file://{secret}')
SELECT * FROM glob('{outside}/*')
SELECT * FROM glob('/etc/*')
SELECT * FROM sniff_csv('{secret_csv}')
SELECT * FROM '{secret_csv}'
SELECT * FROM "{secret_csv}"
SELECT * FROM '{secret_parquet}'
SELECT * FROM '{outside}/*.csv'
FROM '{secret_csv}'
TABLE '{secret_csv}'
DESCRIBE '{secret_csv}'
SUMMARIZE '{secret_csv}'
SHOW '{secret_csv}'
DESCRIBE SELECT * FROM read_csv('{secret_csv}')
SUMMARIZE SELECT * FROM '{secret_csv}'
SELECT * FROM (SUMMARIZE '{secret_csv}')
SELECT * FROM query_table('{secret_csv}')
SELECT * FROM query_table(['{secret_csv}'])
SELECT * FROM query('SELECT * FROM read_text(''{secret}'')')
SELECT * FROM json_execute_serialized_sql(json_serialize_sql('SELECT * FROM read_text(''{secret}'')'))
PRAGMA json_execute_serialized_sql(json_serialize_sql('SELECT * FROM read_text(''{secret}'')'))
SELECT json_serialize_plan('SELECT * FROM read_csv(''{secret_csv}'')')
SELECT * FROM parquet_metadata('{secret_parquet}')
SELECT * FROM parquet_kv_metadata('{secret_parquet}')
SELECT * FROM parquet_file_metadata('{secret_parquet}')
SELECT * FROM parquet_schema('{secret_parquet}')
SELECT * FROM parquet_full_metadata('{secret_parquet}')
SELECT * FROM parquet_bloom_probe('{secret_parquet}', 'x', 'y')
SELECT (SELECT content FROM read_text('{secret}'))
SELECT 1 WHERE EXISTS (FROM read_text('{secret}'))
SELECT 1 IN (SELECT size FROM read_blob('{secret}'))
SELECT [(SELECT content FROM read_text('{secret}'))]
SELECT list_transform([1], lambda x: (SELECT max(content) FROM read_text('{secret}')))
WITH f AS (SELECT * FROM read_text('{secret}')) SELECT * FROM f
WITH RECURSIVE f AS (SELECT content FROM read_text('{secret}') UNION SELECT * FROM f) SELECT * FROM f
WITH RECURSIVE f AS (SELECT 'a' AS c UNION SELECT content FROM f, read_text('{secret}')) SELECT * FROM f
WITH "{secret_csv}" AS (SELECT 1) SELECT * FROM "{secret_csv}"
SELECT * FROM (WITH "{secret_csv}" AS (SELECT 1) SELECT 1), "{secret_csv}"
WITH a AS (SELECT * FROM "{secret_csv}"), "{secret_csv}" AS (SELECT 1) SELECT * FROM a
SELECT * FROM prices, LATERAL (SELECT * FROM read_text('{secret}'))
SELECT * FROM prices UNION ALL BY NAME SELECT * FROM read_text('{secret}')
SELECT * FROM prices WHERE product = (SELECT content FROM read_text('{secret}'))
SELECT * FROM prices ORDER BY (SELECT content FROM read_text('{secret}'))
SELECT 1 LIMIT (SELECT count(*) FROM read_text('{secret}'))
SELECT count(*) OVER (ORDER BY (SELECT content FROM read_text('{secret}')))
SELECT * FROM prices_at((SELECT content::TIMESTAMP FROM read_text('{secret}')))
SELECT * FROM range((SELECT length(content) FROM read_text('{secret}')))
SELECT * FROM system.main.read_text('{secret}')
SELECT * FROM "READ_TEXT"('{secret}')
SELECT * FROM read_text/**/('{secret}')
SELECT * FROM read_text(getvariable('qsim_market') || '/market.toml')
SELECT * FROM read_text($$` || '{secret}$$)
SELECT * FROM (PIVOT (FROM read_text('{secret}')) ON size IN (1) USING count(*))
SELECT * FROM (UNPIVOT (FROM read_text('{secret}')) ON content)
SELECT COLUMNS(*) FROM read_text('{secret}')
VALUES ((SELECT content FROM read_text('{secret}')))
CALL read_text('{secret}')
CREATE TABLE t AS FROM read_text('{secret}')
COPY t FROM '{secret_csv}'
CREATE TABLE t (x VARCHAR); COPY t FROM '{secret_csv}'; FROM t
SET VARIABLE x = (SELECT content FROM read_text('{secret}'))
EXECUTE p('{secret}')
PREPARE p AS SELECT * FROM read_text($1)
EXPLAIN ANALYZE SELECT * FROM read_text('{secret}')
LOAD '{secret}'
INSTALL '{secret}'
INSTALL httpfs
LOAD httpfs
FORCE INSTALL spatial FROM community
SELECT * FROM read_csv('http://127.0.0.1:9/x.csv')
SELECT * FROM 'https://127.0.0.1:9/x.parquet'
SELECT * FROM read_parquet('s3://bucket/x.parquet')
SELECT * FROM 'gs://bucket/x.csv'
ATTACH 'https://127.0.0.1:9/x.db' AS a
SET enable_external_access = true
SET lock_configuration = false
RESET enable_external_access
SET allowed_paths = ['{secret}']
SET allowed_directories = ['{outside}']
SET python_enable_replacements = true
SET memory_limit = '100GB'
SET threads = 64
SET search_path = 'raw'
SET file_search_path = '{outside}'
PRAGMA database_list
PRAGMA version
USE raw
SELECT * FROM query
SELECT * FROM request
SELECT * FROM connection
WITH request AS (SELECT * FROM request) SELECT * FROM request
WITH a AS (FROM request), request AS (SELECT 1) FROM a
SELECT * FROM memory.main.request
SELECT current_setting('home_directory')
SELECT getvariable('qsim_market')
SELECT getenv('HOME')
SELECT * FROM duckdb_settings()
SELECT * FROM duckdb_views()
SELECT * FROM duckdb_variables()
SELECT * FROM duckdb_secrets()
SELECT * FROM duckdb_databases()
SELECT * FROM duckdb_extensions()
SELECT * FROM duckdb_external_file_cache()
SELECT * FROM duckdb_temporary_files()
SELECT * FROM duckdb_logs()
SELECT * FROM which_secret('{secret}', 's3')
SELECT * FROM information_schema.tables
SELECT * FROM sqlite_master
SELECT * FROM pg_catalog.pg_views
SELECT * FROM pragma_database_size()
SELECT * FROM pragma_table_info('{secret_csv}')
SELECT * FROM pragma_show('{secret_csv}')
SELECT * FROM sql_auto_complete('FROM ''{outside}/')
SELECT * FROM register_external_resource('{secret}')
SELECT * FROM create_external_resource('{secret}')
SELECT * FROM add_grammar_extension('{secret}')
SELECT * FROM seq_scan('{secret}')
SELECT * FROM arrow_scan(NULL, NULL, NULL)
SELECT * FROM pandas_scan(NULL)
SELECT * FROM python_map_function((SELECT 1))
SHOW DATABASES
SHOW VARIABLES
SELECT st_read('{secret}')
SELECT * FROM prices AT (TIMESTAMP => now())
SELECT pg_sleep(0)
SELECT ?
SELECT $x
EXPLAIN SELECT 1
"""
ATTACKS = [line for line in (WRITES + READS).splitlines() if line]
BOMBS = [
    "WITH RECURSIVE t AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM t) SELECT max(n) FROM t",
    "SELECT count(*) FROM range(1000000) AS a, range(1000000) AS b WHERE a.range + b.range = -1",
    "SELECT lpad('a', 2000000000, 'b')",
    "SELECT list_sort(range(1000000000))",
    "WITH RECURSIVE t AS (SELECT 'a' AS s UNION ALL SELECT s || s FROM t) SELECT max(length(s)) FROM t",
    "SELECT repeat('a', 4000000000)",
    "SELECT length(repeat(repeat('a', 1000000), 1000000))",
    "SELECT printf('%2000000000d', 1)",
    "SELECT format('{{:>2000000000}}', 1)",
    "SELECT list_distinct(range(500000000))",
    "SELECT list_aggregate(range(2000000000), 'sum')",
    "SELECT list_transform(range(300000000), lambda x: x || 'abc')",
    "SELECT a.range FROM range(2000000000) AS a ORDER BY hash(a.range)",
    "SELECT count(DISTINCT a.range) FROM range(4000000000) AS a",
    "SELECT string_agg(repeat('a', 1000), '') FROM range(100000000)",
    "SELECT sum(r) OVER (ORDER BY hash(r)) FROM range(1000000000) AS t(r)",
    "SELECT list(r) FROM range(3000000000) AS t(r)",
    "SELECT regexp_matches(repeat('a', 50000000), '(a+)+b') FROM range(100000)",
    "SELECT max(levenshtein(repeat('a', 100000), repeat('b', 100000))) FROM range(1000)",
    "SELECT count(*) FROM prices a, prices b, prices c, prices d, prices e, prices f",
    "SELECT unnest(range(r)) FROM range(10000000) AS t(r) ORDER BY 1 DESC",
    "SELECT bit_count(repeat('1', 2000000000)::BIT)",
    "SELECT map_from_entries(list_transform(range(100000000), lambda x: (x, x)))",
    "SELECT sha256(repeat('a', 1000000000)) FROM range(1000)",
    "SELECT factorial(r::INTEGER % 30) FROM range(100000000000) AS t(r) WHERE r < 0",
]


@dataclass
class Place:
    """A market, and files outside it that no query may open."""

    market: Path
    outside: Path
    names: dict[str, str] = field(default_factory=dict)

    def text(self, attack: str) -> str:
        return attack.format_map(self.names)

    def state(self) -> dict[str, str]:
        """Every file of the market and outside by its hash."""
        return {
            str(top / name): found
            for top in (self.market, self.outside)
            for name, found in tree(top, without=()).items()
        }


def place_around(market: Path, outside: Path) -> Place:
    outside.mkdir()
    (outside / "secret.txt").write_text(TOKEN)
    (outside / "secret.csv").write_text(f"a,b\n1,{TOKEN}\n2,{TOKEN}\n")
    pq.write_table(pa.table({"x": [TOKEN]}), outside / "secret.parquet")
    link = market.parent / "link.txt"
    link.symlink_to(outside / "secret.txt")
    listed = min((market / "events").glob("*.parquet"))
    kinds = {"secret": "txt", "secret_csv": "csv", "secret_parquet": "parquet"}
    names = {name: str(outside / f"secret.{end}") for name, end in kinds.items()}
    names |= {"outside": str(outside), "link": str(link), "new": str(outside / "new.txt")}
    return Place(market, outside, names | {"listed": str(listed), "market": str(market)})


class Watch:
    """What the kernel tells of files opened outside and of files of the market written, while the block runs."""

    OPENED, WRITTEN = 0x20 | 0x1, 0x2 | 0x8 | 0x100 | 0x200 | 0x40 | 0x80

    def __init__(self, place: Place) -> None:
        self.place = place
        self.events: list[str] = []

    def __enter__(self) -> Watch:
        libc = ctypes.CDLL(None)
        self.file = libc.inotify_init1(os.O_NONBLOCK)
        libc.inotify_add_watch(self.file, str(self.place.outside).encode(), self.OPENED | self.WRITTEN)
        for folder in (self.place.market, *(one for one in self.place.market.iterdir() if one.is_dir())):
            libc.inotify_add_watch(self.file, str(folder).encode(), self.WRITTEN)
        return self

    def __exit__(self, *_: object) -> None:
        while select.select([self.file], [], [], 0)[0]:
            self.events += [part.decode() for part in os.read(self.file, 65536).split(b"\0") if part.isascii()]
        os.close(self.file)

    @property
    def seen(self) -> bool:
        return bool(self.events)


# Layers are tried over a few views: the rest costs time at every statement and adds no door.
FEW = ("CREATE SCHEMA", "CREATE OR REPLACE VIEW raw.events ", "CREATE OR REPLACE VIEW raw.newest_snapshot ")
STAND_INS = [
    "CREATE VIEW prices AS SELECT listing_id, price_paise * 0.01 AS price, 'Onion' AS product, 'zepto' AS platform"
    " FROM raw.newest_snapshot",
    "CREATE MACRO prices_at(ts) AS TABLE SELECT * FROM prices",
]


def few(asked: dict[str, Any]) -> dict[str, Any]:
    """Cut a request down to a few views."""
    kept = [text for text in asked["statements"] if text.startswith(FEW)]
    scans = {name: scan for name, scan in asked["scans"].items() if any(f" {name}" in f"{text} " for text in kept)}
    return {**asked, "statements": kept + STAND_INS, "scans": scans}


def answers(
    place: Place, queries: Sequence[str], on: frozenset[str], limits: Limits
) -> Iterator[dict[str, Any] | None]:
    """Put many queries to few processes over a few views; None where a process ended without an answer."""
    for line in lines(few(guard.request(place.market, "", limits, on)), queries):
        yield json.loads(line) if line else None


def lines(base: dict[str, Any], queries: Sequence[str], most: int = 200) -> Iterator[bytes | None]:
    """Put many queries to few processes and give their answers as written.

    Queries that change what others meet have a DuckDB each, the others share one that was laid out and locked once; so do
    all where the statement check, which leaves nothing of the kind, goes first.
    """
    checked = "statement" in base["layers"]
    words = [sys.executable, "-m", "tests.attacked"]
    environment = same_modules() | guard.NO_THREADS
    rest = list(queries)
    while rest:
        part = rest[:most]
        asked = [{**base, "query": query, "alone": not checked and alone(query)} for query in part]
        given = "".join(json.dumps(one) + "\n" for one in asked).encode()
        with subprocess.Popen(
            words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment, cwd="/"
        ) as process:
            try:
                out, _ = process.communicate(given, timeout=90)
            except subprocess.TimeoutExpired:
                process.kill()
                out, _ = process.communicate()
        told = [line for line in out.splitlines(keepends=True) if line.endswith(b"}\n")]
        yield from told
        if len(told) < len(part):
            yield None
        rest = rest[min(len(part), len(told) + 1) :]


def alone(query: str) -> bool:
    """Tell whether a query needs a DuckDB of its own: it is no SELECT, or is about the variables of Python."""
    first = query.lstrip("( \n").split(None, 1)[0].upper() if query.strip() else ""
    plain = first in ("SELECT", "FROM", "DESCRIBE", "SUMMARIZE", "SHOW", "TABLE", "VALUES") and ";" not in query
    return not plain or any(f" {name}" in query for name in ("request", "connection", "enable_", "query", "log"))


_FILES = ("{secret}", "{secret_csv}", "{secret_parquet}", "{link}", "{listed}", "{new}", "{outside}/*", "{outside}",
          "{market}/../out/secret.txt", "{market}/market.toml",
    "file://{secret}", "/etc/passwd", "http://127.0.0.1:9/x.csv")  # fmt: skip
_AROUND = (
    "{}", "SELECT * FROM ({})", "WITH w AS ({}) SELECT * FROM w", "WITH w AS MATERIALIZED ({}) SELECT count(*) FROM w, w AS v",
    "SELECT (SELECT max(t) FROM ({}) AS t)", "SELECT 1 WHERE EXISTS ({})", "({}) UNION ALL BY NAME ({})", "DESCRIBE {}",
    "SUMMARIZE {}", "EXPLAIN ANALYZE {}", "EXPLAIN {}", "COPY ({}) TO '{new}'", "CREATE TABLE t AS {}",
    "COPY ({}) TO '{listed}' (USE_TMP_FILE false)", "EXPLAIN ANALYZE COPY ({}) TO '{listed}' (FORMAT parquet, USE_TMP_FILE false)",
    "CREATE VIEW v AS {}; FROM v", "PREPARE p AS {}; EXECUTE p", "SELECT 1; {}", "{};", "SELECT * FROM prices, LATERAL ({})",
    "SELECT list_transform([1], lambda x: (SELECT max(t) FROM ({}) AS t))",
    "FROM prices_at((SELECT max(t)::VARCHAR::TIMESTAMP FROM ({}) AS t))",
    "WITH RECURSIVE r AS (SELECT 1 AS n UNION SELECT 2 FROM r, ({})) FROM r", "CREATE MACRO m() AS TABLE {}; FROM m()",
    "SELECT count(*) OVER (ORDER BY (SELECT count(*) FROM ({})))", "SET VARIABLE x = (SELECT max(t) FROM ({}) AS t)",
    "INSERT INTO raw.events {}", "WITH w AS (INSERT INTO raw.events {} RETURNING *) FROM w", "SELECT * FROM query($q${}$q$)",
    "SELECT json_serialize_plan($q${}$q$)", "SELECT * FROM json_execute_serialized_sql(json_serialize_sql($q${}$q$))",
    "EXPORT DATABASE '{outside}/d'; {}", "ATTACH '{listed}' AS a; {}", "ATTACH '{new}' AS a; CREATE TABLE a.t AS {}",
    "SELECT * FROM (PIVOT ({}) ON 1 IN (1) USING count(*))", "SELECT 1 LIMIT (SELECT count(*) FROM ({}))", "/* x */ {} -- '",
)  # fmt: skip


def made_at_random(seed: int, count: int, place: Place) -> list[str]:
    """Make statements of every function that DuckDB has over places of files, in every surrounding; the seed makes them again."""
    chance = random.Random(seed)
    kinds = "('scalar', 'macro', 'table', 'table_macro', 'pragma', 'aggregate')"
    listed = "SELECT DISTINCT function_name, function_type FROM duckdb_functions() WHERE function_type IN"
    with duckdb.connect() as connection:
        found = connection.execute(f"{listed} {kinds} AND function_name ~ '^[a-z_0-9]+$' ORDER BY ALL").fetchall()
        settings = [name for (name,) in connection.execute("SELECT name FROM duckdb_settings() ORDER BY 1").fetchall()]
    # What only waits says nothing of escapes, and holds up the rest.
    functions = [(name, kind) for name, kind in found if "sleep" not in name]
    files = [
        (name, "table") for name, _ in functions if name.startswith(("read_", "parquet", "glob", "sniff", "query"))
    ]
    return [_statement(chance, functions, files, settings) for _ in range(count)]


def _statement(
    chance: random.Random, functions: list[tuple[str, str]], files: list[tuple[str, str]], settings: list[str]
) -> str:
    name, kind = chance.choice(files if chance.random() < 0.5 else functions)
    file = chance.choice(_FILES)
    given = chance.choice((f"'{file}'", f"'{file}'", f"['{file}']", f"'{file}', '{file}'", f"1, '{file}'", f"'{file}', 1", "", "1",
                           f"'FROM ''{file}'''", f"(SELECT '{file}')", f"path := '{file}'"))  # fmt: skip
    shown = chance.choice((name, name, name.upper(), f'"{name}"', f"system.main.{name}", f"main.{name}", f"{name}/**/"))
    call = f"{shown}({given})"
    plain = chance.choice(
        (f"FROM '{file}'", f'SELECT * FROM "{file}"', f"TABLE '{file}'", f'SELECT * FROM memory.main."{file}"')
    )
    setting = f"{chance.choice(('SET', 'SET GLOBAL', 'RESET', 'PRAGMA'))} {chance.choice(settings)}"
    roll = chance.random()
    if roll < 0.1:
        return f"{setting} = '{file}'; FROM read_text('{{secret}}')" if "RESET" not in setting else setting
    inner = plain if roll < 0.25 else f"SELECT * FROM {call}" if kind.startswith("table") else f"SELECT {call}"
    if kind == "pragma" or roll > 0.95:
        inner = f"{chance.choice(('PRAGMA', 'CALL'))} {call}"
    for _ in range(chance.choice((0, 1, 1, 2))):
        inner = chance.choice(_AROUND).replace("{}", inner)
    return inner
