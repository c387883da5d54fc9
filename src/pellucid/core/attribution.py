"""Attribution: a share of the model's output for each feature, term, token or pixel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, final

import numpy as np

from pellucid.core import axes
from pellucid.core.axes import Indexer, Label
from pellucid.core.errors import AxisError, InvalidSetting
from pellucid.core.explanation import Explanation, freeze, left_out, number, without_rounding
from pellucid.core.provenance import Provenance

PLAYERS = ("feature", "term")
"""Axes of named shares of the output: along one of them values add up to ``output - base``."""

GRID = ("channel", "row", "column", "token", "unit")
"""Axes of an image, or of activations: along all that are there together values add up to
``output - base``."""

PREVIEWED = 10
"""Players shown in a preview."""


@final
@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Attribution(Explanation):
    """How much each feature moved the output, with named axes and an error for each value.

    Parameters
    ----------
    values : array of shape `dims`
        The shares, in the unit of `scale`.
    dims : tuple of str
        Names of the axes, such as ``("sample", "feature")``, ``("sample", "feature", "class")`` or,
        for images, ``("sample", "channel", "row", "column")``.
    coords : Mapping of str to labels
        What stands on each axis.
    base : array of shape `dims` without the axes of shares, optional
        The output that the shares start from (the expectation).
    output : array, as `base`, optional
        The model's own prediction.
    error : array of shape `dims`, optional
        Standard error of each value: exactly zero (the default) where the method is exact.
    inputs : Mapping of str to arrays of shape (sample, …), optional
        The rows explained, column by column, in the user's own values; of images their pixels.

    Raises
    ------
    AxisError
        If names, lengths and labels do not agree.
    """

    kind: ClassVar[str] = "attribution"
    values: np.ndarray
    dims: tuple[str, ...]
    coords: Mapping[str, Sequence[Label]]
    base: np.ndarray | None = None
    output: np.ndarray | None = None
    error: np.ndarray = None  # type: ignore[assignment]  # zeros
    inputs: Mapping[str, np.ndarray] | None = None

    def __post_init__(self) -> None:
        put = object.__setattr__
        put(self, "dims", tuple(self.dims))
        put(self, "values", freeze(self.values))
        put(
            self,
            "coords",
            axes.check_axes("Attribution", self.values.shape, self.dims, self.coords),
        )
        error = 0.0 if self.error is None else self.error
        put(self, "error", self._fit("error", error, self.dims))
        for name in ("base", "output"):
            given = getattr(self, name)
            if given is not None:
                put(self, name, self._fit(name, given, self._rest))
        if self.inputs is not None:
            put(self, "inputs", self._checked_inputs())

    @property
    def player(self) -> str | None:
        """The axis of named shares, if it is still there."""
        return next((dim for dim in PLAYERS if dim in self.dims), None)

    @property
    def shared(self) -> tuple[str, ...]:
        """The axes along which values together add up to ``output - base``."""
        return tuple(dim for dim in self.dims if dim in (*PLAYERS, *GRID))

    @property
    def features(self) -> tuple[Label, ...]:
        """Labels on the player axis."""
        return tuple(self.coords[self.player]) if self.player else ()

    @property
    def exact(self) -> bool:
        """Whether no value has a sampling error."""
        return not np.any(self.error)

    def sel(self, **labels: Any) -> Attribution:
        """Select by label: one label drops the axis; a list, or a slice of labels, keeps it."""
        found = {}
        for dim, wanted in labels.items():
            axes.axis_number("Attribution", self.dims, dim)
            found[dim] = axes.places(dim, self.coords[dim], wanted)
        return self.isel(**found)

    def isel(self, **places: Indexer) -> Attribution:
        """Select by position: an integer drops the axis; a slice or list keeps it."""
        result = self
        for dim, given in places.items():
            axis = axes.axis_number("Attribution", result.dims, dim)
            index = axes.check_index("Attribution", dim, result.values.shape[axis], given)
            result = result._indexed(dim, index)
        return result

    def sum(self, dim: str) -> Attribution:
        """Sum over one axis; the error is the sum of errors, an upper bound whatever correlates."""
        return self._reduced(dim, np.sum)

    def mean(self, dim: str) -> Attribution:
        """Mean over one axis; the error is the mean of errors, an upper bound."""
        return self._reduced(dim, np.mean)

    def abs(self) -> Attribution:
        """Magnitudes; they no longer add up, so base and output go."""
        return replace(self, values=np.abs(self.values), base=None, output=None)

    def top(self, k: int) -> Attribution:
        """The `k` features with the greatest mean magnitude, greatest first.

        The other shares are left out; what remains does not add up, so base and output go.
        """
        if not isinstance(k, (int, np.integer)) or k < 1:
            raise InvalidSetting("top() keeps a number of features", got=repr(k), allowed="k ≥ 1")
        if self.player is None:
            raise AxisError("This attribution has no feature axis left", got=self.dims)
        axis = self.dims.index(self.player)
        others = tuple(i for i in range(self.values.ndim) if i != axis)
        order = np.argsort(-np.abs(self.values).mean(axis=others), kind="stable")[:k]
        return self.isel(**{self.player: order})

    def gap(self) -> np.ndarray:
        """What is missing to add up: ``output - base - sum of values``, of shape `base`."""
        if self.base is None or self.output is None or not self.shared:
            raise AxisError(
                "This attribution cannot add up",
                got=f"axes {self.dims}",
                allowed="an attribution with its base, its output and its feature axis",
            )
        axes_ = tuple(self.dims.index(dim) for dim in self.shared)
        return self.output - self.base - self.values.sum(axis=axes_)

    @property
    def _rest(self) -> tuple[str, ...]:
        return tuple(dim for dim in self.dims if dim not in self.shared)

    def _fit(self, name: str, given: Any, dims: Sequence[str]) -> np.ndarray:
        shape = tuple(len(self.coords[dim]) for dim in dims)
        array = np.asarray(given, dtype=np.float64)
        try:
            fixed = np.broadcast_to(array, shape)
        except ValueError:
            raise AxisError(
                f"Attribution: {name} does not fit axes {tuple(dims)}",
                got=f"shape {array.shape}",
                allowed=f"shape {shape}",
            ) from None
        return fixed if array.ndim == 0 else freeze(fixed.copy())

    def _checked_inputs(self) -> dict[str, np.ndarray]:
        assert self.inputs is not None
        rows = len(self.coords["sample"]) if "sample" in self.dims else None
        checked = {}
        for name, column in self.inputs.items():
            array = np.asarray(column)
            if rows is not None and array.shape[:1] != (rows,):
                raise AxisError(
                    f"Attribution: the input column {name!r} does not fit axis 'sample'",
                    got=f"shape {array.shape}",
                    allowed=f"{rows} places on its first axis",
                )
            checked[name] = freeze(array, array.dtype)
        return checked

    def _indexed(self, dim: str, index: Indexer) -> Attribution:
        axis = self.dims.index(dim)
        place: Any = (slice(None),) * axis + (index,)
        dropped = isinstance(index, int)
        coords = {d: c for d, c in self.coords.items() if d != dim}
        if not dropped:
            coords[dim] = axes.pick(tuple(self.coords[dim]), index)
        changes: dict[str, Any] = {
            "values": self.values[place],
            "error": self.error[place],
            "dims": tuple(d for d in self.dims if d != dim) if dropped else self.dims,
            "coords": coords,
        }
        if dim in self._rest:
            at = self._rest.index(dim)
            for name in ("base", "output"):
                given = getattr(self, name)
                changes[name] = None if given is None else given[(slice(None),) * at + (index,)]
        elif set(coords.get(dim, ())) != set(self.coords[dim]):
            changes.update(base=None, output=None)  # some of the shares do not add up
        if dim == "sample" and self.inputs is not None:
            changes["inputs"] = {name: column[index] for name, column in self.inputs.items()}
        return replace(self, **changes)

    def _reduced(self, dim: str, how: Any) -> Attribution:
        axis = axes.axis_number("Attribution", self.dims, dim)
        changes: dict[str, Any] = {
            "values": how(self.values, axis=axis),
            "error": how(self.error, axis=axis),
            "dims": tuple(d for d in self.dims if d != dim),
            "coords": {d: c for d, c in self.coords.items() if d != dim},
        }
        if dim in self._rest:
            at = self._rest.index(dim)
            for name in ("base", "output"):
                given = getattr(self, name)
                changes[name] = None if given is None else how(given, axis=at)
        elif how is np.mean:
            changes.update(base=None, output=None)  # means along an axis of shares do not add up
        if dim == "sample":
            changes["inputs"] = None
        return replace(self, **changes)

    def _parts(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        fields: dict[str, Any] = {"dims": list(self.dims), "coords": self.coords}
        arrays = {"values": self.values, "error": np.array(self.error)}
        for name in ("base", "output"):
            if getattr(self, name) is not None:
                arrays[name] = np.array(getattr(self, name))
        if self.inputs is not None:
            fields["inputs"] = {
                name: None if column.dtype != object else column.tolist()
                for name, column in self.inputs.items()
            }
            for i, column in enumerate(self.inputs.values()):
                if column.dtype != object:
                    arrays[f"input{i}"] = column
        return fields, arrays

    @classmethod
    def _build(
        cls, fields: dict[str, Any], arrays: dict[str, np.ndarray], provenance: Provenance
    ) -> Attribution:
        inputs = None
        if "inputs" in fields:
            inputs = {
                name: arrays[f"input{i}"] if column is None else np.array(column, dtype=object)
                for i, (name, column) in enumerate(fields["inputs"].items())
            }
        return cls(
            values=arrays["values"],
            dims=tuple(fields["dims"]),
            coords=fields["coords"],
            base=arrays.get("base"),
            output=arrays.get("output"),
            error=arrays["error"],
            inputs=inputs,
            provenance=provenance,
        )

    def _columns(self) -> dict[str, np.ndarray]:
        grids = np.meshgrid(
            *[np.arange(len(self.coords[dim])) for dim in self.dims], indexing="ij", copy=False
        )
        columns: dict[str, np.ndarray] = {
            dim: axes.column(self.coords[dim])[grid.ravel()]
            for dim, grid in zip(self.dims, grids, strict=True)
        }
        columns["value"] = self.values.ravel()
        columns["error"] = np.array(self.error).ravel()
        return columns

    def _headline(self) -> str:
        shape = " × ".join(f"{len(self.coords[dim])} {dim}" for dim in self.dims) or "one number"
        what = f" of {self.target}" if self.target else ""
        error = float(np.max(self._shown(self.error), initial=0.0))
        sure = f"standard error up to {number(error)}" if error else self.provenance.exactness
        return f"{self.method}, {shape}, {self.scale}{what}, {sure}"

    def _shown(self, numbers: np.ndarray) -> np.ndarray:
        """Values or errors, without those that are only rounding."""
        return without_rounding(np.asarray(numbers), self.values, self.base, self.output)

    def _preview(self) -> tuple[list[str], list[list[str]]]:
        player = self.player
        if player is None and self.shared and "sample" in self.dims:
            return self._preview_of_grids()
        if player is None:
            flat = self._shown(self.values).ravel()
            rows = [[number(float(value))] for value in flat[:PREVIEWED]]
            return ["value"], rows + left_out(len(flat) - len(rows), 1)
        axis = self.dims.index(player)
        others = tuple(i for i in range(self.values.ndim) if i != axis)
        one = len(others) == 0 or self.values.size == self.values.shape[axis]
        values, error = self._shown(self.values), self._shown(self.error)
        losses = self.scale == "loss"  # what some rows gain by a column, others lose
        size = values.reshape(-1) if one else (values if losses else abs(values)).mean(axis=others)
        sure = error.reshape(-1) if one else error.mean(axis=others)
        order = np.argsort(-np.abs(size), kind="stable")[:PREVIEWED]
        rows = [
            [str(self.coords[player][i]), number(float(size[i])), number(float(sure[i]))]
            for i in order
        ]
        header = [player, "value" if one else "mean" if losses else "mean magnitude", "error"]
        return header, rows + left_out(len(size) - len(rows), 3)

    def _preview_of_grids(self) -> tuple[list[str], list[list[str]]]:
        """What each sample gets in all, and where most of it lies."""
        along = tuple(self.dims.index(dim) for dim in self.shared)
        flat = np.moveaxis(self.values, along, range(-len(along), 0))
        flat = flat.reshape(len(self.coords["sample"]), -1, *[self.values.shape[i] for i in along])
        rows = []
        for label, values in zip(self.coords["sample"], flat[:PREVIEWED, 0], strict=False):
            peak = np.unravel_index(int(np.abs(values).argmax()), values.shape)
            where = ", ".join(
                f"{dim} {self.coords[dim][int(at)]}"
                for dim, at in zip(self.shared, peak, strict=True)
            )
            rows.append([str(label), number(float(values.sum())), where])
        return ["sample", "sum", "largest"], rows + left_out(len(flat) - len(rows), 3)
