"""What a network's graph may hold beside the rules: operations that are linear in what changes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from pellucid.explainers.gradient.pair_rules import is_shared
from pellucid.explainers.network.simpler import no_rule

LINEAR = frozenset({
    "AccumulateGrad", "AdaptiveAvgPool2D", "AdaptiveAvgPool3D", "Add", "Addbmm", "Addmm", "Addmv",
    "Alias", "AsStrided", "AvgPool2D", "AvgPool3D", "Baddbmm", "Bmm", "Cat", "ChannelShuffle",
    "Clone", "Col2Im", "Constant", "ConstantPadNd", "Convolution", "ConvolutionOverrideable",
    "CopyBackwards", "CopySlices", "CudnnBatchNorm", "Cumsum", "Diagonal", "Div", "Dot", "Expand",
    "Fill", "Flip", "Gather", "GridSampler2D", "GridSampler3D", "Im2Col", "Index", "IndexAdd",
    "IndexCopy", "IndexPut", "IndexSelect", "Linear", "MaskedFill", "MaskedScatter", "MaskedSelect",
    "Mean", "MiopenBatchNorm", "Mkldnn", "MkldnnConvolution", "MkldnnLinear", "Mm", "Mul", "Mv",
    "NativeBatchNorm", "Neg", "Permute", "PixelShuffle", "PixelUnshuffle", "Put", "ReflectionPad1D",
    "ReflectionPad2D", "ReflectionPad3D", "Repeat", "ReplicationPad1D", "ReplicationPad2D",
    "ReplicationPad3D", "ReshapeAlias", "Roll", "Rsub", "Scatter", "ScatterAdd", "Select",
    "SelectScatter", "Shared", "Slice", "SliceScatter", "SlowConv2D", "SlowConvDilated2D",
    "SlowConvTranspose2D", "Split", "SplitWithSizes", "Squeeze", "Stack", "Sub", "Sum", "T", "Take",
    "ThnnConv2D", "ToCopy", "Trace", "Transpose", "Tril", "Trilinear", "Triu", "Unbind", "Unfold",
    "UnsafeSplit", "UnsafeView", "Unsqueeze", "UpsampleBicubic2D", "UpsampleBicubic2DAa",
    "UpsampleBilinear2D", "UpsampleBilinear2DAa", "UpsampleLinear1D", "UpsampleNearest1D",
    "UpsampleNearest2D", "UpsampleNearest3D", "UpsampleNearestExact1D", "UpsampleNearestExact2D",
    "UpsampleNearestExact3D", "UpsampleTrilinear3D", "Vdot", "View", "Where", "Zero",
})  # fmt: skip
"""Nodes of the graph, without ``Backward`` and a number."""

FACTORS = {
    "Addbmm": (1, 2), "Addmm": (1, 2), "Addmv": (1, 2), "Baddbmm": (1, 2), "Bmm": (0, 1),
    "Convolution": (0, 1), "ConvolutionOverrideable": (0, 1), "Dot": (0, 1), "Linear": (0, 1),
    "Mm": (0, 1), "Mul": (0, 1), "Mv": (0, 1), "Trilinear": (0, 1, 2), "Vdot": (0, 1),
}  # fmt: skip
"""Inputs of which only one may change."""

FIXED = {
    "CudnnBatchNorm": (1, 2), "Div": (1,), "GridSampler2D": (1,), "GridSampler3D": (1,),
    "NativeBatchNorm": (1, 2),
}  # fmt: skip
"""Inputs that may not change."""


def refuse_others(end: Any) -> None:
    """Refuse a graph, from its end, that holds anything which is not linear.

    Raises
    ------
    CannotExplain
        If it does; names the operation.
    """
    for node in nodes(end):
        _check(node)


def nodes(end: Any) -> Iterator[Any]:
    """All nodes of a graph, from its end."""
    seen, waiting = {end}, [end]
    while waiting:
        node = waiting.pop()
        yield node
        found = {each for each, _ in node.next_functions if each is not None} - seen
        seen |= found
        waiting.extend(found)


def _check(node: Any) -> None:
    from torch.autograd.function import BackwardCFunction

    name = re.sub(r"Backward\d*$", "", node.name().rpartition("::")[2])
    if isinstance(node, BackwardCFunction) and not is_shared(node):
        raise no_rule(f"{name!r}, written by hand,")
    changing = [each is not None for each, _ in node.next_functions]
    if name not in LINEAR:
        raise no_rule(repr(name))
    if sum(changing[i] for i in FACTORS.get(name, ()) if i < len(changing)) > 1:
        raise no_rule(f"{name!r} of two changing inputs")
    if any(changing[i] for i in FIXED.get(name, ()) if i < len(changing)):
        raise no_rule(f"{name!r} by a changing input")
    if "BatchNorm" in name and getattr(node, "_saved_training", False):
        raise no_rule(f"{name!r} with the statistics of the batch")
