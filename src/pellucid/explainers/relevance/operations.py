"""Operations by how relevance goes through them."""

from __future__ import annotations

POSITIONAL = frozenset([
    "H", "T", "__getitem__", "alias", "alpha_dropout", "atleast_1d", "atleast_2d", "atleast_3d",
    "bfloat16", "broadcast_to", "cat", "channel_shuffle", "chunk", "clone", "concat",
    "concatenate", "contiguous", "cpu", "cuda", "diagonal", "double", "dropout", "dsplit",
    "expand", "expand_as", "feature_alpha_dropout", "feature_dropout", "flatten", "flip",
    "fliplr", "flipud", "float", "gather", "half", "hsplit", "hstack", "im2col", "index_select",
    "mH", "mT", "masked_fill", "masked_select", "moveaxis", "movedim", "narrow", "pad", "permute",
    "pixel_shuffle", "pixel_unshuffle", "ravel", "repeat", "repeat_interleave",
    "requires_grad", "reshape", "reshape_as", "retain_grad", "roll", "rot90", "select", "split",
    "split_with_sizes", "squeeze", "stack", "swapaxes", "swapdims", "t", "take",
    "take_along_dim", "tensor_split", "tile", "to", "transpose", "tril", "triu", "type",
    "type_as", "unbind", "unflatten", "unfold", "unsafe_chunk", "unsafe_split", "unsqueeze",
    "view", "view_as", "vsplit", "vstack", "where",
])  # fmt: skip
"""Numbers only change their places: relevance goes with them."""

JOINS = frozenset(["cat", "concat", "concatenate", "hstack", "stack", "vstack", "where"])
"""Of those, what may put constants beside what changes: they keep their relevance."""

DROPOUTS = frozenset(["alpha_dropout", "dropout", "feature_alpha_dropout", "feature_dropout"])
"""Of those, what does nothing unless a network is in training."""

KEEPING = DROPOUTS | {"alias", "clone", "contiguous"}
"""Of those, what does nothing at all."""

SUMS = frozenset([
    "_upsample_bicubic2d_aa", "_upsample_bilinear2d_aa", "_upsample_nearest_exact1d",
    "_upsample_nearest_exact2d", "_upsample_nearest_exact3d", "adaptive_avg_pool1d",
    "adaptive_avg_pool2d", "adaptive_avg_pool3d", "avg_pool1d", "avg_pool2d", "avg_pool3d",
    "col2im", "cumsum", "mean", "sum", "upsample_bicubic2d", "upsample_bilinear2d",
    "upsample_linear1d", "upsample_nearest1d", "upsample_nearest2d", "upsample_nearest3d",
    "upsample_trilinear3d",
])  # fmt: skip
"""Sums with fixed weights: each term gets relevance by its part of the sum."""

ROUTED = frozenset([
    "_prelu_kernel", "abs", "adaptive_max_pool1d", "adaptive_max_pool2d", "adaptive_max_pool3d",
    "amax", "amin", "leaky_relu", "max", "max_pool1d", "max_pool2d", "max_pool3d", "maximum",
    "median", "min", "minimum", "prelu", "relu", "rrelu", "sort", "topk",
])  # fmt: skip
"""What picks inputs, or multiplies each by a slope: who is picked gets all."""

POINTWISE = frozenset([
    "asinh", "atan", "celu", "clamp", "clamp_max", "clamp_min", "cos", "elu", "erf", "exp",
    "expm1", "gelu", "hardshrink", "hardsigmoid", "hardswish", "hardtanh", "log", "log10",
    "log1p", "log2", "log_sigmoid", "mish", "pow", "relu6", "selu", "sigmoid", "silu",
    "sin", "sinh", "softplus", "softshrink", "sqrt", "square", "tanh", "threshold",
])  # fmt: skip
"""Functions of one number: it gets the relevance of its function value (identity rule)."""

HELD = frozenset(["reciprocal", "rsqrt"])
"""What others are divided by is held for constant, as in normalisations."""

NORMS = frozenset(["group_norm", "instance_norm", "layer_norm", "rms_norm"])
"""Normalisations: the deviation they divide by is held for constant."""

CONVOLUTIONS = frozenset([
    "conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d",
])  # fmt: skip

ASKING = frozenset(["dim", "is_floating_point", "ndimension", "numel", "size"])
"""What only asks for a tensor's size or kind."""

LAYOUT = frozenset([
    "as_strided", "as_strided_", "as_strided_copy", "as_strided_scatter", "data_ptr", "dim_order",
    "is_contiguous", "resize_", "set_", "storage", "storage_offset", "stride", "untyped_storage",
])  # fmt: skip
"""What tells, or changes, where numbers lie in memory."""

VIEWS = frozenset(["view", "view_as"])
"""What is refused where numbers do not lie in the order of their places."""

WRITES = frozenset(["__setitem__", "copy"])
"""What writes one tensor into another."""

PRODUCTS = frozenset(["bmm", "dot", "einsum", "inner", "matmul", "mm", "mv", "outer"])
"""Matrix products: a layer where one side is constant, else half of the relevance to each side."""
