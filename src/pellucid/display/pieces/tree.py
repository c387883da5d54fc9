"""Tree: a decision tree as nested lists, drawn with lines and readable aloud."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pellucid.core.errors import InvalidData
from pellucid.display.pieces.page import render
from pellucid.display.words import brief, counted

BAR = 80
"""Pixels of the bar of a leaf that holds every row."""


@dataclass(frozen=True, kw_only=True)
class Node:
    """One node of a tree.

    Parameters
    ----------
    text : str
        The question of a split (``"age ≤ 30"``), or the answer of a leaf.
    yes, no : int or None
        Places of the children in the list of nodes; both `None` for a leaf.
    rows : int
        How many rows arrive here.
    value : float or None
        The prediction of a leaf.
    """

    text: str
    yes: int | None = None
    no: int | None = None
    rows: int = 0
    value: float | None = None

    @property
    def leaf(self) -> bool:
        """Whether it has no children."""
        return self.yes is None and self.no is None


def tree(nodes: Sequence[Node], *, depth: int = 6, unit: str = "", styled: bool = True) -> str:
    """The tree from its root, the first node, down to `depth` questions.

    Parameters
    ----------
    nodes : sequence of Node
        The root first; each node but the root has one parent.
    depth : int
        Questions in a row; what lies deeper is counted, not drawn.
    unit : str
        What the values of leaves are measured in.
    styled : bool
        Whether the fragment brings its own style.

    Returns
    -------
    str
        An HTML fragment.

    Raises
    ------
    InvalidData
        If the nodes are no tree.
    """
    _check(nodes)
    leaves = [node for node in nodes if node.leaf]
    largest = max(leaves, key=lambda node: node.rows)
    said = f"Decision tree of {counted(len(nodes) - len(leaves), 'question')} and "
    said += f"{counted(len(leaves), 'leaf', 'leaves')}."
    if not nodes[0].leaf:
        said += f" It asks first: {nodes[0].text}."
    if largest.rows:
        said += f" The largest leaf: {_text(largest, unit)}, {counted(largest.rows, 'row')}."
    content = {"root": _branch(nodes, 0, "", depth, unit), "alternative": said}
    return render("tree.html.j2", content, styled)


def _check(nodes: Sequence[Node]) -> None:
    parents = [0] * len(nodes)
    for node in nodes:
        for child in (node.yes, node.no):
            if child is not None:
                if not 0 < child < len(nodes):
                    raise InvalidData("A child is no node of the tree", got=child)
                parents[child] += 1
        if (node.yes is None) != (node.no is None):
            raise InvalidData("A node has one child", got=node.text, allowed="two, or none")
    reached, waiting = 0, [0] if nodes else []
    while waiting:
        node = nodes[waiting.pop()]
        reached += 1
        waiting += (
            [c for c in (node.yes, node.no) if c is not None] if reached <= len(nodes) else []
        )
    if reached != len(nodes) or not nodes or parents[1:] != [1] * (len(nodes) - 1):
        raise InvalidData("The nodes are no tree", got=f"{len(nodes)} nodes, {reached} reached")


def _branch(
    nodes: Sequence[Node], place: int, branch: str, depth: int, unit: str
) -> Mapping[str, Any]:
    node = nodes[place]
    children: list[Mapping[str, Any]] = []
    text = f"{node.text}?" if not node.leaf else _text(node, unit)
    if node.yes is not None and node.no is not None:
        if depth > 0:
            children = [
                _branch(nodes, node.yes, "yes", depth - 1, unit),
                _branch(nodes, node.no, "no", depth - 1, unit),
            ]
        else:
            text += " … deeper questions are not drawn"
    return {
        "text": text,
        "branch": branch,
        "rows": counted(node.rows, "row") if node.rows else "",
        "share": round(BAR * node.rows / nodes[0].rows) if nodes[0].rows else 0,
        "children": children,
    }


def _text(node: Node, unit: str) -> str:
    if node.value is None:
        return node.text
    value = f"{brief(node.value)} {unit}".rstrip()
    return f"{node.text} ({value})" if node.text else value
