"""The tables that a long explanation is written to: parts in memory, and one file from many."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from pellucid.core.files import replacing

if TYPE_CHECKING:
    import pyarrow as pa

LEVEL = 1
"""Of zstd: shares hardly compress, and a higher level takes longer than the explanation."""


def table_bytes(columns: Mapping[str, Any], metadata: Mapping[str, str]) -> bytes:
    """Named columns as the bytes of a Parquet file with one row group.

    Parameters
    ----------
    columns : mapping of str to array (sample,), array (sample, k) or Arrow array
        A two-dimensional array becomes a column of lists of length `k`.
    metadata : mapping of str to str
        Kept in the schema of the file.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.table({name: _column(values) for name, values in columns.items()})
    table = table.replace_schema_metadata(dict(metadata))
    sink = pa.BufferOutputStream()
    pq.write_table(
        table,
        sink,
        row_group_size=max(table.num_rows, 1),
        use_dictionary=_repeating(table),
        compression="zstd",
        compression_level=LEVEL,
    )
    return bytes(sink.getvalue())


def names_at(place: np.ndarray, names: Sequence[str]) -> pa.FixedSizeListArray:
    """The names at places (sample, k), as a column of lists of length `k`."""
    import pyarrow as pa

    flat = pa.array(np.ascontiguousarray(place).ravel())
    return pa.FixedSizeListArray.from_arrays(
        pa.DictionaryArray.from_arrays(flat, pa.array(names, pa.string())), place.shape[1]
    )


def _column(values: Any) -> Any:
    import pyarrow as pa

    if not isinstance(values, np.ndarray):
        return values
    if values.ndim == 1:
        return pa.array(values)
    flat = pa.array(np.ascontiguousarray(values).ravel())
    return pa.FixedSizeListArray.from_arrays(flat, values.shape[1])


def _repeating(table: pa.Table) -> list[str]:
    """The columns that a dictionary makes smaller: texts, and numbers that do not vary."""
    import pyarrow as pa

    found = []
    for name, column in zip(table.column_names, table.columns, strict=True):
        if pa.types.is_floating(column.type):
            values = column.chunk(0).to_numpy()
            if len(values) and values[0] == values[-1] and (values == values[0]).all():
                found.append(name)
        elif pa.types.is_fixed_size_list(column.type):
            if not pa.types.is_primitive(column.type.value_type):
                found.append(f"{name}.list.element")
        elif not pa.types.is_integer(column.type):
            found.append(name)
    return found


def joined_file(
    parts: Sequence[Path], target: str | os.PathLike[str], metadata: Mapping[str, str]
) -> None:
    """Write the rows of all parts, in order, as one Parquet file, whole or not at all.

    One part is in memory at a time.
    """
    import pyarrow.parquet as pq

    writer: Any = None
    with replacing(target) as temporary:
        try:
            for path in parts:
                table = pq.ParquetFile(path).read(use_threads=False)
                table = table.replace_schema_metadata(dict(metadata))
                writer = writer or pq.ParquetWriter(
                    temporary,
                    table.schema,
                    compression="zstd",
                    compression_level=LEVEL,
                    use_dictionary=_repeating(table.combine_chunks()),
                )
                writer.write_table(table, row_group_size=max(table.num_rows, 1))
        finally:
            if writer is not None:
                writer.close()


def shares_in(path: Path) -> tuple[dict[str, npt.NDArray[Any]], dict[str, str]]:
    """The columns of one part as arrays, and its metadata."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pq.ParquetFile(path).read(use_threads=False)
    arrays = {}
    for name in table.column_names:
        column = table[name].combine_chunks()
        if pa.types.is_fixed_size_list(column.type):
            width = column.type.list_size
            arrays[name] = column.flatten().to_numpy(zero_copy_only=False).reshape(-1, width)
        else:
            arrays[name] = column.to_numpy(zero_copy_only=False)
    said = {k.decode(): v.decode() for k, v in (table.schema.metadata or {}).items()}
    return arrays, said
