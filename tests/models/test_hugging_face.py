"""Image classifiers of Hugging Face, as they come: built from small configurations, offline."""

from __future__ import annotations

from dataclasses import fields, replace
from functools import cache

import numpy as np
import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip(
    "transformers", minversion="5.0", reason="the models are those of transformers"
)

import pellucid as pel  # noqa: E402
from pellucid.core import registry  # noqa: E402
from pellucid.core.errors import CannotExplain, InvalidData, UnknownName  # noqa: E402
from pellucid.explainers import choose  # noqa: E402
from pellucid.explainers.cam.grad_cam import GradCAM  # noqa: E402
from pellucid.explainers.explainer import Explainer  # noqa: E402
from pellucid.explainers.relevance.lrp import LRP  # noqa: E402
from twins.transformers_of_tests import Eager, TinyViT  # noqa: E402

torch.set_num_threads(1)

LABELS = {0: "ant", 1: "bee", 2: "cat", 3: "dog"}
NAMED = {"id2label": LABELS, "label2id": {name: place for place, name in LABELS.items()}}
TOKENS = {
    "hidden_size": 16, "num_hidden_layers": 3, "num_attention_heads": 2, "intermediate_size": 32,
    "image_size": 32, "patch_size": 8,
}  # fmt: skip
STAGES = {"hidden_sizes": [8, 12, 16, 24], "depths": [1, 1, 2, 1]}
KINDS = {
    "ViT": TOKENS,
    "DeiT": TOKENS,
    "Beit": TOKENS,
    "Dinov2": TOKENS,
    "Swin": {"image_size": 32, "patch_size": 2, "embed_dim": 8, "depths": [2, 2],
             "num_heads": [2, 2], "window_size": 4},
    "ConvNext": STAGES,
    "ResNet": {**STAGES, "embedding_size": 8, "layer_type": "basic"},
    "MobileNetV2": {"depth_multiplier": 0.25},
}  # fmt: skip

CONVOLVING = {"ConvNext", "ResNet", "MobileNetV2"}
WITH_RELU = {"ResNet", "MobileNetV2"}

SMALL = {"draws": 6, "budget": 60, "steps": 20, "window": 16, "stride": 16}
NEEDS_BACKGROUND = {"expected_gradients", "deep_shap"}
ATTENTION = ("attention_rollout", "attention_flow", "gradient_attention")
METHODS = tuple(
    name
    for name in registry.names(choose.PACKAGE)
    if "image" in choose.recipe_named(name).takes
    and "concepts" not in {field.name for field in fields(choose.recipe_named(name))}  # type: ignore[arg-type]
    and name != "feature_visualisation"  # it explains the network, not images
)

EVERY_METHOD = ("ViT", "ResNet")
"""Networks that every method explains; others are explained by `EVERY_NETWORK`."""

EVERY_NETWORK = ("deep_lift", "grad_cam", "guided_backprop", "lrp", "saliency", *ATTENTION)

X = np.random.default_rng(0).normal(size=(2, 3, 32, 32)).astype(np.float32)
BEHIND = np.random.default_rng(1).normal(size=(4, 3, 32, 32)).astype(np.float32)


@cache
def built(kind: str, attention: str | None = None) -> torch.nn.Module:
    torch.manual_seed(0)
    config = getattr(transformers, f"{kind}Config")(**KINDS[kind], **NAMED)
    if attention is not None:
        config._attn_implementation = attention
    net = getattr(transformers, f"{kind}ForImageClassification")(config)
    with torch.no_grad():
        for parameter in net.parameters():
            if parameter.ndim > 1:
                parameter.mul_(2)  # random weights are small, and scores too
            else:
                parameter.add_(0.05 * torch.randn_like(parameter))
        for _ in range(20):
            net.train()(torch.randn(16, 3, 32, 32))  # batch norms see something
    return net


@cache
def recipe(name: str) -> Explainer:
    found = choose.recipe_named(name)
    known = {field.name for field in fields(found)}  # type: ignore[arg-type]
    return replace(found, **{k: v for k, v in SMALL.items() if k in known})  # type: ignore[type-var]


def explained(net: object, method: str | Explainer, x: object = X) -> pel.Attribution:
    made = recipe(method) if isinstance(method, str) else method
    removing = "table" in made.takes and made.needs == {"predict"}
    behind = BEHIND if method in NEEDS_BACKGROUND else None
    return pel.explain(
        net, x, method=made, seed=0, target="cat", background=behind,
        segments=9 if removing else None,
    )  # fmt: skip


def refuses(kind: str, name: str) -> str | None:
    """What a method says to a kind of network that it does not fit."""
    if name in ATTENTION and kind in CONVOLVING:
        return "no attention weights"
    if name in ATTENTION and kind == "Swin":
        return "does not attend among all tokens"
    if name == "guided_backprop" and kind not in WITH_RELU:
        return "no ReLU"
    return None


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (kind, name)
        for kind in KINDS
        for name in METHODS
        if kind in EVERY_METHOD or name in EVERY_NETWORK
    ],
)
def test_every_method_takes_them_as_they_are_or_says_why_not(name: str, kind: str) -> None:
    net = built(kind)
    reason = refuses(kind, name)
    if reason is not None:
        with pytest.raises(CannotExplain, match=reason):
            explained(net, name)
        return
    found = explained(net, name, torch.tensor(X))
    assert found.target == "cat"
    assert np.isfinite(found.values).all()
    assert found.values.any() or name == "score_cam"  # which shows what speaks for the class only
    assert found.values.shape[-2:] == X.shape[-2:]
    assert net.training
    assert all(p.requires_grad and p.grad is None for p in net.parameters())
    with torch.no_grad():
        own = net.eval()(torch.tensor(X)).logits[:, 2].numpy()
    net.train()
    np.testing.assert_allclose(found.output, own, rtol=1e-3, atol=1e-6)
    if name in ("deep_lift", "deep_shap", "exact_shap", "owen_shap"):
        whole = np.abs(found.output - found.base).max()
        assert np.abs(found.gap()).max() < 1e-3 * whole + 1e-6


def by_hand(net: torch.nn.Module) -> TinyViT:
    """The same network, written in plain torch, with the weights of one of Hugging Face."""
    same = TinyViT(attention=Eager)
    body = net.vit
    same.patches = body.embeddings.patch_embeddings.projection
    same.extra, same.places = body.embeddings.cls_token, body.embeddings.position_embeddings
    same.norm, same.head = body.layernorm, net.classifier
    for ours, block in zip(same.blocks, body.layers, strict=True):
        ours.norm1, ours.norm2 = block.layernorm_before, block.layernorm_after
        parts = [part for part in block.attention.modules() if isinstance(part, torch.nn.Linear)]
        ours.attn.qkv.weight.data = torch.cat([part.weight.data for part in parts[:3]])
        ours.attn.qkv.bias.data = torch.cat([part.bias.data for part in parts[:3]])
        ours.attn.proj = parts[3]
        layers = [part for part in block.mlp.modules() if isinstance(part, torch.nn.Linear)]
        ours.mlp[0], ours.mlp[2] = layers
    return same.eval()


@pytest.mark.parametrize("attention", ["eager", "sdpa"])
@pytest.mark.parametrize(
    "name",
    ["saliency", "integrated_gradients", "deep_lift", "lrp", "grad_cam", "layer_cam", *ATTENTION],
)
def test_a_transformer_is_explained_like_the_same_one_in_plain_torch(name, attention) -> None:
    net = built("ViT", attention)
    same = by_hand(net)
    method, twin = recipe(name), recipe(name)
    if "cam" in name:
        method = replace(method, site="vit.layers.1")  # type: ignore[type-var]
        twin = replace(twin, site="blocks.1")  # type: ignore[type-var]
    found = explained(net, method)
    truth = pel.explain(same, X, method=twin, seed=0, target=2)
    np.testing.assert_allclose(found.output, truth.output, atol=1e-5)
    size = np.abs(truth.values).max()
    np.testing.assert_allclose(found.values, truth.values, atol=2e-4 * size)


def test_rollout_is_that_of_the_attention_the_network_itself_gives_out() -> None:
    net = built("ViT", "eager").eval()
    with torch.no_grad():
        layers = net(torch.tensor(X), output_attentions=True).attentions
    between = torch.eye(17)
    for weights in layers:
        between = (0.5 * weights.mean(dim=1) + 0.5 * torch.eye(17)) @ between
    grid = between[:, 0, 1:].reshape(2, 1, 4, 4)
    truth = torch.nn.functional.interpolate(grid, (32, 32), mode="bilinear")[:, 0]
    net.train()
    found = explained(net, "attention_rollout")
    np.testing.assert_allclose(found.values, truth.numpy(), atol=1e-6)


def test_without_constants_relevance_is_conserved() -> None:
    net = built("ConvNext")
    plain = type(net)(net.config)
    plain.load_state_dict(net.state_dict())
    with torch.no_grad():
        for name, parameter in plain.named_parameters():
            if name.endswith("bias"):
                parameter.zero_()
    found = explained(plain, LRP(composite="epsilon", epsilon=1e-9))
    np.testing.assert_allclose(found.values.sum(axis=(1, 2, 3)), found.output, rtol=1e-3)


def test_a_map_of_a_transformer_lies_on_its_patches() -> None:
    found = explained(built("ViT"), "grad_cam")
    assert any("4 × 4 patches after 1 other token" in note for note in found.notes)
    assert any("vit.layers.2.layernorm_before" in note for note in found.notes)
    found = explained(built("DeiT"), "grad_cam")
    assert any("4 × 4 patches after 2 other tokens" in note for note in found.notes)
    with pytest.raises(UnknownName, match=r"vit\.layers\.0"):
        explained(built("ViT"), GradCAM(site="vit.layer.0"))


def test_classes_are_called_as_the_configuration_calls_them() -> None:
    net = built("ViT")
    with pytest.raises(UnknownName, match="ant"):
        pel.explain(net, X, method="saliency", target="cow")
    both = pel.explain(net, X, method="saliency", target=["ant", "dog"])
    assert both.inputs["target"].tolist() == ["ant", "dog"]
    best = pel.explain(net, X, method="saliency").inputs["target"]
    with torch.no_grad():
        own = net.eval()(torch.tensor(X)).logits.argmax(dim=1).tolist()
    net.train()
    assert best.tolist() == [LABELS[place] for place in own]


def test_what_an_image_processor_returns_is_taken() -> None:
    ready = transformers.BatchFeature({"pixel_values": torch.tensor(X)})
    found, truth = explained(built("ViT"), "saliency", ready), explained(built("ViT"), "saliency")
    np.testing.assert_array_equal(found.values, truth.values)


def test_wrong_sizes_and_wrong_models_are_named() -> None:
    net = built("ViT")
    with pytest.raises(InvalidData, match=r"16\*16"):
        explained(net, "saliency", X[:, :, :16, :16])
    with pytest.raises(InvalidData, match="channel"):
        explained(net, "saliency", X[:, :1])
    with pytest.raises(CannotExplain, match="something else than scores"):
        pel.explain(transformers.ViTModel(net.config), X, method="saliency")

    class Pipeline:
        model = net

        def preprocess(self, image): ...

        def __call__(self, images): ...

    with pytest.raises(CannotExplain, match=r"\.model"):
        pel.explain(Pipeline(), X, method="occlusion")
