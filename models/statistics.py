"""The pure statistics of progress: the value of a judgement, a person's standing and trend on a skill.

Values run from 0 (the least level of a criterion) to 1 (the most); times are aware datetimes.

Both estimates are weighted least squares `b = (X'WX)^-1 X'W y`: a constant for the standing, a line for the
trend. The weights say how much an observation still matters, not how precise it is, so the usual weighted
variance would be wrong. Instead (the sandwich of White 1980, as corrected by Bell and McCaffrey 2002), with `a`
the row of `(X'WX)^-1 X'W` that gives the estimate, `M = I - X (X'WX)^-1 X'W`, the residuals `e = M y` and `G = M M'`:

    variance            V = sum of d_i e_i², d_i = a_i² / G_ii      unbiased when all errors are alike
    degrees of freedom  nu = (sum of d_i G_ii)² / (sum of d_i d_j G_ij²)         Satterthwaite 1946
    floor               V >= sum of a_i² step_i² / 12               what rounding to a level hides: Sheppard 1898
    interval            b ± t(0.975; nu) sqrt(V)

Without the floor a few equal scores on a coarse rubric would claim certainty. The interval is about these
reviewers' scores: it knows nothing of how severe another reviewer would have been.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

STANDING_HALF_LIFE = timedelta(days=45)
TREND_HALF_LIFE = timedelta(days=120)
TREND_LEAST_OBSERVATIONS = 6
TREND_LEAST_SPAN = timedelta(days=30)
CONFIDENCE = 0.95
# The finest rubric has seven levels; an observation of unknown step is taken for one of those.
FINEST_STEP = 1 / 6

_DAY = timedelta(days=1)
_TAIL = (1 - CONFIDENCE) / 2
# Below this weight an observation moves nothing; the bound keeps decades apart from dividing by nought.
_LEAST_WEIGHT = 1e-12
# Below this an observation bends the fit through itself and says nothing of its own spread.
_LEAST_RESIDUAL_SHARE = 1e-6

TrendState = Literal["rising", "falling", "steady", "too_early"]
Vector = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Observation:
    """What one submitted take showed of one skill: one per take and skill, `at` the take's submission.

    `value` is 0 to 1. `step` is the distance between neighbouring levels of the rubric on that scale,
    1 / (levels - 1), or None when it is not known.
    """

    at: datetime
    value: float
    step: float | None
    reviewer_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """The recent average, its 95 % interval (both 0 to 1), and the number of observations behind it."""

    value: float
    low: float
    high: float
    n: int


@dataclass(frozen=True, slots=True)
class Trend:
    """The change of value in 90 days and its 95 % interval; no figures while it is too early."""

    state: TrendState
    per_90_days: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class _Estimate:
    value: float
    half_width: float


def score_value(points: float, least: float, most: float) -> float:
    """`(points - least) / (most - least)`, 0 to 1; `least`, `most`: of the criterion's levels.

    Raises:
        ValueError: the levels do not differ, or the points lie outside them.
    """
    if not least < most or not least <= points <= most:
        raise ValueError(f"{points} points do not lie on a scale from {least} to {most}")
    return (points - least) / (most - least)


def critique_value(scored: Sequence[tuple[float | None, float]]) -> float | None:
    """The weighted mean of (value, weight) pairs, `sum(w v) / sum(w)` over what was scored.

    A value of None is "not applicable": it is left out, which rescales the other weights. None when nothing
    that weighs anything was scored.
    """
    pairs = [(value, weight) for value, weight in scored if value is not None]
    total = math.fsum(weight for _, weight in pairs)
    if total <= 0:
        return None
    return math.fsum(value * weight for value, weight in pairs) / total


def standing(observations: Sequence[Observation], as_of: datetime) -> Standing | None:
    """The mean weighted by `0.5 ** (age / 45 days)` with its 95 % interval, clipped to 0 and 1.

    Observations after `as_of` are ignored; None when there are no others. A single observation tells nothing
    of its spread, so its interval is the one that holds for any scores between 0 and 1, by Markov's inequality
    on both sides: `0.025 v` to `1 - 0.025 (1 - v)`.
    """
    known = _until(observations, as_of)
    if not known:
        return None
    if len(known) == 1:
        value = known[0].value
        return Standing(value, _TAIL * value, 1 - _TAIL * (1 - value), 1)
    days = _days_before_newest(known)
    estimate = _weighted_fit(np.ones((len(known), 1)), _weights(days, STANDING_HALF_LIFE), known)
    low, high = estimate.value - estimate.half_width, estimate.value + estimate.half_width
    return Standing(_clip(estimate.value), _clip(low), _clip(high), len(known))


def trend(observations: Sequence[Observation], as_of: datetime) -> Trend:
    """The slope of a line through the observations, weighted by `0.5 ** (age / 120 days)`, per 90 days.

    `rising` when the whole 95 % interval is above 0, `falling` when it is below, else `steady`; `too_early`
    with fewer than 6 observations or less than 30 days from the first to the last. Observations after `as_of`
    are ignored.
    """
    known = _until(observations, as_of)
    if len(known) < TREND_LEAST_OBSERVATIONS or known[-1].at - known[0].at < TREND_LEAST_SPAN:
        return Trend("too_early", None, None, None)
    days = _days_before_newest(known)
    design = np.column_stack([-days / 90, np.ones_like(days)])
    estimate = _weighted_fit(design, _weights(days, TREND_HALF_LIFE), known)
    low, high = estimate.value - estimate.half_width, estimate.value + estimate.half_width
    state: TrendState = "rising" if low > 0 else "falling" if high < 0 else "steady"
    return Trend(state, estimate.value, low, high)


def _until(observations: Sequence[Observation], as_of: datetime) -> list[Observation]:
    """In one order whatever the caller's: the same observations give the same figures to the last bit."""
    return sorted((o for o in observations if o.at <= as_of), key=lambda o: (o.at, o.value, o.step or 0.0))


def _clip(value: float) -> float:
    return min(1.0, max(0.0, value))


def _days_before_newest(known: Sequence[Observation]) -> Vector:
    return np.array([(known[-1].at - o.at) / _DAY for o in known])


def _weights(days: Vector, half_life: timedelta) -> Vector:
    """Relative to the newest observation: ages from a later day multiply all weights alike, which cancels."""
    weights: Vector = np.maximum(np.exp2(-days / (half_life / _DAY)), _LEAST_WEIGHT)
    return weights


def _weighted_fit(design: Vector, weights: Vector, known: Sequence[Observation]) -> _Estimate:
    """The first coefficient and half its 95 % interval, by the formulas at the top of this file."""
    values = np.array([o.value for o in known])
    steps = np.array([FINEST_STEP if o.step is None else o.step for o in known])
    solver = np.linalg.solve(design.T @ (weights[:, None] * design), (weights[:, None] * design).T)
    row = solver[0]
    maker = np.eye(len(values)) - design @ solver
    spread = maker @ maker.T
    squares = np.square(maker @ values)
    parts = _variance_parts(row, weights, np.diag(spread))
    freedom = float(parts @ np.diag(spread)) ** 2 / float(parts @ np.square(spread) @ parts)
    floor = float(np.square(row * steps).sum()) / 12
    variance = max(float(parts @ squares), floor)
    return _Estimate(float(row @ values), float(stdtrit(freedom, 1 - _TAIL)) * math.sqrt(variance))


def _variance_parts(row: Vector, weights: Vector, share: Vector) -> Vector:
    """How much each squared residual adds to the variance: `a_i² / G_ii`.

    An observation that bends the fit through itself (`G_ii` nearly 0) has no residual of its own; the weighted
    mean of the others' stands in for it.
    """
    free = share > _LEAST_RESIDUAL_SHARE
    own = np.divide(np.square(row), share, out=np.zeros_like(row), where=free)
    pooled = np.where(free, weights, 0.0)
    parts: Vector = own + np.square(row[~free]).sum() * pooled / (pooled @ share)
    return parts
