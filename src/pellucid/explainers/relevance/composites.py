"""Composites: which rule is for which layers."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Composite:
    """The rules of a network, and their settings.

    Parameters
    ----------
    conv, dense : str
        The rule of convolutions, and of all other layers.
    first : str, optional
        The rule of layers that read the input; by default that of their kind.
    epsilon : float
        What is added to the size of an output before relevance is divided by it.
    gamma : float
        How much more contributions of the output's sign count.
    alpha : float
        What positive contributions hand on; negative ones take ``alpha - 1``.
    through_attention : bool
        Whether relevance also goes through the weights of an attention.
    """

    conv: str
    dense: str
    first: str | None = None
    epsilon: float = 1e-6
    gamma: float = 0.25
    alpha: float = 2.0
    through_attention: bool = True

    def rule(self, kind: str, reads_input: bool) -> str:
        """The rule of a layer of this kind."""
        if reads_input and self.first is not None:
            return self.first
        return self.conv if kind == "conv" else self.dense


COMPOSITES = {
    "zero": Composite(conv="zero", dense="zero"),
    "epsilon": Composite(conv="epsilon", dense="epsilon"),
    "gamma": Composite(conv="gamma", dense="gamma"),
    "alpha_beta": Composite(conv="alpha_beta", dense="alpha_beta"),
    "z_plus": Composite(conv="z_plus", dense="z_plus"),
    "epsilon_plus": Composite(conv="z_plus", dense="epsilon"),
    "epsilon_plus_flat": Composite(conv="z_plus", dense="epsilon", first="flat"),
    "epsilon_gamma": Composite(conv="gamma", dense="epsilon"),
    "epsilon_gamma_box": Composite(conv="gamma", dense="epsilon", first="box"),
    "epsilon_alpha_beta": Composite(conv="alpha_beta", dense="epsilon"),
    "epsilon_alpha_beta_flat": Composite(conv="alpha_beta", dense="epsilon", first="flat"),
}
"""By name; those of one rule use it everywhere."""
