"""Curve: how the output moves along one feature, two features, or any other quantity."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, final

import numpy as np

from pellucid.core import axes
from pellucid.core.axes import Indexer, Label
from pellucid.core.errors import AxisError
from pellucid.core.explanation import Explanation, freeze, left_out, number, without_rounding
from pellucid.core.provenance import Provenance

GRIDS = {
    "point": ("feature", "grid", "categorical"),
    "other point": ("other", "other_grid", "other_categorical"),
}
"""The axes along features, and the fields that say what runs along each."""

GUESSED = 0.2
"""From this share of extrapolated rows on, a point of a curve counts as a guess."""


@final
@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Curve(Explanation):
    """Values along a grid, or over the grids of two features, with a band.

    Parameters
    ----------
    feature : str
        What runs along the grid: a column's name, or such as ``"predicted probability"``.
    grid : sequence of shape (point,)
        Where the curve was computed: increasing numbers, or labels of categories.
    values : array of shape `dims`
        The curve, in the unit of `scale`.
    dims : tuple of str
        Names of the axes; ``"point"`` is one of them, such as ``("point",)``,
        ``("sample", "point")`` for ICE, ``("point", "class")``, ``("point", "other point")`` for
        two features.
    coords : Mapping of str to labels
        Labels for every axis but the grids, whose labels are the places 0, 1, ….
    band : array of shape (2, *dims), optional
        Lower and upper limit.
    band_meaning : str
        What the band is, such as ``"95 % bootstrap interval over rows"``.
    weight : array of shape (point,) or (point, other point), optional
        How many rows lie nearest to each point: where it is small the curve is a guess.
    categorical : bool
        Whether the grid holds categories, to be drawn as separate marks.
    extrapolated : array of shape (point,) or (sample, point), optional
        How much of the curve rests on rows that have no like in the data, between 0 and 1: the
        share of rows that a point takes out of what occurs together with their other columns.
    own, own_values : array of shape (sample,) and of `dims` without the grid, optional
        Where each row itself stands along the grid (a number, or the place of its category; NaN
        for neither), and the output there.
    other, other_grid, other_categorical
        A second feature, as `feature`, `grid` and `categorical`, along the axis ``"other point"``.

    Raises
    ------
    AxisError
        If names, lengths and labels do not agree.
    """

    kind: ClassVar[str] = "curve"
    feature: str
    grid: Sequence[Label] | np.ndarray
    values: np.ndarray
    dims: tuple[str, ...] = ("point",)
    coords: Mapping[str, Sequence[Label]] | None = None
    band: np.ndarray | None = None
    band_meaning: str = ""
    weight: np.ndarray | None = None
    categorical: bool = False
    extrapolated: np.ndarray | None = None
    own: np.ndarray | None = None
    own_values: np.ndarray | None = None
    other: str | None = None
    other_grid: Sequence[Label] | np.ndarray | None = None
    other_categorical: bool = False

    def __post_init__(self) -> None:
        put = object.__setattr__
        put(self, "dims", tuple(self.dims))
        put(self, "values", freeze(self.values))
        axes.axis_number("Curve", self.dims, "point")
        if (self.other is not None) != ("other point" in self.dims) or self.other == self.feature:
            raise AxisError(
                "A curve over two features has the name of the other and its axis",
                got=f"other={self.other!r} beside {self.feature!r}, with axes {self.dims}",
                allowed="another name and an axis 'other point', or neither",
            )
        sizes = dict(zip(self.dims, self.values.shape, strict=False))
        coords = {**(self.coords or {}), **{dim: range(sizes[dim]) for dim in self._grids}}
        put(self, "coords", axes.check_axes("Curve", self.values.shape, self.dims, coords))
        for dim in self._grids:
            put(self, GRIDS[dim][1], self._checked_grid(dim, sizes[dim]))
        for name, dims in self._beside.items():
            given = getattr(self, name)
            if given is not None:
                shape = tuple(2 if dim == "limit" else sizes[dim] for dim in dims)
                put(self, name, self._shaped(name, given, shape))

    def sel(self, **labels: Any) -> Curve:
        """Select by label on any axis but the grids."""
        found = {}
        for dim, wanted in labels.items():
            axes.axis_number("Curve", self.dims, dim)
            found[dim] = axes.places(dim, self._coords[dim], wanted)
        return self.isel(**found)

    def isel(self, **places: Indexer) -> Curve:
        """Select by position; an integer drops the axis (``"point"`` stays, so give it a slice).

        One place of ``"other point"`` gives the curve along `feature` there.
        """
        result = self
        for dim, given in places.items():
            axis = axes.axis_number("Curve", result.dims, dim)
            index = axes.check_index("Curve", dim, result.values.shape[axis], given)
            if dim == "point" and isinstance(index, int):
                raise AxisError(
                    "A curve keeps its axis 'point'", got=given, allowed="a slice or list"
                )
            result = result._indexed(dim, index)
        return result

    def mean(self, dim: str) -> Curve:
        """Mean over one axis, such as ICE over ``"sample"``; the band and the rows' own go."""
        axis = axes.axis_number("Curve", self.dims, dim)
        if dim in GRIDS:
            raise AxisError(
                f"A curve keeps its axis {dim!r}",
                allowed=[d for d in self.dims if d not in GRIDS],
            )
        outside = self.extrapolated
        if outside is not None and dim == "sample":
            outside = outside.mean(axis=self._beside["extrapolated"].index(dim))
        return replace(
            self,
            values=self.values.mean(axis=axis),
            dims=tuple(d for d in self.dims if d != dim),
            coords={d: c for d, c in self._coords.items() if d != dim and d not in GRIDS},
            band=None,
            band_meaning="",
            extrapolated=outside,
            own=None,
            own_values=None,
        )

    @property
    def _coords(self) -> Mapping[str, tuple[Label, ...]]:
        assert self.coords is not None
        return self.coords  # type: ignore[return-value]

    @property
    def _grids(self) -> tuple[str, ...]:
        return tuple(dim for dim in GRIDS if dim in self.dims)

    @property
    def _beside(self) -> dict[str, tuple[str, ...]]:
        """The axes of every array beside the values."""
        sample = ("sample",) if "sample" in self.dims else ()
        return {
            "band": ("limit", *self.dims),
            "weight": self._grids,
            "extrapolated": (*sample, *self._grids),
            "own": sample,
            "own_values": tuple(dim for dim in self.dims if dim not in GRIDS),
        }

    def _checked_grid(self, dim: str, points: int) -> Any:
        name, grid, categorical = (getattr(self, field) for field in GRIDS[dim])
        if grid is None or len(grid) != points:
            raise AxisError(
                f"Curve along {name!r}: the grid does not fit axis {dim!r}",
                got="none" if grid is None else f"{len(grid)} places",
                allowed=f"{points}",
            )
        if categorical:
            return tuple(grid)
        grid = freeze(grid)
        if np.any(np.diff(grid) < 0):
            raise AxisError(f"Curve along {name!r}: the grid must increase", got=grid.tolist())
        return grid

    def _shaped(self, name: str, given: Any, shape: tuple[int, ...]) -> np.ndarray:
        array = freeze(given)
        if array.shape != shape:
            raise AxisError(
                f"Curve along {self.feature!r}: {name} does not fit",
                got=f"shape {array.shape}",
                allowed=f"shape {shape}",
            )
        return array

    def _indexed(self, dim: str, index: Indexer) -> Curve:
        dropped = isinstance(index, int)
        coords = {d: c for d, c in self._coords.items() if d != dim and d not in GRIDS}
        if not dropped and dim not in GRIDS:
            coords[dim] = axes.pick(self._coords[dim], index)
        changes: dict[str, Any] = {"coords": coords}
        changes["dims"] = tuple(d for d in self.dims if d != dim) if dropped else self.dims
        for name, dims in {"values": self.dims, **self._beside}.items():
            array = getattr(self, name)
            if array is not None and dim in dims:
                changes[name] = array[(slice(None),) * dims.index(dim) + (index,)]
        if dim in GRIDS:
            name, grid, _ = GRIDS[dim]
            if dropped:
                changes |= {name: None, grid: None}
            else:
                given = getattr(self, grid)
                changes[grid] = [given[i] for i in np.arange(len(given))[index]]
                changes |= {"own": None, "own_values": None}
        return replace(self, **changes)

    def _parts(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        fields: dict[str, Any] = {
            "dims": list(self.dims),
            "coords": {d: list(c) for d, c in self._coords.items() if d not in GRIDS},
            "band_meaning": self.band_meaning,
        }
        arrays = {"values": self.values}
        for dim in self._grids:
            name, grid, categorical = GRIDS[dim]
            fields |= {name: getattr(self, name), categorical: getattr(self, categorical)}
            if fields[categorical]:
                fields[grid] = list(getattr(self, grid))
            else:
                arrays[grid] = np.asarray(getattr(self, grid))
        for name in self._beside:
            if getattr(self, name) is not None:
                arrays[name] = getattr(self, name)
        return fields, arrays

    @classmethod
    def _build(
        cls, fields: dict[str, Any], arrays: dict[str, np.ndarray], provenance: Provenance
    ) -> Curve:
        known = {name for names in GRIDS.values() for name in names}
        given: dict[str, Any] = {name: fields[name] for name in known & set(fields)} | arrays
        return cls(
            dims=tuple(fields["dims"]),
            coords=fields["coords"],
            band_meaning=fields["band_meaning"],
            provenance=provenance,
            **given,
        )

    def _columns(self) -> dict[str, np.ndarray]:
        grids = np.meshgrid(*[np.arange(n) for n in self.values.shape], indexing="ij")
        columns: dict[str, np.ndarray] = {}
        for dim, places in zip(self.dims, grids, strict=True):
            labels = getattr(self, GRIDS[dim][1]) if dim in GRIDS else self._coords[dim]
            name = self._column_of(dim) if dim in GRIDS else dim
            kind = object if any(isinstance(label, str) for label in labels) else None
            columns[name] = np.array(labels, dtype=kind)[places.ravel()]
        columns["value"] = self.values.ravel()
        if self.band is not None:
            columns["low"], columns["high"] = self.band[0].ravel(), self.band[1].ravel()
        return columns

    def _column_of(self, dim: str) -> str:
        """The column of a grid: the feature's name, unless another column is called so."""
        name: str = getattr(self, GRIDS[dim][0])
        return f"{name} (feature)" if name in (*self.dims, "value", "low", "high") else name

    def _headline(self) -> str:
        what = f" of {self.target}" if self.target else ""
        shape = " × ".join(
            f"{n} {dim}" for n, dim in zip(self.values.shape, self.dims, strict=True)
        )
        along = self.feature if self.other is None else f"{self.feature} and {self.other}"
        return f"{self.method} along {along}, {shape}, {self.scale}{what}"

    def _preview(self) -> tuple[list[str], list[list[str]]]:
        columns = self._columns()
        for name in {"value", "low", "high"} & set(columns):
            columns[name] = without_rounding(columns[name], self.values, self.own_values)
        size = len(columns["value"])
        shown = np.unique(np.linspace(0, size - 1, min(10, size)).astype(int))
        rows = [
            [c[i] if isinstance(c[i], str) else number(float(c[i])) for c in columns.values()]
            for i in shown
        ]
        hidden = left_out(size - len(rows), len(columns), "more between them")
        return list(columns), rows + hidden
