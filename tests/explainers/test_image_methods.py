"""Every method that explains images is put to every check, on networks written in two ways."""

from __future__ import annotations

from dataclasses import fields, replace
from functools import cache

import numpy as np
import pytest

torch = pytest.importorskip("torch")
from torch import nn  # noqa: E402

import pellucid as pel  # noqa: E402
from pellucid.core import registry  # noqa: E402
from pellucid.core.attribution import Attribution  # noqa: E402
from pellucid.core.errors import CannotExplain, PellucidError  # noqa: E402
from pellucid.explainers import choose  # noqa: E402
from pellucid.explainers.explainer import Explainer  # noqa: E402
from twins.networks_of_tests import Functional, Plain, pictures, seeded  # noqa: E402

SMALL = {"draws": 6, "budget": 80, "masks": 40, "steps": 20, "window": 4, "stride": 4}
"""Settings that make a method quick."""

NEEDS_BACKGROUND = {"expected_gradients", "deep_shap"}
SEES_ATTENTION = {"attention_rollout", "attention_flow", "gradient_attention"}
"""Methods of transformers, which have tests of their own."""

ANSWERS_OTHERWISE = {"tcav", "concept_sensitivity", "feature_visualisation"}
"""Methods that speak of concepts, or make images, and give no value for each pixel: likewise."""

METHODS = tuple(
    name
    for name in registry.names(choose.PACKAGE)
    if "image" in choose.recipe_named(name).takes and name not in SEES_ATTENTION | ANSWERS_OTHERWISE
)
NETS = {"modules": (Plain,), "functions": (Functional,)}
X, BEHIND = pictures(3, 12), pictures(8, 12)[3:]


@cache
def recipe(name: str) -> Explainer:
    found = choose.recipe_named(name)
    known = {field.name for field in fields(found)}  # type: ignore[arg-type]
    return replace(found, **{k: v for k, v in SMALL.items() if k in known})  # type: ignore[type-var]


def explained(name: str, net: nn.Module, x: object = X, seed: int = 0) -> Attribution:
    behind = BEHIND if name in NEEDS_BACKGROUND else None
    return pel.explain(
        net, x, background=behind, method=recipe(name), seed=seed, target=1, segments=cut(name)
    )


def cut(name: str) -> int | None:
    """Into how many segments, for methods that take tables too and then remove columns."""
    both = "table" in recipe(name).takes
    return 9 if both and recipe(name).needs == {"predict"} else None


def test_there_are_many_methods() -> None:
    assert len(METHODS) >= 6


def test_methods_of_images_fit_networks_and_functions_and_no_model_of_tables() -> None:
    from sklearn.linear_model import LinearRegression

    line = LinearRegression().fit(X[:, :, 0, 0], X[:, 0, 1, 1])
    fits = [
        {row["name"]: row["fits"] for row in pel.methods(model)}
        for model in (seeded(Plain), lambda images: images.mean(axis=(1, 2, 3)), line)
    ]
    assert [each["occlusion"] for each in fits] == [True, True, False]
    assert [each["grad_cam"] for each in fits] == [True, False, False]
    assert [each["kernel_shap"] for each in fits] == [True, True, True]


@pytest.mark.parametrize("kind", NETS)
@pytest.mark.parametrize("name", METHODS)
def test_values_are_finite_named_and_the_same_once_more(name: str, kind: str) -> None:
    net = seeded(*NETS[kind])
    found, again = explained(name, net), explained(name, net)
    np.testing.assert_array_equal(found.values, again.values)
    assert np.isfinite(found.values).all()
    assert found.dims in (("sample", "channel", "row", "column"), ("sample", "row", "column"))
    assert found.values.shape[-2:] == X.shape[-2:]
    assert (np.asarray(found.error) >= 0).all()
    own = net.eval()(torch.tensor(X))[:, 1].detach().numpy()
    np.testing.assert_allclose(found.output, own, atol=1e-5)
    np.testing.assert_allclose(found.inputs["pixels"].shape, (3, 12, 12, 3))
    assert found.evaluations > 0
    if "efficiency" in recipe(name).laws:
        np.testing.assert_allclose(found.gap(), 0, atol=1e-4)


@pytest.mark.parametrize("name", METHODS)
def test_an_image_alone_is_as_among_others_and_the_network_as_before(name: str) -> None:
    net = seeded(Plain)
    before = {key: value.clone() for key, value in net.state_dict().items()}
    whole, alone = explained(name, net), explained(name, net, torch.tensor(X[1:2]))
    size = np.abs(whole.values).max()
    np.testing.assert_allclose(alone.values[0], whole.values[1], atol=2e-4 * size)
    assert net.training
    assert net.features[2].inplace
    assert all(p.requires_grad and p.grad is None for p in net.parameters())
    assert all(torch.equal(before[key], value) for key, value in net.state_dict().items())
    assert not any(part._forward_hooks or part._forward_pre_hooks for part in net.modules())


@pytest.mark.parametrize("name", METHODS)
def test_after_an_error_inside_nothing_is_left_behind(name: str) -> None:
    class Tired(Plain):
        calls = 0

        def forward(self, x):
            self.calls += 1
            if self.calls > 2:
                raise RuntimeError("enough")
            return super().forward(x)

    net = seeded(Tired)

    def thrice() -> None:
        for _ in range(3):
            explained(name, net)

    with pytest.raises((PellucidError, RuntimeError)):
        thrice()
    assert net.training
    assert net.features[2].inplace
    assert all(p.requires_grad for p in net.parameters())
    assert not any(part._forward_hooks or part._forward_pre_hooks for part in net.modules())


@pytest.mark.parametrize("name", METHODS)
def test_it_is_saved_drawn_and_said(name: str, tmp_path) -> None:
    found = explained(name, seeded(Plain))
    found.save(tmp_path / "found")
    back = Attribution.load(tmp_path / "found")
    np.testing.assert_array_equal(back.values, found.values)
    np.testing.assert_array_equal(back.inputs["pixels"], found.inputs["pixels"])
    assert pel.show(found).to_dict()["description"]
    assert name in str(found)
    known = {type(recipe(name)).__name__: type(recipe(name))}
    assert eval(repr(recipe(name)), known) == recipe(name)


@pytest.mark.parametrize("name", METHODS)
def test_a_function_is_explained_or_refused_for_what_it_lacks(name: str) -> None:
    net = seeded(Plain).eval()

    def scores(images: np.ndarray) -> np.ndarray:
        assert images.shape[-1] == 3
        with torch.no_grad():
            return net(torch.tensor(np.moveaxis(images, 3, 1))).numpy()

    last = np.moveaxis(X, 1, 3)
    behind = np.moveaxis(BEHIND, 1, 3) if name in NEEDS_BACKGROUND else None
    ask = {"background": behind, "method": recipe(name), "seed": 0, "target": 1,
           "segments": cut(name)}  # fmt: skip
    if recipe(name).needs - {"predict"}:
        with pytest.raises(CannotExplain, match="needs a model with"):
            pel.explain(scores, last, **ask)
        return
    found = pel.explain(scores, last, **ask)
    np.testing.assert_allclose(found.values, explained(name, net).values, atol=1e-4)
