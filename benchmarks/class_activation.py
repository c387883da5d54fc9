"""Grad-CAM beside the grad-cam package and captum: whole calls, on networks with real weights.

    python benchmarks/class_activation.py [--quick]

Ours is `pellucid.explain`: reading and checking the images, the prediction, the site, provenance
and fingerprints included. The package gets its layer and explains the class predicted as well.
"""

from __future__ import annotations

import argparse
import sys
import time
from typing import Any

import numpy as np
import torch
from record import Measured, record
from torch_peers import in_turn, peer, real_networks

import pellucid as pel

torch.set_num_threads(1)

BATCHES = 1, 4, 16
TARGET = 2.0

SMALL = (
    "Our whole call is hardly more than the network's own pass over so small images; of what is "
    "left a fifth is the fingerprint of the model, for which all weights are read, each time, and "
    "a fifth the hooks that look for the site."
)


def cases(real: Any) -> list[tuple[str, torch.nn.Module, str, np.ndarray, int]]:
    """Name, network, site, images and turns."""
    crops = real.normalised(real.crops(32)[0], *real.COLOURS).astype(np.float32)
    return [
        ("MobileNetV2, 224²", real.mobilenet(), "features", real.photos(224).images.values, 6),
        ("ResNet-20, 32²", real.resnet20(), "layer3", crops, 30),
    ]


def compared(
    package: Any, name: str, net: torch.nn.Module, site: str, X: np.ndarray, turns: int
) -> list[Measured]:
    from captum.attr import LayerAttribution, LayerGradCam

    layer, lines = net.get_submodule(site), []
    for rows in BATCHES:
        some = np.ascontiguousarray(X[:rows])
        x, size = torch.from_numpy(some), some.shape[2:]

        def ours(some: np.ndarray = some) -> np.ndarray:
            return pel.explain(net, some, method="grad_cam").values

        def by_package(x: torch.Tensor = x) -> np.ndarray:
            with package.GradCAM(model=net, target_layers=[layer]) as cam:
                return cam(input_tensor=x, targets=None)

        def by_captum(x: torch.Tensor = x, size: Any = size) -> np.ndarray:
            with torch.no_grad():
                picks = net(x).argmax(dim=1)
            found = LayerGradCam(net, layer).attribute(x, target=picks, relu_attributions=True)
            return LayerAttribution.interpolate(found, size, "bilinear").detach().numpy()[:, 0]

        mine, theirs, others = in_turn([ours, by_package, by_captum], turns, time.process_time)
        stretched = ours()
        stretched = stretched - stretched.min(axis=(1, 2), keepdims=True)
        stretched /= stretched.max(axis=(1, 2), keepdims=True) + 1e-7
        off, near = np.abs(stretched - by_package()).max(), np.abs(ours() - by_captum()).max()
        said = f"Greatest difference to its map from 0 to 1: {off:.1g}; its grid is OpenCV's."
        task = f"{name}, {rows} image{'s' * (rows > 1)}"
        lines += [
            Measured(
                task=task, ours=f"{1e3 * mine:.1f} ms", peer=f"{1e3 * theirs:.1f} ms",
                against="grad-cam 1.5.7", ratio=theirs / mine, target=TARGET,
                note=said + (f" {SMALL}" if theirs < TARGET * mine else ""),
            ),
            Measured(
                task=task, ours=f"{1e3 * mine:.1f} ms", peer=f"{1e3 * others:.1f} ms",
                against="captum 0.9 and a prediction", ratio=others / mine,
                note=f"Greatest difference: {near:.1g}.",
            ),
        ]  # fmt: skip
    return lines


def main() -> int:
    ask = argparse.ArgumentParser()
    ask.add_argument("--quick", action="store_true")
    said = ask.parse_args()
    real, package = real_networks(), peer("pytorch_grad_cam")
    if real is None or package is None:
        return 0
    lines = []
    for name, net, site, X, turns in cases(real):
        lines += compared(package, name, net, site, X, 2 if said.quick else turns)
    record(
        "class_activation",
        "Grad-CAM",
        "Whole calls, the class predicted of each image, one thread; least processor time of "
        "several turns, peers in turn with ours. The package's import of torchvision is answered "
        "by an empty module.",
        lines,
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
