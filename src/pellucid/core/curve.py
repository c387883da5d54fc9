"""Curve: how the output moves along one feature, or along any other quantity."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, final

import numpy as np

from pellucid.core import axes
from pellucid.core.axes import Indexer, Label
from pellucid.core.errors import AxisError
from pellucid.core.explanation import Explanation, freeze, number
from pellucid.core.provenance import Provenance


@final
@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Curve(Explanation):
    """Values along a grid, with a band.

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
        ``("sample", "point")`` for ICE, ``("point", "class")``.
    coords : Mapping of str to labels
        Labels for every axis but ``"point"``, whose labels are the places 0, 1, ….
    band : array of shape (2, *dims), optional
        Lower and upper limit.
    band_meaning : str
        What the band is, such as ``"95 % bootstrap interval over rows"``.
    weight : array of shape (point,), optional
        How many rows lie nearest to each point: where it is small the curve is a guess.
    categorical : bool
        Whether the grid holds categories, to be drawn as separate marks.

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

    def __post_init__(self) -> None:
        put = object.__setattr__
        put(self, "dims", tuple(self.dims))
        put(self, "values", freeze(self.values))
        axis = axes.axis_number("Curve", self.dims, "point")
        coords = {**(self.coords or {}), "point": range(self.values.shape[axis])}
        put(self, "coords", axes.check_axes("Curve", self.values.shape, self.dims, coords))
        points = self.values.shape[axis]
        put(self, "grid", self._checked_grid(points))
        if self.band is not None:
            put(self, "band", self._shaped("band", self.band, (2, *self.values.shape)))
        if self.weight is not None:
            put(self, "weight", self._shaped("weight", self.weight, (points,)))

    def sel(self, **labels: Any) -> Curve:
        """Select by label on any axis but ``"point"``."""
        found = {}
        for dim, wanted in labels.items():
            axes.axis_number("Curve", self.dims, dim)
            found[dim] = axes.places(dim, self._coords[dim], wanted)
        return self.isel(**found)

    def isel(self, **places: Indexer) -> Curve:
        """Select by position; an integer drops the axis (``"point"`` stays, so give it a slice)."""
        result = self
        for dim, given in places.items():
            axis = axes.axis_number("Curve", result.dims, dim)
            index = axes.check_index("Curve", dim, result.values.shape[axis], given)
            if dim == "point" and isinstance(index, int):
                raise AxisError(
                    "A curve keeps its axis 'point'", got=given, allowed="a slice or list"
                )
            result = result._indexed(dim, axis, index)
        return result

    def mean(self, dim: str) -> Curve:
        """Mean over one axis, such as ICE over ``"sample"``; the band goes."""
        axis = axes.axis_number("Curve", self.dims, dim)
        if dim == "point":
            raise AxisError(
                "A curve keeps its axis 'point'", allowed=[d for d in self.dims if d != dim]
            )
        return replace(
            self,
            values=self.values.mean(axis=axis),
            dims=tuple(d for d in self.dims if d != dim),
            coords={d: c for d, c in self._coords.items() if d not in (dim, "point")},
            band=None,
            band_meaning="",
        )

    @property
    def _coords(self) -> Mapping[str, tuple[Label, ...]]:
        assert self.coords is not None
        return self.coords  # type: ignore[return-value]

    def _checked_grid(self, points: int) -> Any:
        if len(self.grid) != points:
            raise AxisError(
                f"Curve along {self.feature!r}: the grid does not fit axis 'point'",
                got=f"{len(self.grid)} places",
                allowed=f"{points}",
            )
        if self.categorical:
            return tuple(self.grid)
        grid = freeze(self.grid)
        if np.any(np.diff(grid) < 0):
            raise AxisError(
                f"Curve along {self.feature!r}: the grid must increase", got=grid.tolist()
            )
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

    def _indexed(self, dim: str, axis: int, index: Indexer) -> Curve:
        place: Any = (slice(None),) * axis + (index,)
        dropped = isinstance(index, int)
        coords = {d: c for d, c in self._coords.items() if d not in (dim, "point")}
        if not dropped and dim != "point":
            coords[dim] = axes.pick(self._coords[dim], index)
        changes: dict[str, Any] = {
            "values": self.values[place],
            "dims": tuple(d for d in self.dims if d != dim) if dropped else self.dims,
            "coords": coords,
            "band": None if self.band is None else self.band[(slice(None), *place)],
        }
        if dim == "point":
            kept = np.arange(len(self.grid))[index]
            changes["grid"] = [self.grid[i] for i in kept]
            changes["weight"] = None if self.weight is None else self.weight[index]
        return replace(self, **changes)

    def _parts(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        fields = {
            "feature": self.feature,
            "dims": list(self.dims),
            "coords": {d: list(c) for d, c in self._coords.items() if d != "point"},
            "band_meaning": self.band_meaning,
            "categorical": self.categorical,
        }
        arrays = {"values": self.values}
        if self.categorical:
            fields["grid"] = list(self.grid)
        else:
            arrays["grid"] = np.asarray(self.grid)
        for name in ("band", "weight"):
            if getattr(self, name) is not None:
                arrays[name] = getattr(self, name)
        return fields, arrays

    @classmethod
    def _build(
        cls, fields: dict[str, Any], arrays: dict[str, np.ndarray], provenance: Provenance
    ) -> Curve:
        return cls(
            feature=fields["feature"],
            grid=fields["grid"] if fields["categorical"] else arrays["grid"],
            values=arrays["values"],
            dims=tuple(fields["dims"]),
            coords=fields["coords"],
            band=arrays.get("band"),
            band_meaning=fields["band_meaning"],
            weight=arrays.get("weight"),
            categorical=fields["categorical"],
            provenance=provenance,
        )

    def _columns(self) -> dict[str, np.ndarray]:
        grids = np.meshgrid(*[np.arange(n) for n in self.values.shape], indexing="ij")
        columns: dict[str, np.ndarray] = {}
        for dim, places in zip(self.dims, grids, strict=True):
            labels = self.grid if dim == "point" else self._coords[dim]
            name = self._point_name if dim == "point" else dim
            kind = object if any(isinstance(label, str) for label in labels) else None
            columns[name] = np.array(labels, dtype=kind)[places.ravel()]
        columns["value"] = self.values.ravel()
        if self.band is not None:
            columns["low"], columns["high"] = self.band[0].ravel(), self.band[1].ravel()
        return columns

    @property
    def _point_name(self) -> str:
        """The column of the grid: the feature's name, unless another column is called so."""
        taken = self.feature in (*self.dims, "value", "low", "high")
        return f"{self.feature} (feature)" if taken else self.feature

    def _headline(self) -> str:
        what = f" of {self.target}" if self.target else ""
        shape = " × ".join(
            f"{n} {dim}" for n, dim in zip(self.values.shape, self.dims, strict=True)
        )
        return f"{self.method} along {self.feature}, {shape}, {self.scale}{what}"

    def _preview(self) -> tuple[list[str], list[list[str]]]:
        columns = self._columns()
        size = len(columns["value"])
        shown = np.unique(np.linspace(0, size - 1, min(10, size)).astype(int))
        rows = [
            [c[i] if isinstance(c[i], str) else number(float(c[i])) for c in columns.values()]
            for i in shown
        ]
        return list(columns), rows
