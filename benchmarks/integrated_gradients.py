"""Integrated gradients side by side with captum: time at equal error, and memory.

    python benchmarks/integrated_gradients.py [--quick]

Small networks are trained for it on scikit-learn's digits, drawn large in bright colours; images
of 64 pixels hold the same digit four times, those of 224 pixels 49 times.
Every figure comes from a process of its own, on one thread.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from captum.attr import IntegratedGradients as Peer
from record import Measured, record
from sklearn.datasets import load_digits
from torch import nn

import pellucid as pel
from pellucid.explainers.gradient.integrated_gradients import IntegratedGradients

torch.set_num_threads(1)

BATCH, REFERENCE, SIDE = 4, 512, 64
STEPS = 100
"""Batches of 32 that a network is trained on."""

TOLERANCES = (0.05, 0.03, 0.02, 0.015, 0.0125, 0.01, 0.007, 0.005, 0.002, 0.001)
"""Tried in turn, until the values are as near to the reference as captum's."""

DEFAULT = IntegratedGradients().tolerance

ROUNDING = 1e-6
"""Errors below this are equal: numbers of 32 bits, and the reference too, know no better."""


class Residual(nn.Module):
    """Two convolutions with batch norms and a shortcut."""

    def __init__(self, narrow: int, wide: int, stride: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(narrow, wide, 3, stride, 1, bias=False), nn.BatchNorm2d(wide), nn.ReLU(),
            nn.Conv2d(wide, wide, 3, 1, 1, bias=False), nn.BatchNorm2d(wide),
        )  # fmt: skip
        same = narrow == wide and stride == 1
        self.short = nn.Identity() if same else nn.Conv2d(narrow, wide, 1, stride, bias=False)
        self.act = nn.ReLU()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.act(self.body(x) + self.short(x))


def plain(act: type[nn.Module]) -> nn.Module:
    """Four convolutions, the mean of all places, and a linear head."""
    parts: list[nn.Module] = []
    for narrow, wide in ((3, 32), (32, 64), (64, 128), (128, 128)):
        parts += [nn.Conv2d(narrow, wide, 3, 2 if wide > narrow else 1, 1), act()]
    return nn.Sequential(*parts, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(128, 10))


def residual() -> nn.Module:
    """Images divided by four, then three times two blocks of 32, 64 and 128 channels."""
    parts: list[nn.Module] = [nn.Conv2d(3, 32, 7, 4, 3, bias=False), nn.BatchNorm2d(32), nn.ReLU()]
    for narrow, wide, stride in ((32, 32, 1), (32, 64, 2), (64, 128, 2)):
        parts += [Residual(narrow, wide, stride), Residual(wide, wide, 1)]
    return nn.Sequential(*parts, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(128, 10))


NETS: dict[str, Callable[[], nn.Module]] = {
    "CNN, ReLU": lambda: plain(nn.ReLU),
    "CNN, GELU": lambda: plain(nn.GELU),
    "small ResNet": residual,
}


PLAIN = ("CNN, ReLU", "CNN, GELU")
"""Networks that the targets are for."""


def digits(seed: int, count: int, times: int = 1) -> tuple[torch.Tensor, torch.Tensor]:
    """Digits of 32 pixels, bright on dark, so many times across and down."""
    rng = np.random.default_rng(seed)
    data = load_digits()
    some = rng.integers(len(data.target), size=count)
    ink = torch.tensor(data.images[some] / 16, dtype=torch.float32)[:, None]
    ink = nn.functional.interpolate(ink, size=32, mode="bilinear").tile(1, 1, times, times)
    front = torch.tensor(rng.uniform(0.5, 1, (count, 3, 1, 1)), dtype=torch.float32)
    noise = 0.05 * torch.tensor(rng.normal(size=(count, 3, *ink.shape[2:])), dtype=torch.float32)
    return (ink * front + noise - 0.25) / 0.35, torch.tensor(data.target[some])


def train(net: nn.Module, steps: int) -> float:
    """Fit a network; its accuracy on digits drawn anew."""
    for part in net.modules():
        if isinstance(part, nn.Conv2d):
            nn.init.kaiming_normal_(part.weight)
    rate = torch.optim.Adam(net.parameters(), lr=2e-3)
    net.train()
    for step in range(steps):
        x, y = digits(step, 32)
        rate.zero_grad()
        nn.functional.cross_entropy(net(x), y).backward()
        rate.step()
    net.eval()
    x, y = digits(steps, 200)
    with torch.no_grad():
        return float((net(x).argmax(dim=1) == y).float().mean())


def prepare(name: str, folder: Path) -> None:
    """Train a network and keep its weights."""
    torch.manual_seed(0)
    net = NETS[name]()
    print(f"{name}: accuracy {train(net, STEPS):.2f}", flush=True)
    torch.save(net.state_dict(), folder / f"{name}.pt")


def memory(field: str) -> float:
    """MB that this process holds (``VmRSS``) or held at most (``VmHWM``)."""
    status = Path("/proc/self/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith(field))
    return int(line.split()[1]) / 1024


def set_up(name: str, side: int, folder: Path) -> tuple[nn.Module, torch.Tensor, torch.Tensor]:
    """A kept network, inputs and the classes explained; has run once."""
    net = NETS[name]()
    net.load_state_dict(torch.load(folder / f"{name}.pt", weights_only=True))
    net.eval()
    x, _ = digits(10_000, BATCH, side // 32)
    with torch.no_grad():
        chosen = torch.cat([net(each[None]).argmax(dim=1) for each in x])
    return net, x, chosen


def peer(name: str, side: int, folder: Path) -> dict[str, object]:
    """Captum with 50 steps, all at once; then in chunks of 8 rows; then the reference."""
    net, x, chosen = set_up(name, side, folder)
    method, held = Peer(net), memory("VmRSS")
    found, seconds = timed(lambda: method.attribute(x, target=chosen, n_steps=50))
    most = memory("VmHWM") - held
    _, chunked = timed(
        lambda: method.attribute(x, target=chosen, n_steps=50, internal_batch_size=8), once=True
    )
    truth = method.attribute(x, target=chosen, n_steps=REFERENCE, internal_batch_size=8)
    np.save(folder / "truth.npy", truth.detach().numpy())
    off = error(found.detach().numpy(), truth.detach().numpy())
    return {"seconds": seconds, "memory": most, "error": off, "chunked": chunked}


def ours(name: str, side: int, folder: Path, wanted: float) -> dict[str, object]:
    """Pellucid with one tolerance after another, until its error is no larger than `wanted`."""
    net, x, chosen = set_up(name, side, folder)
    truth = np.load(folder / "truth.npy")
    pel.explain(net, x[:1, :, :32, :32], method="saliency")
    held, tried = memory("VmRSS"), []
    for tolerance in TOLERANCES:
        method = IntegratedGradients(tolerance=tolerance, budget=513)
        found, seconds = timed(
            lambda m=method: pel.explain(net, x, method=m, target=chosen.tolist())
        )
        off, took = error(found.values, truth), found.evaluations / len(x)
        tried.append({"tolerance": tolerance, "seconds": seconds, "error": off, "gradients": took})
        if off <= max(wanted, ROUNDING):
            break
    return {"tried": tried, "memory": memory("VmHWM") - held}


def timed(run: Callable, once: bool = False) -> tuple[object, float]:
    """What it returns, and the least processor seconds of runs for half a second, two at least."""
    took: list[float] = []
    while not took or (not once and (len(took) < 2 or sum(took) < 0.5)):
        started = time.process_time()
        found = run()
        took.append(time.process_time() - started)
    return found, min(took)


def error(values: np.ndarray, truth: np.ndarray) -> float:
    """Mean over images of the length of the difference, relative to the reference's."""
    off = np.linalg.norm((values - truth).reshape(len(truth), -1), axis=1)
    return float((off / np.linalg.norm(truth.reshape(len(truth), -1), axis=1)).mean())


JOBS = {"peer": peer, "ours": ours}


def apart(folder: Path, job: str, *given: object) -> dict:
    """What a job answers in a process of its own."""
    command = [sys.executable, __file__, "--job", json.dumps([str(folder), job, *given])]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def compared(name: str, side: int, folder: Path) -> list[Measured]:
    """Time at equal error, as it comes, and memory."""
    theirs = apart(folder, "peer", name, side)
    mine = apart(folder, "ours", name, side, theirs["error"])
    title = f"{name}, {BATCH} images of {side}²"
    print(title, json.dumps(theirs), json.dumps(mine), flush=True)
    easy = name in PLAIN
    against = "captum 0.9, 50 steps at once"

    def line(what: str, one: dict, target: float | None, note: str) -> Measured:
        return Measured(
            task=f"{title}: time {what}",
            ours=f"{one['seconds']:.2f} s, {100 * one['error']:.2g} % off, "
            f"{one['gradients']:.0f} gradients",
            peer=f"{theirs['seconds']:.2f} s, {100 * theirs['error']:.2g} % off",
            against=against,
            ratio=theirs["seconds"] / one["seconds"],
            target=target,
            note=note,
        )

    equal = mine["tried"][-1]
    usual = next(one for one in mine["tried"] if one["tolerance"] == DEFAULT)
    target = 3.0 if easy else None
    missed = target and theirs["seconds"] < target * equal["seconds"]
    chunks = f"Captum in chunks of 8 rows takes {theirs['chunked']:.2f} s."
    return [
        line("at equal error", equal, target, f"{MISSED[name]} {chunks}" if missed else chunks),
        line("with the default tolerance", usual, None, ""),
        Measured(
            task=f"{title}: memory beyond that before",
            ours=f"{mine['memory']:.0f} MB",
            peer=f"{theirs['memory']:.0f} MB",
            against=against,
            ratio=theirs["memory"] / max(mine["memory"], 1.0),
            target=5.0 if side > SIDE else None,
        ),
    ]


MISSED = {
    "CNN, ReLU": "Secants need a third of the gradients; looking for the network's front, and the "
    "passes over all numbers that secants take beside the convolutions, weigh on small images.",
    "CNN, GELU": "On a smooth way 50 steps are at rounding, where neither Gauss-Legendre nor "
    "Clenshaw-Curtis rules are with 24: 33 is the first of ours. What is left is the first layer, "
    "which runs at the ends alone; stopping early pays at the tolerance as it comes.",
}


def main() -> None:
    ask = argparse.ArgumentParser()
    ask.add_argument("--quick", action="store_true")
    ask.add_argument("--job", help="what this process alone is to measure")
    said = ask.parse_args()
    if said.job:
        folder, job, *given = json.loads(said.job)
        print(json.dumps(JOBS[job](given[0], given[1], Path(folder), *given[2:])))
        return
    cases = [(n, side) for n in NETS for side in (SIDE, 224) if side > SIDE or n in PLAIN]
    if said.quick:
        cases = [(name, SIDE) for name in PLAIN]
    lines: list[Measured] = []
    with tempfile.TemporaryDirectory() as made:
        for name in dict.fromkeys(name for name, _ in cases):
            prepare(name, Path(made))
        for name, side in cases:
            lines += compared(name, side, Path(made))
    record(
        "integrated_gradients",
        "Integrated gradients",
        f"Batches of {BATCH} images; the class predicted, from a grey image. Errors are relative "
        f"to {REFERENCE} Gauss-Legendre steps, means over images. Plain networks have four "
        "convolutions, the ResNet 15; they are trained on coloured digits. Processor seconds of "
        "one thread; memory is the most that a process of its own held, less what it held before.",
        lines,
    )


if __name__ == "__main__":
    main()
