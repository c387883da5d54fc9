"""Occlusion against captum, brute force and planted truth."""

import numpy as np
import pytest
import torch
from captum.attr import Occlusion as Peer

import pellucid as pel
from pellucid.core.errors import InvalidSetting
from pellucid.explainers.perturbation.occlusion import Occlusion
from twins.networks_of_tests import Linear, Plain, pictures, seeded


def explained(model: object, X: object, **settings: object) -> pel.Attribution:
    asked = {key: settings.pop(key) for key in ("target", "scale", "batch_size") if key in settings}
    return pel.explain(model, X, method=Occlusion(**settings), progress=False, **asked)


@pytest.mark.parametrize(
    ("window", "stride"), [(2, 2), (3, 3), (3, 1), (5, 2), ((2, 3), (1, 3)), (8, 8), (1, 1)]
)
def test_values_are_those_of_captum(window: object, stride: object) -> None:
    net, X = seeded(Plain).eval(), pictures(3)
    found = explained(net, X, window=window, stride=stride, removal="zero", target=2)
    sizes, steps = (v if isinstance(v, tuple) else (v, v) for v in (window, stride))
    theirs = Peer(net).attribute(
        torch.from_numpy(X), sliding_window_shapes=(3, *sizes), strides=(3, *steps), target=2
    )
    for channel in range(3):
        np.testing.assert_allclose(found.values, theirs.numpy()[:, channel], atol=2e-6)
    assert not found.error.any()


@pytest.mark.parametrize("removal", ["mean", "zero", "blur", 0.25])
def test_values_are_mean_losses_over_windows_that_cover_the_pixel(removal: object) -> None:
    from pellucid.perturb.input_baseline import baseline_of

    net, X = seeded(Plain).eval(), pictures(1)
    found = explained(net, X, window=3, stride=2, removal=removal, target=0)
    behind = baseline_of(X, removal)
    with torch.no_grad():
        whole = float(net(torch.from_numpy(X))[0, 0])
        lost: dict[tuple[int, int], list[float]] = {}
        for i in (0, 2, 4, 6):
            for j in (0, 2, 4, 6):
                covered = X.copy()
                covered[:, :, i : i + 3, j : j + 3] = behind[:, :, i : i + 3, j : j + 3]
                fall = whole - float(net(torch.from_numpy(covered))[0, 0])
                for row in range(i, min(i + 3, 8)):
                    for column in range(j, min(j + 3, 8)):
                        lost.setdefault((row, column), []).append(fall)
    truth = [[np.mean(lost[row, column]) for column in range(8)] for row in range(8)]
    np.testing.assert_allclose(found.values[0], truth, atol=2e-6)


def test_single_pixels_of_linear_scores_lose_weight_times_value() -> None:
    net, X = seeded(Linear).eval(), pictures(2)
    found = explained(net, X, window=1, removal="zero", target=3)
    slope = net.head.weight[3].detach().double().numpy().reshape(3, 8, 8)
    np.testing.assert_allclose(found.values, (slope * X).sum(axis=1), atol=2e-6)


def test_images_together_are_images_apart_and_batches_do_not_matter() -> None:
    net, X = seeded(Plain), pictures(3)
    together = explained(net, X, batch_size=5)
    assert together.dims == ("sample", "row", "column")
    for i in range(3):
        apart = explained(net, X[i : i + 1])
        np.testing.assert_allclose(apart.values[0], together.values[i], atol=2e-6)


def test_a_callable_in_its_own_layout_is_explained_and_windows_are_counted() -> None:
    net, X = seeded(Plain).eval(), pictures(2)

    def scores(images: np.ndarray) -> np.ndarray:
        assert images.shape[1:] == (8, 8, 3)
        assert len(images) <= 7
        with torch.no_grad():
            return net(torch.from_numpy(np.moveaxis(images, 3, 1).copy())).numpy()

    found = explained(scores, np.moveaxis(X, 1, 3), window=4, stride=4, batch_size=7, target=1)
    whole = explained(net, X, window=4, stride=4, target=1)
    np.testing.assert_allclose(found.values, whole.values, atol=2e-6)
    assert whole.provenance.evaluations == 2 * (4 + 1)
    assert found.provenance.seed is None


def test_the_corner_a_function_looks_at_is_found() -> None:
    X = np.random.default_rng(0).random((2, 32, 32, 3)).astype(np.float32)
    X[:, :6, :6] = 1

    def corner(images: np.ndarray) -> np.ndarray:
        return images[:, :6, :6].mean(axis=(1, 2, 3))

    found = explained(corner, X)
    assert (found.values[:, :6, :6] > 0).all()
    assert not found.values[:, 9:].round(6).any()
    assert (found.values[:, :6, :6].mean(axis=(1, 2)) > 10 * found.values.mean(axis=(1, 2))).all()


def test_settings_are_checked() -> None:
    X = pictures(1)
    for wrong in ({"window": 0}, {"window": (1, 2, 3)}, {"stride": 1.5}, {"removal": "grey"}):
        with pytest.raises(InvalidSetting):
            Occlusion(**wrong)
    with pytest.raises(InvalidSetting, match="leaves pixels out"):
        explained(seeded(Plain), X, window=2, stride=3)
    with pytest.raises(InvalidSetting, match="larger than the image"):
        explained(seeded(Plain), X, window=9)


def test_segments_that_serve_nothing_are_said_to() -> None:
    found = pel.explain(seeded(Plain), pictures(1), method=Occlusion(), segments=5)
    assert "segments= was not used" in " ".join(found.notes)
