"""ONNX graphs as models: the same explanations as of the network they were made from."""

from __future__ import annotations

import sys

import numpy as np
import pytest

torch = pytest.importorskip("torch")
ort = pytest.importorskip("onnxruntime", reason="ONNX graphs are run by onnxruntime")
pytest.importorskip("onnx", reason="the graphs of these tests are written with onnx")
from onnx import helper  # noqa: E402

import pellucid as pel  # noqa: E402
from pellucid.core.errors import (  # noqa: E402
    CannotExplain,
    InvalidData,
    InvalidSetting,
    MissingExtra,
    UnknownName,
    UnreadableFile,
)
from pellucid.explainers.perturbation.occlusion import Occlusion  # noqa: E402
from pellucid.explainers.perturbation.rise import RISE  # noqa: E402
from pellucid.explainers.surrogate.lime import LIME  # noqa: E402
from pellucid.models.as_model import as_model  # noqa: E402
from pellucid.models.load import describe_file  # noqa: E402
from pellucid.models.onnx import OnnxModel  # noqa: E402
from twins.networks_of_tests import Plain, pictures, seeded  # noqa: E402
from twins.onnx_graphs import BYTE, DOUBLE, FLOAT, HALF, graph, plain  # noqa: E402

X = pictures(5)
NET = seeded(Plain).eval()
GRAPH = plain(NET)
WINDOW = Occlusion(window=3, stride=2)
METHODS = {
    "occlusion": (WINDOW, {}),
    "kernel_shap": ("kernel_shap", {"segments": 9, "budget": 200}),
    "rise": (RISE(budget=150), {}),
    "lime": (LIME(budget=200), {"segments": 9}),
    "owen_shap": ("owen_shap", {"segments": 9}),
}


def explained(model: object, method: object = WINDOW, x: object = X, **asked: object):
    return pel.explain(model, x, method=method, target=1, seed=0, **asked)


@pytest.mark.parametrize("name", METHODS)
def test_an_explanation_is_that_of_the_network_it_was_made_from(name: str) -> None:
    method, asked = METHODS[name]
    found, truth = explained(GRAPH, method, **asked), explained(NET, method, **asked)
    np.testing.assert_allclose(found.values, truth.values, atol=1e-5)
    np.testing.assert_allclose(found.output, truth.output, atol=1e-5)
    assert found.evaluations == truth.evaluations
    assert found.target == truth.target
    chance = explained(GRAPH, method, scale="probability", **asked)
    truth = explained(NET, method, scale="probability", **asked)
    np.testing.assert_allclose(chance.values, truth.values, atol=1e-5)


def test_a_path_bytes_a_graph_and_a_session_are_one_model(tmp_path) -> None:
    path, content = tmp_path / "net.onnx", GRAPH.SerializeToString()
    path.write_bytes(content)
    session = ort.InferenceSession(content, providers=["CPUExecutionProvider"])
    loaded, file = pel.load_model(path)
    assert (file.kind, file.tier) == ("onnx", "data")
    truth = explained(GRAPH)
    prints = {as_model(GRAPH).fingerprint()}
    for given in (path, str(path), content, session, loaded, (loaded, file)):
        np.testing.assert_array_equal(explained(given).values, truth.values)
        prints.add(as_model(given).fingerprint())
    assert len(prints) == 1
    assert as_model(path).name == loaded.name == "net.onnx"
    assert explained(path).provenance.model == "net.onnx"
    other = seeded(Plain)
    with torch.no_grad():
        other.head.bias[0] += 1e-6
    assert as_model(plain(other)).fingerprint() not in prints


@pytest.mark.parametrize("size", [1, 2, 7])
def test_a_graph_of_fixed_batches_is_asked_in_those(size: int) -> None:
    fixed = plain(NET, (size, 3, 8, 8))
    found, truth = explained(fixed), explained(GRAPH)
    np.testing.assert_allclose(found.values, truth.values, atol=1e-6)
    assert found.evaluations == truth.evaluations


def test_sizes_may_be_left_open() -> None:
    found = explained(plain(NET, ("n", "c", "h", "w")))
    np.testing.assert_array_equal(found.values, explained(GRAPH).values)
    last = np.moveaxis(X, 1, 3)
    np.testing.assert_array_equal(explained(GRAPH, x=last).values, explained(GRAPH).values)


def test_channels_may_come_last() -> None:
    turn = [helper.make_node("Transpose", ["given"], ["x"], perm=[0, 3, 1, 2])]
    declared = plain(NET, ("n", 8, 8, 3), first=turn)
    open_ = OnnxModel(plain(NET, ("n", "h", "w", "c"), first=turn), channels_last=True)
    for model in (declared, open_):
        for given in (X, np.moveaxis(X, 1, 3)):
            found = explained(model, x=given)
            np.testing.assert_array_equal(found.values, explained(GRAPH).values)
    with pytest.raises(InvalidData, match="another shape"):
        explained(OnnxModel(declared, channels_last=False))


def test_a_graph_that_runs_either_way_answers_as_to_the_images_given() -> None:
    weights = np.random.default_rng(0).normal(size=(192, 4)).astype(np.float32)
    flat = [
        helper.make_node("Flatten", ["x"], ["f"]),
        helper.make_node("MatMul", ["f", "w"], ["y"]),
    ]
    either = graph(
        flat, {"x": (FLOAT, ["n", "a", "b", "c"])}, {"y": (FLOAT, [None, 4])}, {"w": weights}
    )
    last = np.moveaxis(X, 1, 3)
    for given in (X, last):
        found = explained(either, x=given)
        truth = given.reshape(len(X), -1) @ weights
        np.testing.assert_allclose(found.output, truth[:, 1], atol=1e-4)
        told = any("channels first and last" in note for note in found.notes)
        assert told == (given is last)
    for forced, given in ((True, last), (False, X)):
        found = explained(OnnxModel(either, channels_last=forced), x=last)
        truth = given.reshape(len(X), -1) @ weights
        np.testing.assert_allclose(found.output, truth[:, 1], atol=1e-4)


def test_a_graph_of_open_sizes_that_only_runs_one_way_is_given_images_so() -> None:
    turn = [helper.make_node("Transpose", ["given"], ["x"], perm=[0, 3, 1, 2])]
    open_ = plain(NET, ("n", "h", "w", "c"), first=turn)
    for given, told in ((np.moveaxis(X, 1, 3), False), (X, True)):
        found = explained(open_, x=given)
        np.testing.assert_array_equal(found.values, explained(GRAPH).values)
        assert any("only with the channels last" in note for note in found.notes) == told


def test_inputs_are_given_in_the_type_that_is_taken() -> None:
    cast = [helper.make_node("Cast", ["given"], ["x"], to=FLOAT)]
    for kind, gap in ((DOUBLE, 1e-6), (HALF, 2e-2)):
        found = explained(plain(NET, kind=kind, first=cast))
        np.testing.assert_allclose(found.values, explained(GRAPH).values, atol=gap)
    bytes_ = plain(NET, kind=BYTE, first=cast)
    whole = np.rint(np.clip(40 * X + 100, 0, 255)).astype(np.uint8)
    black = Occlusion(window=3, stride=2, removal="zero")
    found = explained(bytes_, black, whole)
    truth = explained(NET, black, whole.astype(np.float32))
    np.testing.assert_allclose(found.values, truth.values, atol=1e-3)
    assert any("rounded" in note for note in found.notes)
    with pytest.raises(InvalidData, match="whole numbers"):
        explained(bytes_)


def test_probabilities_logits_and_single_scores_are_told_apart() -> None:
    softmax = helper.make_node("Softmax", ["logits"], ["p"])
    chance = plain(NET, last=[softmax], outputs={"p": (FLOAT, [None, 4])})
    single = plain(
        NET,
        last=[helper.make_node("ReduceMax", ["logits"], ["s"], axes=[1], keepdims=0)],
        outputs={"s": (FLOAT, [None])},
    )
    for given, scales in ((GRAPH, ("logit", "probability")), (chance, ("probability", "logit")),
                          (single, ("raw",))):  # fmt: skip
        model = as_model(given)
        model.settle(X)
        assert model.scales == scales
    with torch.no_grad():
        logits = NET(torch.tensor(X))
    np.testing.assert_allclose(
        as_model(chance).scores(X, "logit"), logits.log_softmax(dim=1).numpy(), atol=1e-5
    )
    found = pel.explain(single, X, method=WINDOW)
    np.testing.assert_allclose(found.output, logits.max(dim=1).values, atol=1e-5)
    named = OnnxModel(GRAPH, classes=["ant", "bee", "cat", "dog"])
    assert pel.explain(named, X, method=WINDOW, target="bee").target == "bee"
    with pytest.raises(InvalidSetting, match="one label for each"):
        pel.explain(OnnxModel(GRAPH, classes=["ant"]), X, method=WINDOW)
    with pytest.raises(InvalidSetting, match="logits"):
        OnnxModel(GRAPH, returns="odds")


def test_one_of_several_outputs_is_named() -> None:
    two = plain(
        NET,
        last=[helper.make_node("Softmax", ["logits"], ["p"])],
        outputs={"logits": (FLOAT, [None, 4]), "p": (FLOAT, [None, 4])},
    )
    with pytest.raises(CannotExplain, match=r"several outputs.*logits.*p: .*output="):
        explained(two)
    found = explained(OnnxModel(two, output="logits"))
    np.testing.assert_array_equal(found.values, explained(GRAPH).values)
    assert OnnxModel(two, output="p").fingerprint() != OnnxModel(two, output="logits").fingerprint()
    with pytest.raises(UnknownName, match="logits"):
        OnnxModel(two, output="logit")
    label = plain(
        NET,
        last=[helper.make_node("ArgMax", ["logits"], ["label"], axis=1, keepdims=0)],
        outputs={"label": (7, [None]), "logits": (FLOAT, [None, 4])},
    )
    np.testing.assert_array_equal(explained(label).values, explained(GRAPH).values)
    with pytest.raises(CannotExplain, match="no scores"):
        OnnxModel(label, output="label")


def test_inputs_of_another_shape_are_named() -> None:
    for wrong in (pictures(2, 12), X[:, :1], np.zeros((2, 4, 8, 8), np.float32)):
        with pytest.raises(InvalidData, match=r"another shape.*\(batch, 3, 8, 8\)"):
            explained(GRAPH, x=wrong)
    with pytest.raises(CannotExplain, match="failed while it was asked"):
        explained(plain(NET, ("n", "c", "h", "w")), x=pictures(2, 8)[:, :1])
    with pytest.raises(InvalidData, match="another shape"):
        pel.explain(GRAPH, X[:, 0, 0], method="exact_shap")
    add = helper.make_node("Add", ["x", "mask"], ["logits"])
    two = graph([add], {"x": (FLOAT, ["n", 4]), "mask": (FLOAT, ["n", 4])},
                {"logits": (FLOAT, ["n", 4])})  # fmt: skip
    with pytest.raises(CannotExplain, match=r"several inputs.*x, mask"):
        as_model(two)


def test_what_is_no_graph_is_named(tmp_path, monkeypatch) -> None:
    with pytest.raises(UnreadableFile, match="no such file"):
        explained(tmp_path / "absent.onnx")
    damaged = tmp_path / "damaged.onnx"
    damaged.write_bytes(GRAPH.SerializeToString()[:200])
    with pytest.raises(UnreadableFile, match="not an ONNX graph"):
        explained(damaged)
    assert describe_file(damaged).kind == "onnx"
    with pytest.raises(UnreadableFile, match="not an ONNX graph"):
        pel.load_model(damaged)
    with pytest.raises(UnreadableFile, match="not an ONNX graph"):
        explained(b"a text")
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(MissingExtra, match=r"onnxruntime.*pellucid\[onnx\]"):
        explained(GRAPH)


def test_methods_that_look_inside_say_why_they_do_not_fit() -> None:
    for method in ("integrated_gradients", "grad_cam", "lrp"):
        with pytest.raises(CannotExplain, match=r"needs a model with .*only runs forwards"):
            explained(GRAPH, method)
    fits = {row["name"]: row["fits"] for row in pel.methods(GRAPH)}
    assert fits["occlusion"]
    assert fits["rise"]
    assert not fits["saliency"]
    assert pel.explain(GRAPH, X).method == "occlusion"


def test_not_finite_answers_are_named() -> None:
    root = [helper.make_node("Sqrt", ["logits"], ["r"])]
    with pytest.raises(CannotExplain, match="not finite"):
        explained(plain(NET, last=root, outputs={"r": (FLOAT, [None, 4])}))


def test_a_graph_of_tables_is_explained_like_the_model_it_was_made_from() -> None:
    from sklearn.datasets import load_breast_cancer
    from sklearn.linear_model import LogisticRegression

    table, y = load_breast_cancer(return_X_y=True)
    table = ((table - table.mean(axis=0)) / table.std(axis=0))[:, :5].astype(np.float32)
    line = LogisticRegression().fit(table, y)
    weights = {
        "w": np.vstack([0 * line.coef_, line.coef_]).astype(np.float32),
        "b": np.array([0, line.intercept_[0]], dtype=np.float32),
    }
    nodes = [
        helper.make_node("Gemm", ["x", "w", "b"], ["z"], transB=1),
        helper.make_node("Softmax", ["z"], ["p"]),
    ]
    model = graph(nodes, {"x": (FLOAT, ["n", 5])}, {"p": (FLOAT, ["n", 2])}, weights)
    asked = {"method": "exact_shap", "background": table[:20], "scale": "probability"}
    found = pel.explain(model, table[:6], **asked)
    truth = pel.explain(line, table[:6], **asked)
    np.testing.assert_allclose(found.values, truth.values, atol=1e-6)
    asked["scale"] = "logit"
    found, truth = pel.explain(model, table[:6], **asked), pel.explain(line, table[:6], **asked)
    np.testing.assert_allclose(found.values, truth.values, atol=1e-4)
    with pytest.raises(pel.PellucidError, match="5 columns"):
        pel.explain(model, table[:6, :4], method="exact_shap")
    fits = {row["name"]: row["fits"] for row in pel.methods(model)}
    assert fits["kernel_shap"]
    assert not fits["occlusion"]
