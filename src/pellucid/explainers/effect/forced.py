"""The model's output with one column forced to a value: the door of all effects to the model.

Where the model is read as trees they answer, exactly and for all columns in one walk; otherwise the
model is asked about every row at every point.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from pellucid.engine.work import slices
from pellucid.explainers.effect.tree_route import LINES, TreeRoute, tree_route
from pellucid.explainers.question import Question

Points = tuple[int, np.ndarray]
"""A column's place, and the codes that it is forced to one after another."""


def forced(question: Question, rows: np.ndarray, grids: Sequence[Points]) -> Iterator[np.ndarray]:
    """What the model says of the coded `rows` at every point: (row, point, output) for each grid.

    Cost: points × rows evaluations, or a check of the trees on a few rows.
    """
    route = tree_route(question, rows)
    for some in _portions(grids, len(rows) if route else 1):
        if route is not None:
            found: list[np.ndarray] = []
            begin = 0
            for values in _walked(route, some):  # (point, output, row) of a block of rows
                found = found or [np.empty((*part.shape[:2], len(rows))) for part in values]
                end = begin + values[0].shape[2]
                for whole, part in zip(found, values, strict=True):
                    whole[:, :, begin:end] = part
                begin = end
            yield from (np.moveaxis(whole, 2, 0) for whole in found)
        else:
            asked = _asked(question, rows, some)
            for _, codes in some:
                yield np.stack([next(asked) for _ in codes], axis=1)


def means(
    question: Question, rows: np.ndarray, grids: Sequence[Points]
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Mean and standard deviation over rows, each (point, output), for each grid."""
    route = tree_route(question, rows)
    for some in _portions(grids, 1):
        if route is not None:
            yield from _moments(_walked(route, some), len(some))
        else:
            asked = _asked(question, rows, some)
            for _, codes in some:
                outputs = [next(asked) for _ in codes]
                mean = np.array([each.mean(axis=0) for each in outputs])
                freedom = min(1, len(rows) - 1)
                yield mean, np.array([each.std(axis=0, ddof=freedom) for each in outputs])


def _portions(grids: Sequence[Points], rows: int) -> Iterator[Sequence[Points]]:
    """As many grids at once as can be held."""
    start, held = 0, 0
    for place, (_, codes) in enumerate(grids):
        if held and (held + len(codes)) * rows > LINES * 128:
            yield grids[start:place]
            start, held = place, 0
        held += len(codes)
    yield grids[start:]


def _asked(question: Question, rows: np.ndarray, grids: Sequence[Points]) -> Iterator[np.ndarray]:
    """The model's own answer at each point in turn, (row, output); many points at once."""
    forces = [(column, code) for column, codes in grids for code in codes]
    several = max(1, question.work.batch_size // len(rows))
    for some in slices(len(forces), several):
        block = np.tile(rows, (some.stop - some.start, 1, 1))
        for copy, (column, code) in zip(block, forces[some], strict=True):
            copy[:, column] = code
        outputs = question.predict(block.reshape(-1, rows.shape[1]))
        yield from outputs.reshape(len(block), len(rows), -1)


def _walked(route: TreeRoute, grids: Sequence[Points]) -> Iterator[list[np.ndarray]]:
    """The trees' answers (point, output, row) for each grid, block by block of rows, held to the
    model at one point of each grid."""
    wanted = [
        (place * len(route.rows) // len(grids), (place + len(codes) // 2) % len(codes))
        for place, (_, codes) in enumerate(grids)
    ]
    asked = route.rows[[row for row, _ in wanted]]
    for place, ((_, point), (column, codes)) in enumerate(zip(wanted, grids, strict=True)):
        asked[place, column] = codes[point]
    said = {}
    for rows, values in route.curves(grids):
        for place, (row, point) in enumerate(wanted):
            if rows.start <= row < rows.stop:
                said[place] = values[place][point, :, row - rows.start]
        yield values
    route.hold(asked, np.array([said[place] for place in range(len(grids))]))


def _moments(
    blocks: Iterator[list[np.ndarray]], grids: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Mean and standard deviation of each grid, gathered block by block (Chan et al., 1983)."""
    count, total = 0, [(np.zeros(1), np.zeros(1))] * grids
    for values in blocks:
        new = values[0].shape[2]
        for place, part in enumerate(values):
            (mean, spread), own = total[place], part.mean(axis=2)
            spread = spread + ((part - own[:, :, None]) ** 2).sum(axis=2)
            apart = own - mean if count else np.zeros_like(own)
            spread = spread + apart**2 * (count * new / (count + new))
            mean = mean + apart * (new / (count + new)) if count else own
            total[place] = mean, spread
        count += new
    yield from ((mean, np.sqrt(spread / max(count - 1, 1))) for mean, spread in total)
