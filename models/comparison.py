"""The difference that lies between two measurements of the same people: a mean, and how sure one can be of it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from scipy.special import stdtrit

CONFIDENCE = 0.95
_TAIL = (1 - CONFIDENCE) / 2


@dataclass(frozen=True, slots=True)
class Difference:
    """The mean change of n people, with its 95 % interval; one person's alone has none."""

    value: float
    low: float | None
    high: float | None
    n: int


def mean_difference(differences: Sequence[float], steps: Sequence[float]) -> Difference | None:
    """Return the mean of paired differences with its interval by Student's t; None of nobody.

    Scores are rounded to levels, `steps` apart on the scale from 0 to 1. Rounding hides a variance of step²/12 of each
    score (Sheppard 1898), so of a difference twice that; below it no spread is believed. It is about these scores:
    it knows nothing of how severe another reviewer would have been.
    """
    n = len(differences)
    if n == 0:
        return None
    mean = math.fsum(differences) / n
    if n == 1:
        return Difference(mean, None, None, 1)
    spread = math.fsum((one - mean) ** 2 for one in differences) / (n - 1)
    floor = math.fsum(step**2 for step in steps) / n / 6
    half = float(stdtrit(n - 1, 1 - _TAIL)) * math.sqrt(max(spread, floor) / n)
    return Difference(mean, max(-1.0, mean - half), min(1.0, mean + half), n)
