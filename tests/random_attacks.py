"""Attacks by SQL made at random: every function that DuckDB has over places of files, in every surrounding."""

from __future__ import annotations

import random

import duckdb

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


def made_at_random(seed: int, count: int) -> list[str]:
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
