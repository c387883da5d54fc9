"""The one sentence of a comparison: do the methods agree, and which are to be believed here?"""

from __future__ import annotations

import numpy as np

from pellucid.core.scores import Score
from pellucid.metrics.contestants import Answer
from pellucid.metrics.resample import ENOUGH_ROWS
from pellucid.metrics.wording import percent, sentence

AGREE, APART = 0.8, 0.5
"""From which overlap of the top features methods are said to agree, and below which to differ."""

SIMILAR = ("same features", "same places", "same signs", "rank correlation")
"""Measures of agreement of two methods, as scores call them."""

FAITHFUL = ("deletion", "insertion", "comprehensiveness", "sufficiency")
"""Numbers by which a method can be no better than random order."""

DOUBTS = {
    "parameter_randomisation": "hardly changes when the network is random",
    "random_logit": "says the same of another class",
    "stability": "changes with a little noise",
    "reseeding": "changes with the seed",
}
"""What speaks against a method whose check fails, in words."""


def verdict(
    answers: list[Answer], found: list[Score], pairs: list[Score], best: list[str], top: int
) -> Score:
    """The sentence; its value is the mean agreement."""
    evidence = answers[0].evidence
    alike = [score for score in pairs if score.metric == SIMILAR[0]]
    mean = float(np.mean([score.value for score in alike]))
    least = min(alike, key=lambda score: score.value)
    word = "agree" if mean >= AGREE else "disagree" if mean < APART else "agree in part"
    text = f"the methods {word}: two of them share {percent(mean)} of {evidence.one}'s top {top}"
    if len(alike) > 1:
        text += f" (least {least.group.replace(' ~ ', ' and ')}, {percent(least.value)})"
    text += _faith(answers, found, best) + _believe(answers, found, best)
    fast = min(answers, key=lambda answer: answer.seconds)
    text += f"; {fast.name} is the fastest"
    return Score(metric="verdict", value=mean, n=len(evidence), text=sentence(text))


def _faith(answers: list[Answer], found: list[Score], best: list[str]) -> str:
    """The part of the sentence on what moves the prediction."""
    if not best:
        part = answers[0].evidence.part
        return f"; replacing {part}s moves no prediction, so faithfulness cannot be told"
    if len(answers[0].evidence) < ENOUGH_ROWS:
        return ""
    if len(best) == len(answers):
        text = "; none is ahead in finding what moves the prediction"
    else:
        text = f"; {listed(best)} find{'s' * (len(best) == 1)} what moves the prediction best"
    chance = _by_chance(found)
    return text + (f"; {listed(chance)} no better than random order" if chance else "")


def _by_chance(found: list[Score]) -> list[str]:
    """Methods that some number of faithfulness cannot tell from random order."""
    return sorted({s.group for s in found if s.metric in FAITHFUL and s.passed is False})


def _believe(answers: list[Answer], found: list[Score], best: list[str]) -> str:
    """The part of the sentence on which methods to believe here, and what speaks against others."""
    against: dict[str, list[str]] = {}
    for score in found:
        if score.metric in DOUBTS and score.passed is False:
            against.setdefault(score.group, []).append(DOUBTS[score.metric])
    text = "".join(
        f"; {name} {' and '.join(dict.fromkeys(reasons))}" for name, reasons in against.items()
    )
    if not best:
        return text
    chance = _by_chance(found)
    names = [answer.name for answer in answers]
    sound = [name for name in names if name not in against and name not in chance]
    first = [name for name in best if name in sound]
    rest = [name for name in sound if name not in first]
    n, thing = len(answers[0].evidence), answers[0].evidence.thing
    if n < ENOUGH_ROWS:
        few = f"{n} {thing}s are" if n > 1 else f"one {thing} is"
        text += f"; {few} too few to say which to believe"
        return text + (f", but nothing speaks against {listed(sound)}" if sound else "")
    if not sound:
        return f"{text}; here none of them is to be believed without doubt"
    if not first:
        return f"{text}; here believe {listed(rest)}"
    beside = f", then {listed(rest)}" if rest else ""
    return f"{text}; here believe {listed(first)}{beside}"


def listed(names: list[str]) -> str:
    """``a, b and c``."""
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))
