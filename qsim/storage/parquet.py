"""Parquet out of and into Arrow tables, with the settings that were measured best for each kind of table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from qsim.errors import CorruptError
from qsim.storage.places import Place

if TYPE_CHECKING:
    import pyarrow as pa

# To pass a row group by costs a reader more than to pass its pages by; one that keeps columns keeps whole row groups.
ROW_GROUP_ROWS = 524_288
_TEXT_ROW_GROUP_ROWS = 131_072
# Few names of products are the same: a dictionary of them is given up on when it has grown large.
_SELDOM_TWICE = frozenset({"product"})
_PAGE_ROWS = 8192
_PAGE_BYTES = 4 * _PAGE_ROWS


def encode(table: pa.Table, looked_for: Sequence[str] | None = None) -> memoryview:
    """Encode a table as a Parquet file in memory; of numbers, with the least and the greatest of all columns, or of those that are
    looked for.

    Tables of numbers are split by bytes and lz4: they encode about twice as fast as with dictionaries, at 8.6 bytes
    an event. Tables with text repeat it, and dictionaries of it and zstd make them small; views of texts are written as texts,
    and so are dictionaries, which need not be found again.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = pa.schema(
        [field.with_type(pa.string()) if field.type == pa.string_view() else field for field in table.schema]
    )
    texts = [field.name for field in schema if field.type == pa.string() or pa.types.is_dictionary(field.type)]
    if not texts:
        # Where each column is one page there is nothing to leave out.
        encoder = Encoder(schema, indexed=table.num_rows > _PAGE_ROWS, looked_for=looked_for)
        encoder.add(table)
        return encoder.finish()
    sink, repeated = pa.BufferOutputStream(), [name for name in texts if name not in _SELDOM_TWICE]
    numbers = [field.name for field in schema if pa.types.is_integer(field.type)]
    with pq.ParquetWriter(
        sink,
        schema,
        compression="zstd",
        compression_level=1,
        use_dictionary=repeated,
        write_statistics=numbers,
        column_encoding=dict.fromkeys(numbers, "BYTE_STREAM_SPLIT"),
        # Columns are read as their Parquet types, not as the dictionaries that they came in.
        store_schema=False,
    ) as writer:
        # Views are made texts for one row group after another, in the same memory.
        for begin in range(0, max(1, table.num_rows), _TEXT_ROW_GROUP_ROWS):
            writer.write_table(table.slice(begin, _TEXT_ROW_GROUP_ROWS).cast(schema), _TEXT_ROW_GROUP_ROWS)
    return memoryview(sink.getvalue())


class Encoder:
    """A history file that is encoded piece by piece in memory, as many pieces a row group as it holds; `indexed` with an index of
    its pages.
    """

    def __init__(self, schema: pa.Schema, *, indexed: bool = True, looked_for: Sequence[str] | None = None) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        self.rows = self._written = 0
        self._waiting: list[pa.Table] = []
        self._sink = pa.BufferOutputStream()
        self._writer = pq.ParquetWriter(
            self._sink,
            schema,
            compression="lz4",
            use_dictionary=False,
            write_batch_size=_PAGE_ROWS,
            data_page_size=_PAGE_BYTES,
            # A page holds few listings, and by the index readers leave out those without the one they look for.
            write_page_index=indexed,
            write_statistics=True if looked_for is None else [*looked_for],
            column_encoding={
                name: "BYTE_STREAM_SPLIT"
                for name, kind in zip(schema.names, schema.types, strict=True)
                if kind != pa.bool_()
            },
        )

    def add(self, table: pa.Table) -> None:
        """Encode some more rows, at once or with those that come next."""
        if self.rows - self._written + table.num_rows > ROW_GROUP_ROWS:
            self._write()
        self.rows += table.num_rows
        self._waiting.append(table)

    def _write(self) -> None:
        import pyarrow as pa

        if self._waiting:
            self._writer.write_table(pa.concat_tables(self._waiting), row_group_size=ROW_GROUP_ROWS)
            self._waiting, self._written = [], self.rows

    def finish(self) -> memoryview:
        """Give the whole file."""
        self._write()
        self._writer.close()
        return memoryview(self._sink.getvalue())


def decode(data: bytes, path: Place, columns: list[str] | None = None) -> pa.Table:
    """Read a Parquet file that is in memory; CorruptError names its path where it is none."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        # Arrow's own threads let go of the bytes some time after the read; where Python ends just then, they abort the process.
        return pq.ParquetFile(pa.BufferReader(data), pre_buffer=False).read(columns, use_threads=False)
    except (pa.ArrowException, OSError) as fault:
        raise damaged(path, fault) from None


def damaged(path: Place, fault: Exception) -> CorruptError:
    """Give the error for a file that Arrow cannot read, by the first line of what it says."""
    reason = str(fault).splitlines()[0][:120]
    return CorruptError(f"{path}: is not the Parquet file it was: {reason}; restore it from a copy")
