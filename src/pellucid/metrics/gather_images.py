"""From what the user hands in to evidence about images; see `pellucid.metrics.gather`."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from pellucid.core.attribution import Attribution
from pellucid.core.errors import AxisError, InvalidData, InvalidSetting
from pellucid.core.seeds import generator
from pellucid.data.images import Images
from pellucid.explainers.explainer import Explainer
from pellucid.explainers.image_question import ImageQuestion, ask_images
from pellucid.metrics.gather import SAME, recipe_of
from pellucid.metrics.image_evidence import GRIDS, ImageEvidence, flat, summed
from pellucid.perturb.segments import Segments, cut

CELLS = Segments(kind="grid", number=196)
"""What images are cut into to be judged, unless another cut is asked for."""


def gather_images(
    attribution: Any,
    model: Any,
    X: Any,
    *,
    background: Any = None,
    method: Explainer | None = None,
    target: Any = None,
    gold: Any = None,
    segments: Any = None,
    rows: int,
    seed: int,
    batch_size: int | None = None,
    threads: int | None = None,
) -> tuple[ImageEvidence, ...]:
    """The evidence about images; see `pellucid.evaluate` for the parameters."""
    attribution = _judgeable(attribution)
    inputs = attribution.inputs or {}
    told, numbers = inputs.get("target"), inputs.get("output")
    images = Images.of(X)
    if attribution.provenance.data_fingerprint == images.single().fingerprint():
        images = images.single()
    _match_images(attribution, images)
    question = ask_images(
        model,
        images,
        background=background,
        target=list(told) if told is not None and target is None else target,
        outputs=numbers if target is None else None,
        scale=attribution.provenance.output_scale or attribution.scale,
        seed=attribution.seed if attribution.seed is not None else seed,
        batch_size=batch_size,
        threads=threads,
    )
    _match_model(attribution, question)
    recipe, unrepeatable = recipe_of(attribution, method)
    other = _other_background(attribution, question)
    place = np.arange(len(question.images))
    if len(place) > rows:
        place = np.sort(generator(seed, "rows judged").choice(place, rows, replace=False))
    one = of_images(
        question,
        attribution,
        place,
        recipe=recipe,
        unrepeatable=unrepeatable or other,
        cost=attribution.evaluations / len(question.images),
        gold=gold,
        segments=segments,
        seed=seed,
    )
    if len(place) < len(question.images):
        one.question.note(
            f"{rows:,} of {len(question.images):,} images were drawn at random to be judged (seed "
            f"{seed})."
        )
    return (one,)


def of_images(
    question: ImageQuestion,
    attribution: Attribution,
    place: np.ndarray,
    *,
    recipe: Explainer | None,
    unrepeatable: str = "",
    cost: float,
    gold: Any = None,
    segments: Any = None,
    seed: int,
) -> ImageEvidence:
    """The evidence of some of the images that were explained."""
    some = about(question, place)
    cell = cut(question.images, CELLS if segments is None else segments)[place]
    maps = flat(attribution.values)[place]
    error = summed(flat(attribution.error)[place], cell)
    segment = (attribution.inputs or {}).get("segment")
    return ImageEvidence(
        question=some,
        values=summed(maps, cell)[:, :, None],
        error=error[:, :, None],
        base=None if attribution.base is None else attribution.base[place, None],
        chosen=np.zeros(len(place), dtype=np.intp),
        recipe=recipe,
        first=question,
        unrepeatable=unrepeatable,
        drawn=attribution.seed is not None,
        cost=cost,
        seed=seed,
        gold=None if gold is None else marked_pixels(gold, question.images)[place],
        cell=cell,
        maps=maps,
        own=np.asarray(attribution.values)[place],
        own_error=np.asarray(attribution.error)[place],
        segment=None if segment is None else segment[place],
    )


def about(question: ImageQuestion, place: np.ndarray) -> ImageQuestion:
    """The question about some of its images, whose answers are not asked for again."""
    chosen = question.chosen[place]
    cut = question.cut
    if isinstance(cut, np.ndarray) and cut.ndim == 3:
        cut = cut[place]
    images = question.images.take(place)
    some = replace(question, images=images, chosen=chosen, cut=cut, notes=[])
    some.output = question.output[place]
    return some


def _judgeable(attribution: Any) -> Attribution:
    if not isinstance(attribution, Attribution):
        raise InvalidSetting(
            "Only attributions can be evaluated",
            got=type(attribution).__name__,
            allowed="Attribution",
        )
    inside = attribution.params.get("site") if "channel" in attribution.dims else None
    if attribution.dims not in GRIDS or inside is not None:
        raise AxisError(
            "This attribution has no value for each pixel",
            got=f"axes {attribution.dims}" + (f" of the site {inside!r}" if inside else ""),
            allowed=list(GRIDS),
            fix="Evaluate the attribution as explain() returned it, of the input and not of a site",
        )
    return attribution


def _match_images(attribution: Attribution, images: Images) -> None:
    """Raise unless these images are the ones explained."""
    fix = "Give the images that were explained, in the same order"
    if len(attribution.coords["sample"]) != len(images):
        raise InvalidData(
            "The attribution explains another number of images",
            got=f"{len(images)} images",
            allowed=f"{len(attribution.coords['sample'])} images",
            fix=fix,
        )
    size = attribution.values.shape[1:]
    if size != images.values.shape[-len(size) :]:
        raise InvalidData(
            "The attribution explains images of another size",
            got=images.values.shape[-len(size) :],
            allowed=size,
            fix=fix,
        )
    if attribution.provenance.data_fingerprint not in (None, images.fingerprint()):
        raise InvalidData("The attribution explains other images", got="other pixels", fix=fix)


def _match_model(attribution: Attribution, question: ImageQuestion) -> None:
    """Raise unless this model is the one explained."""
    made, model = attribution.provenance, question.model
    if made.model_fingerprint in ("", model.fingerprint()):
        return
    now, then = question.output, attribution.output
    same = {"rtol": 1e3 * SAME, "atol": SAME * np.abs(now).max()}
    if then is not None and np.allclose(then, now, **same):
        question.note("The model is not the same object inside, but predicts the same.")
        return
    raise InvalidData(
        "The attribution explains another model",
        got=f"{model.name}, fingerprint {model.fingerprint()}, with other predictions",
        allowed=f"{made.model}, fingerprint {made.model_fingerprint}",
        fix="Give the model that was explained, or explain this one",
    )


def _other_background(attribution: Attribution, question: ImageQuestion) -> str:
    """Why the background at hand is not that of the explanation; empty if it is."""
    then = attribution.provenance.background_fingerprint
    now = None if question.background is None else question.background.fingerprint()
    if then == now:
        return ""
    return "the background at hand is not the one that it was explained with"


def marked_pixels(gold: Any, images: Images) -> np.ndarray:
    """Masks of what is responsible, as booleans (sample, row, column).

    Raises
    ------
    InvalidData
        If they have another shape.
    """
    found = np.asarray(gold)
    wanted = (len(images), *images.values.shape[2:])
    if found.shape != wanted or found.dtype.kind not in "biu":
        raise InvalidData(
            "gold marks pixels of each image",
            got=f"shape {found.shape} of {found.dtype}",
            allowed=f"yes or no, shape {wanted}",
        )
    return np.asarray(found != 0)
