"""Concept sensitivity: how much more of each concept would move each image's output."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pellucid.core.attribution import Attribution
from pellucid.core.provenance import Provenance
from pellucid.explainers.concepts.concept_method import ConceptMethod, Seen
from pellucid.explainers.concepts.concept_sets import RANDOM
from pellucid.explainers.image_question import ImageQuestion


@dataclass(frozen=True, kw_only=True)
class ConceptSensitivity(ConceptMethod):
    """The derivative of each image's output along the direction of each concept.

    Parameters
    ----------
    concepts : Mapping of str to images, or str
        As for `TCAV`; so is ``background=``.
    site : str, optional
        The address of the module in whose activation concepts are looked for.
    draws : int
        Directions for each concept, each from a random half of its images.
    penalty : float
        Of the ridge regression that finds them.

    Notes
    -----
    What `TCAV` counts, image by image: the axis ``"feature"`` holds concepts, directions have
    length 1, and `error` is the spread over draws. Values do not add up, and say nothing of chance:
    whether a concept counts at all is for `TCAV` to say.

    References
    ----------
    Kim et al. (2018), arXiv:1711.11279, equation 1.
    """

    def answered(self, question: ImageQuestion, seen: Seen) -> Attribution:
        names = [name for name in seen.places if name != RANDOM]
        rises = [seen.rises(self.vectors(question, seen, name)) for name in names]
        return Attribution(
            values=np.stack([each.mean(axis=1) for each in rises], axis=1),
            error=np.stack([each.std(axis=1, ddof=1) for each in rises], axis=1),
            dims=("sample", "feature"),
            coords={"sample": question.images.names, "feature": names},
            output=question.output,
            provenance=Provenance(method=""),
        )
