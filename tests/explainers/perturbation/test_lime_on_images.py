"""LIME on segments: against captum's with the same draws, closed forms, and its own errors."""

import numpy as np
import pytest
import torch
from captum.attr import LimeBase
from sklearn.linear_model import Ridge

import pellucid as pel
from pellucid.core.errors import InvalidSetting, UnknownName
from pellucid.core.seeds import generator
from pellucid.explainers.surrogate.lime import LIME
from pellucid.maths.superpixels import cells
from twins.networks_of_tests import Linear, Plain, pictures, seeded

NINE = cells(8, 8, 9)


def explained(model: object, X: object, method: LIME, seed: int = 0) -> pel.Attribution:
    return pel.explain(model, X, method=method, segments=NINE, target=1, seed=seed, progress=False)


def of_segments(values: np.ndarray) -> np.ndarray:
    return np.stack([np.bincount(NINE.ravel(), each.sum(axis=0).ravel()) for each in values])


class SameRidge:
    """What captum asks of an interpretable model."""

    def __init__(self) -> None:
        self.fitted = Ridge(alpha=1.0)

    def fit(self, data: object, **_: object) -> dict:
        parts = [[each.double().numpy() for each in batch] for batch in data]
        x, y, weight = (np.concatenate(part) for part in zip(*parts, strict=True))
        self.fitted.fit(x, y.ravel(), weight)
        return {}

    def representation(self) -> torch.Tensor:
        return torch.from_numpy(self.fitted.coef_.ravel()[None])


def test_weights_are_those_of_captum_with_the_same_draws() -> None:
    net, X = seeded(Plain).eval(), pictures(1)
    budget, width = 120, 0.75 * np.sqrt(9)
    found = explained(net, X, LIME(budget=budget, removal="zero"))
    drawn = generator(0, "perturbed images", 9, 0).random((budget, 9)) < 0.5
    drawn = np.concatenate([drawn, np.ones((1, 9), dtype=bool)])  # the image itself
    turn = iter(drawn)

    def similarity(image: object, perturbed: object, switches: torch.Tensor, **_: object) -> float:
        off = float((1 - switches).sum())
        return float(np.exp(-off / (2 * width**2)))

    def switched(original: torch.Tensor, **_: object) -> torch.Tensor:
        return torch.from_numpy(next(turn).astype(np.float32))[None]

    def shown(switches: torch.Tensor, original: torch.Tensor, **_: object) -> torch.Tensor:
        return original * switches[0][torch.from_numpy(NINE.astype(np.int64))]

    peer = LimeBase(
        net, SameRidge(), similarity, switched, True, shown, lambda *_, **__: switches_of(*_)
    )
    theirs = peer.attribute(torch.from_numpy(X), target=1, n_samples=len(drawn))
    np.testing.assert_allclose(of_segments(found.values)[0], theirs.numpy().ravel(), atol=2e-5)


def switches_of(*_: object) -> torch.Tensor:
    raise AssertionError("draws are switches already")


def test_linear_scores_give_their_own_slopes() -> None:
    net, X = seeded(Linear).eval(), pictures(3)
    found = explained(net, X, LIME(budget=400, ridge=1e-6))
    slope = net.head.weight[1].detach().double().numpy().reshape(3, 8, 8)
    truth = slope * (X - X.mean(axis=(2, 3), keepdims=True))
    np.testing.assert_allclose(of_segments(found.values), of_segments(truth), atol=1e-5)
    np.testing.assert_allclose(found.gap(), 0, atol=1e-5)
    assert "Local R² of the surrogate: 1.00 to 1.00" in " ".join(found.notes)


@pytest.mark.parametrize("bootstrap", [None, 200])
def test_the_error_covers_the_line_through_endless_draws(bootstrap: int | None) -> None:
    torch.manual_seed(1)
    net = torch.nn.Sequential(
        torch.nn.Conv2d(3, 4, 3), torch.nn.ReLU(), torch.nn.MaxPool2d(3), torch.nn.Flatten(),
        torch.nn.Linear(16, 4),
    )  # fmt: skip
    X, ridge = pictures(1), 1e-6
    every = (np.arange(512)[:, None] >> np.arange(9) & 1).astype(bool)
    mean = X[0].mean(axis=(1, 2), keepdims=True)
    shown = np.where(every[:, NINE][:, None], X[0], mean).astype(np.float32)
    with torch.no_grad():
        worth = net(torch.from_numpy(shown))[:, 1].double().numpy()
    near = np.exp(-(~every).sum(axis=1) / (2 * 0.75**2 * 9))
    truth = Ridge(alpha=1e-9).fit(every, worth, near).coef_
    held = []
    for seed in range(100 if bootstrap is None else 40):
        found = explained(net, X, LIME(budget=200, ridge=ridge, bootstrap=bootstrap), seed=seed)
        error = of_segments(found.error)[0]
        held.append(np.abs(of_segments(found.values)[0] - truth) <= 1.96 * error)
    assert 0.9 <= np.mean(held) <= 0.99


def test_a_tolerance_draws_more_until_the_order_settles() -> None:
    X = pictures(2)
    found = explained(seeded(Plain), X, LIME(budget=20, tolerance=0.02))
    assert 2 * 20 < found.provenance.evaluations <= 2 * (32 * 20 + 2)
    assert "images were perturbed" in " ".join(found.notes)


def test_a_few_segments_can_be_kept_and_widths_chosen() -> None:
    X = pictures(2)
    few = explained(seeded(Plain), X, LIME(budget=200, features=3))
    assert (np.count_nonzero(of_segments(few.values), axis=1) == 3).all()
    chosen = explained(seeded(Plain), X, LIME(budget=200, kernel_width="auto"))
    assert "chosen image by image" in " ".join(chosen.notes)


def test_settings_of_tables_are_refused_for_images_and_of_images_for_tables() -> None:
    X = pictures(1)
    with pytest.raises(InvalidSetting, match="kept or switched off"):
        explained(seeded(Plain), X, LIME(discretise=False))
    with pytest.raises(UnknownName):
        LIME(removal="gray")
    table = np.random.default_rng(0).normal(size=(9, 3))
    with pytest.raises(InvalidSetting, match="removal is for images"):
        pel.explain(lambda Z: Z[:, 0], table, method=LIME(removal="zero"))
