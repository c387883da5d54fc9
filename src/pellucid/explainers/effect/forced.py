"""The model's output with columns forced to values: the door of all effects to the model.

Where the model is read as trees they answer, exactly and in one walk for all columns that are
forced one at a time; otherwise the model is asked about every row at every point.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice

import numpy as np

from pellucid.engine.work import slices
from pellucid.explainers.effect.tree_route import LINES, TreeRoute, tree_route
from pellucid.explainers.question import Question

Points = tuple[int | list[int], np.ndarray]
"""A column's place and the codes (point,) that it is forced to one after another, or the places of
several that are forced together, (point, column)."""


def forced(question: Question, rows: np.ndarray, grids: Sequence[Points]) -> Iterator[np.ndarray]:
    """What the model says of the coded `rows` at every point: (row, point, output) for each grid,
    read-only, so that it is kept without a copy.

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
            yield from (_fixed(np.moveaxis(whole, 2, 0)) for whole in found)
        else:
            asked = _asked(question, rows, some)
            for _, codes in some:
                yield _fixed(np.stack([next(asked) for _ in codes], axis=1))


def _fixed(values: np.ndarray) -> np.ndarray:
    values.flags.writeable = False
    return values


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
                freedom = min(1, len(rows) - 1)
                outputs = islice(asked, len(codes))
                both = [(each.mean(axis=0), each.std(axis=0, ddof=freedom)) for each in outputs]
                yield np.array([mean for mean, _ in both]), np.array([sd for _, sd in both])


def _portions(grids: Sequence[Points], rows: int) -> Iterator[Sequence[Points]]:
    """As many grids at once as can be held, of columns that are all different."""
    start, held, taken = 0, 0, set[int]()
    for place, (columns, codes) in enumerate(grids):
        own = {columns} if isinstance(columns, int) else set(columns)
        if held and ((held + len(codes)) * rows > LINES * 128 or own & taken):
            yield grids[start:place]
            start, held, taken = place, 0, set()
        held, taken = held + len(codes), taken | own
    yield grids[start:]


def _asked(question: Question, rows: np.ndarray, grids: Sequence[Points]) -> Iterator[np.ndarray]:
    """The model's own answer at each point in turn, (row, output); many points at once."""
    forces = [(columns, code) for columns, codes in grids for code in codes]
    several = max(1, question.work.batch_size // len(rows))
    for some in slices(len(forces), several):
        block = np.tile(rows, (some.stop - some.start, 1, 1))
        for copy, (columns, code) in zip(block, forces[some], strict=True):
            copy[:, columns] = code
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
    for place, ((_, point), (columns, codes)) in enumerate(zip(wanted, grids, strict=True)):
        asked[place, columns] = codes[point]
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
