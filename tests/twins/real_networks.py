"""Networks with weights that were trained on real images, and photos with masks of their objects.

Weights and photos are read where they lie: in the folder ``PELLUCID_DATA``, or `../shared/data`.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import nn
from torch.nn import functional as F

from pellucid.data.images import Images

BLOCKS = (1, 2, 3, 4, 3, 3, 1)
"""Blocks of MobileNetV2 of one width: all but the first have a shortcut."""

HALF = (0.5, 0.5, 0.5)
"""Mean and deviation that bring pixels to between -1 and 1."""

COLOURS = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Mean and deviation of the pixels that ResNet-20 was trained on."""

OBJECTS = (
    *("airplane", "automobile", "bird", "cat", "deer"),
    *("dog", "frog", "horse", "ship", "truck"),
)
"""Labels of CIFAR-10."""


def folder() -> Path:
    """Where real data lie; may be absent."""
    beside = Path(__file__).parents[3] / "shared" / "data"
    return Path(os.environ.get("PELLUCID_DATA") or beside)


class Residual(nn.Module):
    """A part whose input is added to its output."""

    def __init__(self, body: nn.Module) -> None:
        super().__init__()
        self.body = body

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.body(x)


def padded_same(
    weight: torch.Tensor, bias: torch.Tensor, stride: int, depthwise: bool
) -> list[nn.Module]:
    """A convolution with TensorFlow's padding "SAME", for sides divisible by the stride.

    What is missing at both ends is shared out, and the odd one goes to the end: a kernel of 3 with
    a stride of 2 has nothing before and one after.
    """
    wide, narrow, kernel, _ = weight.shape
    groups, ends = wide if depthwise else 1, kernel - stride
    before, after = ends // 2, ends - ends // 2
    even = before == after
    made = nn.Conv2d(narrow * groups, wide, kernel, stride, before if even else 0, groups=groups)
    made.load_state_dict({"weight": weight, "bias": bias})
    return [made] if even else [nn.ZeroPad2d((before, after, before, after)), made]


class MobileNetV2(nn.Module):
    """MobileNetV2 1.0, batch norms folded; pixels between -1 and 1, sides divisible by 32."""

    def __init__(self, weights: dict[str, np.ndarray], layers: list[dict]) -> None:
        super().__init__()
        self._layers = iter([layer for layer in layers if layer["op"] == "conv"])
        self._weights = weights
        stages: list[nn.Module] = [self._convolution()]
        for blocks in BLOCKS:
            for block in range(blocks):
                first = len(stages) == 1  # this one is not widened before
                body = nn.Sequential(*(self._convolution() for _ in range(2 if first else 3)))
                stages.append(Residual(body) if block else body)
        self.features = nn.Sequential(*stages, self._convolution())
        self.pool = nn.AdaptiveAvgPool2d(1)
        weight, bias = self._next(next(self._layers))
        self.head = nn.Linear(weight.shape[1], len(weight))
        self.head.load_state_dict({"weight": weight[:, :, 0, 0], "bias": bias})
        del self._layers, self._weights

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.pool(self.features(x)).flatten(1))

    def _next(self, layer: dict) -> tuple[torch.Tensor, torch.Tensor]:
        """Weights and biases of a layer, of 32 bits."""
        name = f"conv{layer['k']}"
        scale = self._weights[f"{name}.scale"].reshape(-1, 1, 1, 1)
        weight = self._weights[f"{name}.weight"].astype(np.float32) * scale
        return torch.from_numpy(weight), torch.from_numpy(self._weights[f"{name}.bias"])

    def _convolution(self) -> nn.Sequential:
        """The next convolution, padded as TensorFlow pads, with its activation."""
        layer = next(self._layers)
        weight, bias = self._next(layer)
        parts = padded_same(weight, bias, layer["stride"], layer["depthwise"])
        if layer["act"] == "relu6":
            parts.append(nn.ReLU6(inplace=True))
        return nn.Sequential(*parts)


class Block(nn.Module):
    """Two convolutions with batch norms, and a shortcut without weights (option A)."""

    def __init__(self, narrow: int, wide: int) -> None:
        super().__init__()
        self.stride, self.more = (1 if narrow == wide else 2), (wide - narrow) // 2
        self.conv1 = nn.Conv2d(narrow, wide, 3, self.stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(wide)
        self.conv2 = nn.Conv2d(wide, wide, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(wide)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        if self.more:
            x = F.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, self.more, self.more))
        return F.relu(out + x)


class ResNet20(nn.Module):
    """Of CIFAR-10, (sample, 3, 32, 32), normalised by `COLOURS`."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16)
        self.layer1 = nn.Sequential(Block(16, 16), Block(16, 16), Block(16, 16))
        self.layer2 = nn.Sequential(Block(16, 32), Block(32, 32), Block(32, 32))
        self.layer3 = nn.Sequential(Block(32, 64), Block(64, 64), Block(64, 64))
        self.linear = nn.Linear(64, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.layer3(self.layer2(self.layer1(F.relu(self.bn1(self.conv1(x))))))
        return self.linear(F.avg_pool2d(x, x.shape[3]).flatten(1))


class LeNet(nn.Module):
    """Of CIFAR-10, (sample, 3, 32, 32), pixels between -1 and 1."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(3, 6, 5), nn.Conv2d(6, 16, 5)
        self.pool1, self.pool2 = nn.MaxPool2d(2), nn.MaxPool2d(2)
        self.fc1, self.fc2, self.fc3 = nn.Linear(400, 120), nn.Linear(120, 84), nn.Linear(84, 10)
        self.relu1, self.relu2, self.relu3, self.relu4 = (nn.ReLU() for _ in range(4))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.pool1(self.relu1(self.conv1(x)))
        x = self.pool2(self.relu2(self.conv2(x))).flatten(1)
        return self.fc3(self.relu4(self.fc2(self.relu3(self.fc1(x)))))


def mobilenet() -> MobileNetV2:
    """MobileNetV2 1.0/224 of ImageNet in evaluation mode; output 0 is "background"."""
    with np.load(folder() / "weights_mobilenet" / "mobilenet_v2_int8pc.npz") as kept:
        weights = {name: kept[name] for name in kept.files}
    layers = json.loads(str(weights.pop("architecture")))["layers"]
    return MobileNetV2(weights, layers).eval()


def labels() -> list[str]:
    """Of MobileNet's 1001 outputs."""
    kept = (folder() / "weights_mobilenet" / "imagenet_labels_1001.txt").read_text()
    return kept.splitlines()


def resnet20() -> ResNet20:
    return _loaded(ResNet20(), "weights_resnet20_cifar10/resnet20_cifar10.npz")


def lenet() -> LeNet:
    return _loaded(LeNet(), "weights_lenet_cifar10/lenet_cifar10.npz")


def _loaded(net: nn.Module, path: str) -> nn.Module:
    """A network with the weights kept under its own names, in evaluation mode."""
    with np.load(folder() / path) as kept:
        said = {name: torch.from_numpy(kept[name]) for name in kept.files}
    missing = net.load_state_dict(said, strict=False).missing_keys
    assert all(name.endswith("num_batches_tracked") for name in missing), missing
    return net.eval()


@dataclass(frozen=True)
class Photos:
    """Photos with their objects.

    Parameters
    ----------
    images : Images
    masks : int array of shape (photo, row, column)
        Which object each pixel shows; 0 is none.
    categories : tuple of tuple of str
        Of the objects of each photo, from object 1 on.
    """

    images: Images
    masks: np.ndarray
    categories: tuple[tuple[str, ...], ...]

    def __len__(self) -> int:
        return len(self.masks)

    def of(self, photo: int, *wanted: str) -> np.ndarray:
        """Where a photo shows objects of these categories: bool (row, column)."""
        named = [place for place, each in enumerate(self.categories[photo], 1) if each in wanted]
        return np.isin(self.masks[photo], named)

    def take(self, index: list[int]) -> Photos:
        return replace(
            self,
            images=self.images.take(index),
            masks=self.masks[index],
            categories=tuple(self.categories[i] for i in index),
        )


def photos(size: int = 224, *only: int) -> Photos:
    """The photos, or those of these COCO numbers, cut to squares for MobileNet."""
    said = _annotated(only)
    base = folder() / "coco_licensed"
    images = Images.of([base / each["image"] for each in said], size=size, mean=HALF, std=HALF)
    masks = np.stack([cut(Image.open(base / each["mask"]), size) for each in said])
    categories = tuple(tuple(one["category"] for one in each["instances"]) for each in said)
    return Photos(images, masks, categories)


def crops(size: int = 32, smallest: float = 0.0) -> tuple[np.ndarray, list[str]]:
    """Squares around single objects, pixels in [0, 1] (object, 3, row, column), and categories.

    Parameters
    ----------
    size : int
        Side of the squares.
    smallest : float
        Least share of its photo that an object fills.
    """
    base = folder() / "coco_licensed"
    found, named = [], []
    for each in _annotated(()):
        with Image.open(base / each["image"]) as photo:
            for one in each["instances"]:
                if one["area_share"] < smallest:
                    continue
                left, top, wide, high = one["bbox_xywh"]
                side = min(max(wide, high), *photo.size)
                x = min(max(left + (wide - side) / 2, 0), photo.width - side)
                y = min(max(top + (high - side) / 2, 0), photo.height - side)
                box = tuple(round(at) for at in (x, y, x + side, y + side))
                found.append(np.asarray(photo.convert("RGB").crop(box).resize((size, size))))
                named.append(one["category"])
    return np.moveaxis(np.stack(found), 3, 1).astype(np.float32) / 255, named


def normalised(
    pixels: np.ndarray, mean: tuple[float, ...] = HALF, std: tuple[float, ...] = HALF
) -> np.ndarray:
    """Pixels (sample, channel, row, column) as networks want them."""
    shape = (1, -1, 1, 1)
    return (pixels - np.float32(mean).reshape(shape)) / np.float32(std).reshape(shape)


def cut(mask: Image.Image, size: int) -> np.ndarray:
    """A mask brought to the square that `Images.of` cuts out of a photo: int (row, column)."""
    scale = max(size / mask.height, size / mask.width)
    wide, high = max(round(mask.width * scale), size), max(round(mask.height * scale), size)
    left, top = (wide - size) // 2, (high - size) // 2
    whole = np.asarray(mask.resize((wide, high), Image.Resampling.NEAREST))
    return whole[top : top + size, left : left + size].astype(int)


def _annotated(only: tuple[int, ...]) -> list[dict]:
    kept = json.loads((folder() / "coco_licensed" / "annotations.json").read_text())["images"]
    return [each for each in kept if not only or each["id"] in only]
