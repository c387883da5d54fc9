"""Meaningful perturbation: the region that matters is removed, and little else."""

import numpy as np
import pytest
import torch
from torch import nn

import pellucid as pel
from pellucid.core.errors import CannotExplain, InvalidSetting
from pellucid.explainers.perturbation.meaningful_perturbation import MeaningfulPerturbation
from twins.networks_of_tests import Plain, pictures, seeded


class Square(nn.Module):
    """A network that looks at one square."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        seen = x[:, :, 4:14, 4:14].mean(dim=(1, 2, 3))
        return torch.stack([torch.relu(6 * seen - 2), seen * 0], dim=1)


def planted() -> np.ndarray:
    X = np.random.default_rng(3).random((2, 3, 32, 32)).astype(np.float32) * 0.3
    X[:, :, 4:14, 4:14] += 0.6
    return X


def explained(model: object, X: object, seed: int = 0, **asked: object) -> pel.Attribution:
    method = MeaningfulPerturbation(**{"removal": "mean", "steps": 60, **asked})
    return pel.explain(model, X, method=method, target=0, seed=seed, progress=False)


@pytest.mark.parametrize("scale", ["logit", "probability"])
def test_the_square_a_network_looks_at_is_removed_and_little_else(scale: str) -> None:
    found = pel.explain(
        Square(), planted(), method=MeaningfulPerturbation(removal="mean", steps=60), target=0,
        scale=scale, seed=0,
    )  # fmt: skip
    assert found.dims == ("sample", "row", "column")
    assert found.values.min() >= 0
    assert found.values.max() <= 1
    inside = found.values[:, 4:14, 4:14]
    assert (inside.mean(axis=(1, 2)) > 0.7).all()
    assert found.values[:, 20:].mean() < 0.02
    assert found.values[:, :, 20:].mean() < 0.02
    assert "100% of what removing all" in " ".join(found.notes)
    assert found.scale == "share removed"


def test_a_higher_price_of_area_removes_less() -> None:
    X = planted()
    means = [explained(Square(), X, area=area).values.mean() for area in (0.05, 0.5, 3.0)]
    assert means[0] > means[1] > means[2]


def test_a_higher_price_of_roughness_is_smoother() -> None:
    X = planted()
    rough, smooth = (explained(Square(), X, variation=v).values for v in (0.01, 20.0))
    assert np.abs(np.diff(smooth, axis=1)).max() < np.abs(np.diff(rough, axis=1)).max()


def test_images_together_are_images_apart_and_seeds_repeat() -> None:
    net, X = seeded(Plain), pictures(3)
    together = explained(net, X, steps=20)
    assert net.training
    for i in range(3):
        apart = explained(net, X[i : i + 1], steps=20)
        np.testing.assert_allclose(apart.values[0], together.values[i], atol=1e-4)
    assert (explained(net, X, steps=20).values == together.values).all()
    assert (explained(net, X, seed=1, steps=20).values != together.values).any()


def test_the_error_is_that_of_the_starts() -> None:
    X = planted()
    several = np.stack([explained(Square(), X, seed=s, steps=30).values for s in range(12)])
    said = explained(Square(), X, steps=30, draws=12).error * np.sqrt(12 / 4)
    measured = several.std(axis=0, ddof=1)
    assert 0.7 < said.mean() / measured.mean() < 1.4


def test_evaluations_are_counted_and_an_image_like_its_baseline_keeps_everything() -> None:
    found = explained(Square(), planted(), steps=10, draws=3)
    assert found.provenance.evaluations == 2 * (1 + 3 * 10 + 3)
    blank = explained(Square(), planted() * 0, steps=60, area=1.0)
    assert blank.values.max() < 0.05


def test_what_has_no_gradient_and_wrong_settings_are_refused() -> None:
    with pytest.raises(CannotExplain, match="gradient"):
        explained(lambda images: images.mean(axis=(1, 2, 3)), planted())
    for wrong in ({"steps": 0}, {"draws": 1}, {"area": 0}, {"rate": -1}, {"removal": "x"}):
        with pytest.raises(InvalidSetting):
            MeaningfulPerturbation(**wrong)


@pytest.mark.parametrize("scale", ["logit", "probability"])
def test_it_is_judged_on_the_scale_that_it_explained(scale: str, tmp_path) -> None:
    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.ReLU(), torch.nn.Flatten(),
                              torch.nn.Linear(400, 3))  # fmt: skip
    X = np.random.default_rng(0).normal(size=(4, 3, 12, 12)).astype(np.float32)
    found = pel.explain(
        net, X, method=MeaningfulPerturbation(steps=8, draws=2), scale=scale, seed=0
    )
    assert found.scale == "share removed"
    again = pel.Attribution.load(found.save(tmp_path / "it.pel"))
    told = [pel.evaluate(one, net, X, metrics="removal_curve", seed=0) for one in (found, again)]
    raw = net(torch.tensor(X)).detach()
    own = torch.softmax(raw, 1) if scale == "probability" else raw
    np.testing.assert_allclose(found.output, own.max(dim=1).values, atol=1e-6)
    assert told[0].provenance.scale == scale
    assert [row.text for row in told[0]] == [row.text for row in told[1]]
