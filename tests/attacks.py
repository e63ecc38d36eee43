"""SQL that tries to write, to read outside the market, or to take time and memory.

Places in the texts: {secret} and {secret_csv}, {secret_parquet} are files outside, {outside} their folder, {link} a link to
the first, {new} a file that is not there, {listed} a file of the market, {market} its folder.
"""

from __future__ import annotations

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
