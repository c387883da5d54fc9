"""ONNX graphs for tests, written node by node."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

FLOAT, DOUBLE, HALF, BYTE = (
    TensorProto.FLOAT, TensorProto.DOUBLE, TensorProto.FLOAT16, TensorProto.UINT8,
)  # fmt: skip
IR, OPSET = 9, 17
NORM = ("scale", "shift", "mean", "var")


def graph(
    nodes: Sequence[onnx.NodeProto],
    inputs: dict[str, tuple[int, Any]],
    outputs: dict[str, tuple[int, Any]],
    weights: dict[str, np.ndarray] | None = None,
) -> onnx.ModelProto:
    """A graph from its nodes; inputs and outputs as name, type and shape."""
    made = helper.make_graph(
        list(nodes),
        "graph_of_tests",
        [helper.make_tensor_value_info(name, *told) for name, told in inputs.items()],
        [helper.make_tensor_value_info(name, *told) for name, told in outputs.items()],
        [numpy_helper.from_array(value, name) for name, value in (weights or {}).items()],
    )
    found = helper.make_model(made, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR)
    onnx.checker.check_model(found)
    return found


def plain(
    net: Any,
    shape: Sequence[Any] = ("batch", 3, 8, 8),
    *,
    kind: int = FLOAT,
    first: Sequence[onnx.NodeProto] = (),
    last: Sequence[onnx.NodeProto] = (),
    outputs: dict[str, tuple[int, Any]] | None = None,
) -> onnx.ModelProto:
    """`networks_of_tests.Plain` for 8 × 8 images: from ``x``, after `first`, to ``logits``.

    `first` leads from ``given`` to ``x``, where it is not empty.
    """
    make = helper.make_node
    norm = net.features[1]
    weights = {
        "w1": net.features[0].weight, "b1": net.features[0].bias, "scale": norm.weight,
        "shift": norm.bias, "mean": norm.running_mean, "var": norm.running_var,
        "w2": net.features[4].weight, "b2": net.features[4].bias, "w3": net.head.weight,
        "b3": net.head.bias,
    }  # fmt: skip
    nodes = [
        *first,
        make("Conv", ["x", "w1", "b1"], ["c1"], pads=[1, 1, 1, 1]),
        make("BatchNormalization", ["c1", *NORM], ["n1"], epsilon=norm.eps),
        make("Relu", ["n1"], ["a1"]),
        make("Conv", ["a1", "w2", "b2"], ["c2"], pads=[1, 1, 1, 1]),
        make("Relu", ["c2"], ["a2"]),
        make("AveragePool", ["a2"], ["pooled"], kernel_shape=[4, 4], strides=[4, 4]),
        make("Flatten", ["pooled"], ["f"]),
        make("Gemm", ["f", "w3", "b3"], ["logits"], transB=1),
        *last,
    ]
    held = {name: value.detach().numpy() for name, value in weights.items()}
    given = {"given" if first else "x": (kind, shape)}
    return graph(nodes, given, outputs or {"logits": (FLOAT, [None, 4])}, held)
