"""The front door: ``pellucid.explain``."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from typing import Any

import numpy as np

from pellucid.core.errors import InvalidSetting, WrongType
from pellucid.data.images import are_images
from pellucid.data.schema import Schema
from pellucid.engine.work import BATCH_ROWS
from pellucid.explainers.asking import asking
from pellucid.explainers.choose import best_method, recipe_named
from pellucid.explainers.explainer import Explainer
from pellucid.explainers.image_question import ImageQuestion
from pellucid.explainers.question import Question


def explain(
    model: Any,
    X: Any,
    *,
    method: str | Explainer | None = None,
    background: Any = None,
    y: Any = None,
    target: Any = None,
    scale: str = "auto",
    budget: int | None = None,
    tolerance: float | None = None,
    seed: int | None = None,
    groups: Mapping[str, Sequence[str]] | None = None,
    segments: Any = None,
    site: str | None = None,
    schema: Schema | Mapping[str, Any] | None = None,
    batch_size: int | None = None,
    threads: int | None = None,
    max_evaluations: int | None = None,
    max_seconds: float | None = None,
    output: str | os.PathLike[str] | None = None,
    workers: int | None = None,
    progress: bool | None = None,
) -> Any:
    """Explain what a model answers for each row, in the user's own columns.

    Parameters
    ----------
    model : object
        A fitted scikit-learn estimator or Pipeline, an XGBoost or LightGBM model, a
        `torch.nn.Module` (those of Hugging Face as they are), an ONNX graph (path, bytes or
        session), or any callable from a table, or from images, to predictions.
    X : table of shape (sample, feature), images (sample, channel, row, column), or path
        The rows to explain: pandas, Polars, Arrow or NumPy. A path or pattern of Parquet, CSV or
        Arrow files, or an Arrow dataset or reader, is streamed to `output` in bounded memory; see
        `pellucid.explainers.streamed.job.explain_table`, which takes more settings. Images are an
        array or tensor, a list of PIL images, or `pellucid.data.images.Images` made of files.
    method : str or Explainer, optional
        A recipe, or its name in snake case. By default the exact method for this model, else
        enumeration of all coalitions (up to 12 features), else the best sampler; for images
        integrated gradients.
    background : table of shape (row, feature), optional
        The reference that explanations start from, such as the training data. Without it,
        TreeSHAP is path-dependent, and other methods take `X` itself as the reference.
    y : array of shape (sample,), optional
        The true answers, for methods that measure loss.
    target : class label or int, optional
        The class, or the number of the output, to explain. By default class 1 of two, all of
        several; of images the class predicted, and a list names one for each.
    scale : {"auto", "probability", "logit", "raw", ...}
        The scale of the output; ``"auto"`` is the one on which the model is a sum.
    budget : int, optional
        Coalitions evaluated per row, for methods that sample.
    tolerance : float, optional
        For methods that sample: stop as soon as every value is certain (95 %) to ± this much, in
        units of the output; `budget` is then the most.
    seed : int, optional
        Makes the result repeatable. Drawn, and recorded, if not given.
    groups : Mapping of str to columns, optional
        Columns to be explained as one, such as ``{"money": ["income", "savings"]}``; see
        `pellucid.correlated_groups`. Others stand for themselves.
    segments : int, {"slic", "grid"}, Segments or array of int, optional
        For images: the pieces that are removed together and share values, for methods that remove
        them. At most so many superpixels (by default 50 of SLIC, each image its own), a regular
        grid, `pellucid.perturb.segments.Segments`, or a label for each pixel, (row, column) or
        (sample, row, column).
    site : str, optional
        The address of a part of a network, such as ``"layer3.1"``, whose activation is explained
        in place of the input, or drawn; for methods that know one.
    schema : Schema or Mapping, optional
        Corrections to the inferred kinds, units and limits of columns.
    batch_size : int, optional
        Most rows given to the model at once; bounds memory. By default 65,536, of images 32, or
        fewer where they are large: 13 of 224 × 224 pixels.
    threads : int, optional
        Threads for compiled kernels; by default all cores.
    max_evaluations : int, optional
        Most rows the model may be asked to predict in all.
    max_seconds : float, optional
        Most wall-clock time in seconds, looked at before each batch.
    output : path, optional
        Where a streamed table's shares go: a ``.parquet`` file, or a folder. The same call goes on
        where an earlier one ended. `y` is then the name of a column.
    workers : int, optional
        Parts of a streamed table that are worked on at once; by default one for each core.
    progress : bool, optional
        Show progress on standard error; by default on a terminal only.

    Returns
    -------
    Attribution, Curve, Rules, or tuple of Curve; Job for a streamed table
        For attributions ``values`` is (sample, feature), or (sample, feature, class) for several
        classes, with base value, prediction, standard errors, inputs and provenance.

    Raises
    ------
    CannotExplain
        If the method does not fit the model; says which methods do.
    InvalidData
        If the rows are not what the model was fitted on.
    UnknownName, InvalidSetting
        If a name or a setting is not known.
    BudgetExceeded
        If the work needs more than `max_evaluations` or `max_seconds`.

    Examples
    --------
    >>> import pellucid as pel
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.linear_model import LogisticRegression
    >>> X, y = load_iris(return_X_y=True, as_frame=True)
    >>> model = LogisticRegression(max_iter=500).fit(X, y)
    >>> pel.explain(model, X.head(3), background=X, target=2).dims
    ('sample', 'feature')
    """
    from pellucid.explainers.streamed.job import explain_table, is_long

    asked: dict[str, Any] = {
        "background": background, "target": target, "scale": scale, "groups": groups,
        "schema": schema, "seed": seed, "max_seconds": max_seconds,
    }  # fmt: skip
    if not are_images(X) and (is_long(X) or output is not None):
        _streamable(X, output, max_evaluations)
        streamed: dict[str, Any] = {
            "y": y, "budget": budget, "tolerance": tolerance, "workers": workers,
            "batch_size": BATCH_ROWS if batch_size is None else batch_size,
        }  # fmt: skip
        assert output is not None
        return explain_table(
            model, X, output, method=method, progress=progress, **streamed, **asked
        )
    named = recipe_named(method) if isinstance(method, str) else method
    named = _with(named, "site", site) if isinstance(named, Explainer) else named
    opening = named.opening() if isinstance(named, Explainer) else None
    question = asking(
        model, X, y=y, segments=segments, threads=threads, max_evaluations=max_evaluations,
        batch_size=batch_size, opening=opening, **asked,
    )  # fmt: skip
    recipe = method_for(question, named, budget, tolerance)
    recipe = _with(recipe, "site", site) if named is None else recipe
    return recipe.answer(question, progress=progress)


def _streamable(X: Any, output: Any, max_evaluations: int | None) -> None:
    from pellucid.explainers.streamed.job import is_long

    if not is_long(X):
        raise InvalidSetting(
            "output is for tables that are streamed",
            got=f"output={str(output)!r} and a {type(X).__name__}",
            fix="Give the path of the table, or save what explain() returns",
        )
    if output is None:
        raise WrongType(
            "A path is no table; it is streamed where its shares have a place to go",
            got=f"{type(X).__name__} {str(X)!r}",
            fix="Give output=, or a table instead of a path",
        )
    if max_evaluations is not None:
        raise InvalidSetting("max_evaluations is not for streamed tables", fix="Give max_seconds=")


def method_for(
    question: Question | ImageQuestion,
    method: str | Explainer | None,
    budget: int | None,
    tolerance: float | None = None,
) -> Explainer:
    """The recipe that answers a question: the one asked for, or by default the best that fits."""
    if method is None:
        recipe = best_method(question)
    elif isinstance(method, str):
        recipe = recipe_named(method)
    elif isinstance(method, Explainer):
        recipe = method
    else:
        raise InvalidSetting(
            "method is a recipe or the name of one",
            got=repr(method),
            allowed="such as 'tree_shap' or KernelSHAP(budget=2048)",
        )
    if budget is not None and not _whole(budget):
        raise InvalidSetting("budget is a number of coalitions", got=repr(budget), allowed="≥ 1")
    for name, value in (("budget", budget), ("tolerance", tolerance)):
        recipe = _with(recipe, name, value, chosen=method is None)
    return recipe


def _whole(budget: Any) -> bool:
    whole = isinstance(budget, (int, np.integer)) and not isinstance(budget, bool)
    return whole and bool(budget >= 1)


SERVES = {
    "budget": "choose a method that samples and takes it: 'kernel_shap'",
    "tolerance": "choose a method that samples and takes it: 'kernel_shap'",
    "site": "choose a method that goes through the network: 'integrated_gradients', 'grad_cam'",
}
"""What to do where a recipe does not know a setting."""


def _with(recipe: Explainer, name: str, value: Any, *, chosen: bool = False) -> Explainer:
    """The recipe with a setting; one that was chosen for the user may do without it."""
    if value is None:
        return recipe
    if any(field.name == name for field in fields(recipe)):  # type: ignore[arg-type]
        return replace(recipe, **{name: value})  # type: ignore[type-var]
    if chosen:
        return recipe
    raise InvalidSetting(
        f"{type(recipe).__name__} takes no {name}",
        got=f"{name}={value}",
        fix=f"Leave {name} out, or {SERVES[name]}",
    )
