"""Data sets by name: ``load_dataset("german_credit")``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from pellucid.core.errors import InvalidSetting, MissingExtra, UnknownName
from pellucid.data.fetch import Progress, fetch
from pellucid.data.files import parse_table, split_target
from pellucid.data.registry import RECORDS, Record, Source, Task
from pellucid.data.table import Table

if TYPE_CHECKING:
    import pyarrow as pa

FrameKind: TypeAlias = Literal["pyarrow", "pandas", "polars"]

FRAMES: tuple[FrameKind, ...] = ("pyarrow", "pandas", "polars")


@dataclass(frozen=True, kw_only=True, eq=False)
class Dataset:
    """A table, its target, and where both come from.

    Attributes
    ----------
    name, target : str
        The name of the data set and of the column to be predicted.
    X : Table (sample, feature)
        The features, with units, orders and ranges.
    y : ndarray (sample,)
        Labels, or numbers in `unit`.
    task : {"classification", "regression"}
        What is to be done.
    positive : label or None
        The class that the question is about, where there are two.
    unit : str or None
        The unit of `y`.
    split : ndarray of str (sample,) or None
        The authors' own split (``"train"``, ``"test"``), where they made one.
    description, source, licence, citation : str
        What it is, where it comes from, and how to give credit.
    fingerprint : str
        Of features and target together.
    """

    name: str
    X: Table
    y: npt.NDArray[Any]
    target: str
    task: Task
    positive: Any
    unit: str | None
    split: npt.NDArray[Any] | None
    description: str
    source: str
    licence: str
    citation: str
    fingerprint: str


def datasets() -> dict[str, Record]:
    """All data sets by name, with what is known about each."""
    return {record.name: record for record in RECORDS}


def load_dataset(
    name: str, *, frame: FrameKind = "pyarrow", progress: Progress | None = None
) -> Dataset:
    """Load a data set by name.

    Parameters
    ----------
    name : str
        One of `datasets()`. Five come with scikit-learn; the others are read from
        ``$PELLUCID_DATA`` or the cache, or downloaded once.
    frame : {"pyarrow", "pandas", "polars"}
        What ``X.native()`` gives.
    progress : callable, optional
        Called during a download with the bytes received and the bytes expected.

    Raises
    ------
    UnknownName
        If there is no such data set; says which name is close.
    Unreachable
        If it is nowhere on this machine and cannot be downloaded.
    UnreadableFile
        If the file in ``$PELLUCID_DATA`` has another checksum.
    MissingExtra
        If the library of `frame` is not installed.

    Examples
    --------
    >>> data = load_dataset("iris")
    >>> data.X.shape, data.target
    ((150, 4), 'species')
    """
    known = datasets()
    if name not in known:
        raise UnknownName.among("data set", str(name), known)
    if frame not in FRAMES:
        raise InvalidSetting("There is no such kind of table", got=repr(frame), allowed=FRAMES)
    record = known[name]
    source = record.source
    raw = _fetched(source, progress) if isinstance(source, Source) else _bundled(record)
    split = None if record.split is None else np.array(raw[record.split].to_pylist())
    meant = raw.drop_columns([name for name in (*record.drop, record.split) if name])
    table = Table.of(_framed(meant, frame), schema=record.columns)
    X, y = split_target(table, record.target)
    return Dataset(
        name=name,
        X=X,
        y=y,
        target=record.target,
        task=record.task,
        positive=record.positive,
        unit=record.unit,
        split=split,
        description=record.description,
        source=_address(record),
        licence=record.licence,
        citation=record.citation,
        fingerprint=table.fingerprint(),
    )


def _fetched(source: Source, progress: Progress | None) -> pa.Table:
    content = fetch(source, progress=progress)
    return parse_table(content, called=f"The data file {source.path}")[0]


def _bundled(record: Record) -> pa.Table:
    """A data set that scikit-learn brings along, with plain column names and readable labels."""
    import pyarrow as pa
    import sklearn.datasets

    loader = getattr(sklearn.datasets, str(record.source))
    bunch = loader(scaled=False) if record.name == "diabetes" else loader()
    names = [str(name).removesuffix(" (cm)") for name in bunch.feature_names]
    columns = dict(zip(names, bunch.data.T, strict=True))
    if all((column == np.floor(column)).all() for column in columns.values()):
        columns = {name: column.astype(np.int64) for name, column in columns.items()}
    labels = bunch.target
    if record.task == "classification":
        labels = np.asarray(bunch.target_names)[bunch.target]
    return pa.table({**columns, record.target: labels})


def _framed(table: pa.Table, frame: FrameKind) -> Any:
    try:
        if frame == "pandas":
            return table.to_pandas(date_as_object=False)
        if frame == "polars":
            import polars as pl

            return pl.from_arrow(table)
    except ImportError as error:
        raise MissingExtra.of(frame, None, f"load_dataset(frame={frame!r})") from error
    return table


def _address(record: Record) -> str:
    if isinstance(record.source, Source):
        return record.source.origins[0].urls[0]
    return f"sklearn.datasets.{record.source}"
