"""The numbers of faithfulness side by side with Quantus: time and model evaluations.

    python benchmarks/faithfulness.py [--quick]

Networks trained on CIFAR-10 and photos come from the folder ``PELLUCID_DATA``, or `../shared/data`.
Quantus brings other versions of libraries, so it runs in an environment of its own,
`.venv-peers/quantus`, on the same network (as TorchScript), images and values.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

torch.set_num_threads(1)

HERE = Path(__file__).parent
PEERS = HERE.parent / ".venv-peers" / "quantus" / "bin" / "python"
IMAGES, SIDE, REGION = 32, 32, 4
"""Images of so many pixels, in regions of 4 × 4: 64 of them."""

REGIONS = (SIDE // REGION) ** 2

SETTINGS: dict[str, dict[str, dict[str, Any]]] = {
    "regions": {
        "PixelFlipping": {"features_in_step": 64},
        "RegionPerturbation": {"patch_size": 4, "regions_evaluation": 64},
        "Selectivity": {"patch_size": 4},
        "Monotonicity": {"features_in_step": 64},
        "SensitivityN": {"features_in_step": 64},
        "FaithfulnessEstimate": {"features_in_step": 64},
        "MonotonicityCorrelation": {"features_in_step": 64, "nr_samples": 1},
        "FaithfulnessCorrelation": {"nr_runs": 10, "subset_size": 614},
        "Infidelity": {"perturb_patch_sizes": [4], "n_perturb_samples": 1},
    },
    "steps": {
        "PixelFlipping": {"features_in_step": 256},
        "RegionPerturbation": {"patch_size": 8, "regions_evaluation": 16},
        "Selectivity": {"patch_size": 8},
        "Monotonicity": {"features_in_step": 256},
        "SensitivityN": {"features_in_step": 256},
        "FaithfulnessEstimate": {"features_in_step": 256},
        "MonotonicityCorrelation": {"features_in_step": 256, "nr_samples": 1},
        "FaithfulnessCorrelation": {"nr_runs": 10, "subset_size": 614},
        "Infidelity": {"perturb_patch_sizes": [8], "n_perturb_samples": 1},
    },
    "as it comes": {
        "PixelFlipping": {},
        "RegionPerturbation": {},
        "Selectivity": {},
        "Monotonicity": {},
        "SensitivityN": {},
        "FaithfulnessEstimate": {},
        "FaithfulnessCorrelation": {},
    },
}
"""What Quantus is asked for. Its steps are of single channels of pixels and must divide 32 × 32: 64
of them make 48 steps, 256 make 12."""

ORDERS = ("own", "reverse", "random")


class Counted(torch.nn.Module):
    """A network that counts the images it has seen."""

    def __init__(self, net: torch.nn.Module) -> None:
        super().__init__()
        self.net, self.seen = net, 0

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.seen += len(x)
        return self.net(x)


def prepare(name: str, folder: Path) -> None:
    """A network, images and values, kept for both sides."""
    import pellucid as pel

    sys.path.insert(0, str(HERE.parent / "tests"))
    from twins.real_networks import crops, lenet, normalised, resnet20

    net = {"ResNet-20": resnet20, "LeNet": lenet}[name]().eval()
    pixels, _ = crops(SIDE)
    X = normalised(pixels[:IMAGES])
    traced = torch.jit.trace(net, torch.from_numpy(X[:2]))
    torch.jit.save(traced, folder / "net.pt")
    att = pel.explain(net, X, method="integrated_gradients", seed=0)
    chosen = net(torch.from_numpy(X)).argmax(dim=1).numpy()
    np.savez(folder / "given.npz", X=X, values=att.values, chosen=chosen)


def kept(folder: Path, images: int) -> tuple[Counted, np.ndarray, np.ndarray, np.ndarray]:
    """The network, and the first images with their values and classes."""
    net = Counted(torch.jit.load(folder / "net.pt")).eval()
    given = np.load(folder / "given.npz")
    return net, *(given[key][:images] for key in ("X", "values", "chosen"))


def ours(folder: Path, images: int) -> dict[str, Any]:
    """The whole suite of one way of removal, with its random and reverse orders and intervals."""
    import pellucid as pel
    from pellucid.core.provenance import Provenance
    from pellucid.metrics.faithfulness.random_subsets import RandomSubsets
    from pellucid.metrics.faithfulness.removal_curve import NUMBERS, RemovalCurve
    from pellucid.metrics.faithfulness.single_removal import SingleRemoval
    from pellucid.perturb.segments import Segments

    net, X, values, chosen = kept(folder, images)
    dims = ("sample", "channel", "row", "column")
    att = pel.Attribution(
        values=values,
        dims=dims,
        coords={dim: range(size) for dim, size in zip(dims, values.shape, strict=True)},
        provenance=Provenance(method="kept", scale="probability"),
    )
    suite = [
        RemovalCurve(numbers=tuple(NUMBERS), removals=("mean",)),
        SingleRemoval(numbers=SingleRemoval.tells),
        RandomSubsets(numbers=RandomSubsets.tells),
    ]
    cells = Segments(kind="grid", number=REGIONS)

    def judged() -> Any:
        return pel.evaluate(
            att, net, X, target=chosen.tolist(), metrics=suite, segments=cells, seed=0
        )

    scores, seconds, seen = timed(judged, net)
    return {"seconds": seconds, "seen": seen / images, "numbers": len(scores.metrics)}


def peer(folder: Path, images: int, settings: str) -> dict[str, Any]:
    """Each metric of Quantus for the explanation, its reverse and a random one."""
    import quantus

    warnings.filterwarnings("ignore")
    net, X, values, chosen = kept(folder, images)
    flat = values.sum(axis=1, keepdims=True)
    drawn = np.random.default_rng(0).normal(size=flat.shape)
    found: dict[str, Any] = {"version": quantus.__version__, "seconds": {}, "seen": 0.0}
    for order, a in zip(ORDERS, (flat, -flat, drawn), strict=True):
        spent = 0.0
        for name, chosen_settings in SETTINGS[settings].items():
            metric = getattr(quantus, name)(disable_warnings=True, **chosen_settings)

            def asked(metric: Any = metric, a: np.ndarray = a) -> Any:
                return metric(
                    model=net, x_batch=X, y_batch=chosen, a_batch=a.copy(), softmax=True,
                    device="cpu", channel_first=True,
                )  # fmt: skip

            _, seconds, seen = timed(asked, net)
            spent += seconds
            if order == ORDERS[0]:
                found["seen"] += seen / images
                print(f"{name}: {seconds:.2f} s, {seen / images:.0f} evaluations", file=sys.stderr)
        found["seconds"][order] = spent
        if settings == "as it comes":
            break
    return found


def timed(run: Callable[[], Any], net: Counted) -> tuple[Any, float, int]:
    """What it returns, the least processor seconds of two runs, and images seen in one."""
    took = []
    for _ in range(2):
        before, started = net.seen, time.process_time()
        found = run()
        took.append(time.process_time() - started)
    return found, min(took), net.seen - before


def apart(python: str, folder: Path, job: str, *given: Any) -> dict[str, Any]:
    """What a job answers in a process, and an environment, of its own."""
    call = [python, __file__, "--job", json.dumps([str(folder), job, *given])]
    done = subprocess.run(call, check=True, stdout=subprocess.PIPE, text=True)
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


def compared(name: str, folder: Path, quick: bool) -> Iterator[Any]:
    """The lines of one network."""
    from record import Measured

    prepare(name, folder)
    images = 8 if quick else IMAGES
    mine = apart(sys.executable, folder, "ours", images)
    tasks = {
        "regions": (f"{REGIONS} regions", images, 10.0),
        "steps": ("curves of 12 to 16 steps", images, None),
        "as it comes": ("Quantus as it comes", 2, None),
    }
    for settings, (title, count, target) in tasks.items():
        theirs = apart(str(PEERS), folder, "peer", count, settings)
        own = theirs["seconds"]["own"] / count
        each = mine["seconds"] / images
        print(name, title, json.dumps(mine), json.dumps(theirs), flush=True)
        shown = {"ours": f"{1e3 * each:.1f} ms, {mine['seen']:.0f} evaluations"}
        against = f"quantus {theirs['version']}"
        yield Measured(
            task=f"{name}, {title}: an image, the explanation alone", **shown, against=against,
            peer=f"{1e3 * own:.1f} ms, {theirs['seen']:.0f} evaluations", ratio=own / each,
            note=NOTES[settings],
        )  # fmt: skip
        if len(theirs["seconds"]) == len(ORDERS):
            rows = sum(theirs["seconds"].values()) / count
            yield Measured(
                task=f"{name}, {title}: an image, beside random and reverse order", **shown,
                peer=f"{1e3 * rows:.1f} ms, {len(ORDERS) * theirs['seen']:.0f} evaluations",
                against=against, ratio=rows / each, target=target,
            )  # fmt: skip


NOTES = {
    "regions": "Quantus without the random and the reverse order, which ours have in this time "
    "too; its curves have 48 steps (pixel flipping and the like) or 64 (regions), ours 13 shares "
    "of the same regions, once for all numbers.",
    "steps": "The same with coarser regions for Quantus alone: 12 steps, or 16 regions of 8 × 8 "
    "pixels, about as many as ours reads a curve of 64 regions at.",
    "as it comes": "Two images, seven metrics with their defaults; monotonicity correlation and "
    "infidelity are left out: a hundred evaluations and more for each unit.",
}
JOBS: dict[str, Callable[..., dict[str, Any]]] = {"ours": ours, "peer": peer}


def main() -> int:
    ask = argparse.ArgumentParser()
    ask.add_argument("--quick", action="store_true")
    ask.add_argument("--job", help="what this process alone is to measure")
    said = ask.parse_args()
    if said.job:
        folder, job, *given = json.loads(said.job)
        print(json.dumps(JOBS[job](Path(folder), *given)))
        return 0
    from record import record

    if not PEERS.exists():
        print(f"quantus is not installed in {PEERS.parent.parent}")
        return 1
    lines: list[Any] = []
    for name in ("LeNet",) if said.quick else ("ResNet-20", "LeNet"):
        with tempfile.TemporaryDirectory() as made:
            lines += compared(name, Path(made), said.quick)
    record(
        "faithfulness",
        "Faithfulness",
        f"Networks trained on CIFAR-10, {IMAGES} crops of photos of {SIDE}² pixels, integrated "
        f"gradients. Ours: all {SUITE_NUMBERS} numbers of the curve, of single regions and of "
        "random subsets, in one way of removal, with random and reverse order and intervals. "
        "Quantus: nine metrics. Processor seconds of one thread, the least of two runs.",
        lines,
    )
    return 0


SUITE_NUMBERS = 19
"""Twelve of the curve, three of single regions, four of subsets."""

if __name__ == "__main__":
    sys.exit(main())
