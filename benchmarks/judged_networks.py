"""Real networks explained by many methods, and every method judged: writes docs/judged.md.

    python benchmarks/judged_networks.py [--quick]

Networks and photos are read from the folder ``PELLUCID_DATA``, or ``../shared/data``.
"""

from __future__ import annotations

import argparse
import sys
import time
import warnings
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import torch

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "tests"))

import pellucid as pel  # noqa: E402
from pellucid.core.scores import Scores  # noqa: E402
from pellucid.explainers.explainer import Explainer  # noqa: E402
from pellucid.explainers.shapley.kernel_shap import KernelSHAP  # noqa: E402
from twins import real_networks as real  # noqa: E402

METHODS: tuple[str | Explainer, ...] = (
    "saliency",
    "input_x_gradient",
    "smooth_grad",
    "integrated_gradients",
    "guided_backprop",
    "deep_lift",
    "lrp",
    "grad_cam",
    "hi_res_cam",
    "layer_cam",
    "occlusion",
    KernelSHAP(budget=200),
)
"""What is compared on every network."""

SHOWN = {
    5: "airplane", 6: "bird", 12: "boat", 13: "airplane", 19: "bus", 20: "tv", 22: "car",
    23: "toilet", 24: "cat", 26: "dog", 28: "elephant", 31: "bird", 32: "banana", 35: "laptop",
    37: "clock", 38: "tv",
}  # fmt: skip
"""Photos in which MobileNetV2's first class, at 0.2 and more, names an object that has a mask."""

COLUMNS: tuple[tuple[str, str, str], ...] = (
    ("lost, mean", "normalised_comprehensiveness", "mean"),
    ("lost, blur", "normalised_comprehensiveness", "blur"),
    ("kept, mean", "normalised_sufficiency", "mean"),
    ("kept, blur", "normalised_sufficiency", "blur"),
    ("AOPC, mean", "comprehensiveness", "mean"),
    ("AOPC, blur", "comprehensiveness", "blur"),
    ("random weights", "parameter_randomisation", ""),
    ("other class", "random_logit", ""),
    ("noise", "stability", ""),
    ("pointing", "pointing_game", ""),
    ("mass", "relevance_mass", ""),
    ("rank", "relevance_rank", ""),
    ("ms", "seconds", ""),
)
"""Head, metric and way of removal of each column."""

NOTE = """Lost and kept are normalised comprehensiveness and sufficiency (ERASER's five bins, 196
cells, the logit of the class predicted): the share of what the image adds to an image without it
that goes with the top cells, or stays with them alone. AOPC is comprehensiveness itself, in
log-odds. Random weights and other class are rank correlations with the map of a network whose
weights are random, and with the map of another class: near zero is right. Noise is how much a map
changes when every pixel moves by 1 % of its spread. Pointing, mass and rank say how much of a map
is on the object that people marked: plausible is not faithful. **Bold** fails its check: it cannot
be told from random order, or does not need the weights or the class."""


def table(found: Scores, methods: Sequence[str]) -> list[str]:
    """The table of one comparison in Markdown."""
    cells = {(s.group, s.metric, s.removal): s for s in found}
    there = [c for c in COLUMNS if any((g, c[1], c[2]) in cells for g in methods)]
    lines = [
        "| method | " + " | ".join(head for head, _, _ in there) + " |",
        "|---" * (len(there) + 1) + "|",
    ]
    for name in [*methods, "random order", "reverse order", "gold order"]:
        row = [cells.get((name, metric, removal)) for _, metric, removal in there]
        if any(row):
            told = [_cell(one, head) for one, (head, _, _) in zip(row, there, strict=True)]
            lines.append(f"| {name} | " + " | ".join(told) + " |")
    return lines


def _cell(score: Any, head: str) -> str:
    if score is None or not np.isfinite(score.value):
        return ""
    value = 1000 * score.value if head == "ms" else score.value
    text = f"{value:.0f}" if head == "ms" else f"{value:.2f}"
    return f"**{text}**" if score.passed is False else text


def compared(title: str, net: Any, X: Any, **settings: Any) -> list[str]:
    """A section: what was explained, the table, and the sentence."""
    started = time.perf_counter()
    found = pel.compare(net, X, methods=METHODS, seed=0, progress=True, **settings)
    took = time.perf_counter() - started
    methods = [s.group for s in found if s.metric == "seconds"]
    count = found["verdict"].n
    print(f"{title}: {took:.0f} s\n{found['verdict'].text}", flush=True)
    said = f"{count} images. {found['verdict'].text}"
    return [f"## {title}", "", said, "", *table(found, methods), ""]


def photographed(most: int | None) -> tuple[Any, np.ndarray, list[int]]:
    """The photos of `SHOWN`, where their object is, and the class that the network gives each."""
    photos = real.photos(224)
    index = list(SHOWN)[:most]
    masks = np.stack([photos.of(i, SHOWN[i]) for i in index])
    some = photos.take(index)
    seen = [i for i, mask in enumerate(masks) if mask.any()]
    return some.images.take(seen), masks[seen], seen


def cropped(net: Any, most: int | None) -> np.ndarray:
    """Crops of single objects that a network of CIFAR-10 names by one of its classes surely."""
    pixels, _ = real.crops(32, smallest=0.02)
    mean, std = (np.array(part, dtype=np.float32)[:, None, None] for part in real.COLOURS)
    X = (pixels - mean) / std
    with torch.no_grad():
        sure = torch.softmax(net(torch.from_numpy(X)), dim=1).max(dim=1).values.numpy()
    return X[np.argsort(-sure, kind="stable")[: most or 40]]


def main() -> None:
    warnings.filterwarnings("ignore")
    ask = argparse.ArgumentParser()
    ask.add_argument("--quick", action="store_true")
    quick = ask.parse_args().quick
    most = 4 if quick else None
    if not real.folder().exists():
        sys.exit(f"There are no data in {real.folder()}: set PELLUCID_DATA")
    images, masks, _ = photographed(most)
    lines = ["# Explanations of real networks, judged", "", NOTE.replace("\n", " "), ""]
    lines += compared(
        "MobileNetV2 (ImageNet) on photos of COCO", real.mobilenet(), images, gold=masks
    )
    for title, net in (("ResNet-20", real.resnet20()), ("LeNet", real.lenet())):
        lines += compared(
            f"{title} (CIFAR-10) on objects cut out of the photos", net, cropped(net, most)
        )
    lines += [f"Made by `python benchmarks/judged_networks.py`, {date.today():%Y-%m-%d}.", ""]
    if not quick:
        (HERE.parent / "docs" / "judged.md").write_text("\n".join(lines))
    print("\n".join(lines))


if __name__ == "__main__":
    main()
