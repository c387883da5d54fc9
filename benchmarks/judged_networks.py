"""Real networks explained by many methods, and every method judged: writes docs/judged.md.

    python benchmarks/judged_networks.py [--fresh]

Networks and photos are read from the folder ``PELLUCID_DATA``, or ``../shared/data``. The scores of
each network are kept in `results/` as soon as they are there, and are not measured again without
``--fresh``.
"""

from __future__ import annotations

import argparse
import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
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
from pellucid.metrics.randomisation.parameter_randomisation import (  # noqa: E402
    ParameterRandomisation,
)
from twins import real_networks as real  # noqa: E402

METHODS: tuple[str | Explainer, ...] = (
    "saliency",
    "input_x_gradient",
    "integrated_gradients",
    "guided_backprop",
    "deep_lift",
    "lrp",
    "grad_cam",
    "hi_res_cam",
    "layer_cam",
    "occlusion",
)
"""What is compared on every network."""

DEAR: tuple[str | Explainer, ...] = ("smooth_grad", KernelSHAP(budget=200))
"""What is compared on the small networks too: on photos they would take most of the time."""

RANDOMISED, PATIENCE = "parameter_randomisation", 20_000
"""The check that a comparison leaves out where it is dear, and the evaluations it gets here."""

CROPS = 40
"""Most objects cut out of photos."""

SHOWN = {
    5: "airplane", 6: "bird", 12: "boat", 13: "airplane", 19: "bus", 23: "toilet", 26: "dog",
    28: "elephant", 31: "bird", 32: "banana", 37: "clock",
}  # fmt: skip
"""Photos in which MobileNetV2's first class, at 0.4 and more, names an object that has a mask."""

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
be told from random order, or does not need the weights or the class. The reverse order is that of
the method named first as best."""


def table(found: Scores, methods: Sequence[str], late: Mapping[str, Any]) -> list[str]:
    """The table of one comparison in Markdown."""
    cells = {(s.group, s.metric, s.removal): s for s in found}
    cells |= {(name, RANDOMISED, ""): score for name, score in late.items()}
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


def compared(
    name: str, title: str, fresh: bool, ask: Callable[[], tuple[Any, Any, dict[str, Any]]]
) -> list[str]:
    """A section: what was explained, the table, and the sentence."""
    kept = HERE / "results" / f"judged_{name}.pel"
    if fresh or not kept.exists():
        net, X, settings = ask()
        pel.compare(net, X, seed=0, **settings).save(kept)
    found = Scores.load(kept)
    methods = [s.group for s in found if s.metric == "seconds"]
    said = f"{found['verdict'].n} images. {found['verdict'].text}"
    print(f"{title}: {said}", flush=True)
    return [f"## {title}", "", said, "", *table(found, methods, late(name, found, fresh, ask)), ""]


def late(name: str, found: Scores, fresh: bool, ask: Callable) -> dict[str, Any]:
    """Random weights for the methods that are too dear for a comparison, by method."""
    late = {}
    for each in found:
        if each.metric != RANDOMISED or np.isfinite(each.value):
            continue
        kept = HERE / "results" / f"judged_{name}_{each.group}.pel"
        if fresh or not kept.exists():
            net, X, settings = ask()
            recipes = {str(getattr(one, "name", lambda one=one: one)()): one
                       for one in settings["methods"]}  # fmt: skip
            told = pel.explain(net, X, method=recipes[each.group], seed=0)
            metric = ParameterRandomisation(budget=PATIENCE)
            pel.evaluate(told, net, X, metrics=[metric], seed=0).save(kept)
        late[each.group] = Scores.load(kept)[RANDOMISED]
        print(f"    {each.group}: {late[each.group].value:.2f}", flush=True)
    return late


def photographed() -> tuple[Any, Any, dict[str, Any]]:
    """MobileNetV2, the photos of `SHOWN`, and where the object of each is."""
    photos = real.photos(224)
    masks = {i: photos.of(i, name) for i, name in SHOWN.items()}
    index = [i for i, mask in masks.items() if mask.any()]
    gold = np.stack([masks[i] for i in index])
    return real.mobilenet(), photos.take(index).images, {"methods": METHODS, "gold": gold}


def cropped(net: Any) -> tuple[Any, Any, dict[str, Any]]:
    """A network of CIFAR-10, and the crops of objects that it is surest of."""
    pixels, _ = real.crops(32, smallest=0.02)
    mean, std = (np.array(part, dtype=np.float32)[:, None, None] for part in real.COLOURS)
    X = (pixels - mean) / std
    with torch.no_grad():
        sure = torch.softmax(net(torch.from_numpy(X)), dim=1).max(dim=1).values.numpy()
    return net, X[np.argsort(-sure, kind="stable")[:CROPS]], {"methods": [*METHODS, *DEAR]}


CIFAR = "(CIFAR-10) on objects cut out of the photos"
SECTIONS: tuple[tuple[str, str, Callable[[], tuple[Any, Any, dict[str, Any]]]], ...] = (
    ("resnet20", f"ResNet-20 {CIFAR}", lambda: cropped(real.resnet20())),
    ("lenet", f"LeNet {CIFAR}", lambda: cropped(real.lenet())),
    ("mobilenet", "MobileNetV2 (ImageNet) on photos of COCO", photographed),
)
"""What is compared: a short name, a title, and where the network and its images come from."""


def main() -> None:
    warnings.filterwarnings("ignore")
    given = argparse.ArgumentParser()
    given.add_argument("--fresh", action="store_true")
    fresh = given.parse_args().fresh
    if not real.folder().exists():
        sys.exit(f"There are no data in {real.folder()}: set PELLUCID_DATA")
    lines = ["# Explanations of real networks, judged", "", NOTE.replace("\n", " "), ""]
    for name, title, ask in SECTIONS:
        lines += compared(name, title, fresh, ask)
    lines += [f"Made by `python benchmarks/judged_networks.py`, {date.today():%Y-%m-%d}.", ""]
    (HERE.parent / "docs" / "judged.md").write_text("\n".join(lines))


if __name__ == "__main__":
    main()
