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

Many series are fitted at once, as rows of arrays, padded with observations that weigh nothing.

Without the floor a few equal scores on a coarse rubric would claim certainty. The interval is about these
reviewers' scores: it knows nothing of how severe another reviewer would have been.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import chain
from typing import Literal
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

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
_DIGITS = 12
_MOST_NUMBERS = 4_000_000  # of one array: 32 MB

TrendState = Literal["rising", "falling", "steady", "too_early"]
Array = NDArray[np.float64]


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
    return standings([observations], as_of)[0]


def standings(series: Sequence[Sequence[Observation]], as_of: datetime) -> list[Standing | None]:
    """Return `standing` of each."""
    known = [_until(observations, as_of) for observations in series]
    fits = _fits(known, STANDING_HALF_LIFE, line=False, which=[len(one) > 1 for one in known])
    return [_standing(one, fit) for one, fit in zip(known, fits, strict=True)]


def _standing(known: Sequence[Observation], fit: _Estimate | None) -> Standing | None:
    if not known:
        return None
    if fit is None:
        value = known[0].value
        return Standing(value, _TAIL * value, 1 - _TAIL * (1 - value), 1)
    low, high = fit.value - fit.half_width, fit.value + fit.half_width
    return Standing(_clip(fit.value), _clip(low), _clip(high), len(known))


def trend(observations: Sequence[Observation], as_of: datetime) -> Trend:
    """The slope of a line through the observations, weighted by `0.5 ** (age / 120 days)`, per 90 days.

    `rising` when the whole 95 % interval is above 0, `falling` when it is below, else `steady`; `too_early`
    with fewer than 6 observations or less than 30 days from the first to the last. Observations after `as_of`
    are ignored.
    """
    return trends([observations], as_of)[0]


def trends(series: Sequence[Sequence[Observation]], as_of: datetime) -> list[Trend]:
    """Return `trend` of each."""
    known = [_until(observations, as_of) for observations in series]
    fits = _fits(known, TREND_HALF_LIFE, line=True, which=[not _too_early(one) for one in known])
    return [_trend(fit) for fit in fits]


def _too_early(known: Sequence[Observation]) -> bool:
    return len(known) < TREND_LEAST_OBSERVATIONS or known[-1].at - known[0].at < TREND_LEAST_SPAN


def _trend(fit: _Estimate | None) -> Trend:
    if fit is None:
        return Trend("too_early", None, None, None)
    low, high = fit.value - fit.half_width, fit.value + fit.half_width
    state: TrendState = "rising" if low > 0 else "falling" if high < 0 else "steady"
    return Trend(state, fit.value, low, high)


def _until(observations: Sequence[Observation], as_of: datetime) -> list[Observation]:
    """In one order whatever the caller's: the same observations give the same figures to the last bit."""
    return sorted((o for o in observations if o.at <= as_of), key=lambda o: (o.at, o.value, o.step or 0.0))


def _clip(value: float) -> float:
    return min(1.0, max(0.0, value))


def _fits(
    series: Sequence[Sequence[Observation]], half_life: timedelta, *, line: bool, which: Sequence[bool]
) -> list[_Estimate | None]:
    """Fit a constant, or a line over units of 90 days, to each of the series for which `which` says so."""
    chosen = [known for known, is_chosen in zip(series, which, strict=True) if is_chosen]
    longest = max(map(len, chosen), default=1)
    at_once = max(1, _MOST_NUMBERS // longest**2)
    batches = (chosen[first : first + at_once] for first in range(0, len(chosen), at_once))
    estimates = chain.from_iterable(_fitted(batch, half_life, line=line) for batch in batches)
    return [next(estimates) if is_chosen else None for is_chosen in which]


def _fitted(series: Sequence[Sequence[Observation]], half_life: timedelta, *, line: bool) -> list[_Estimate]:
    there, days, values, steps = _padded(series)
    # Relative to the newest observation: ages from a later day multiply all weights alike, which cancels.
    weights = np.maximum(np.exp2(-days / (half_life / _DAY)), _LEAST_WEIGHT) * there
    columns, rows = _line(weights, days / -90, there) if line else _constant(weights, there)
    return _estimates(columns, rows, weights, values, steps)


def _padded(series: Sequence[Sequence[Observation]]) -> tuple[Array, Array, Array, Array]:
    """Return, a row for each series: 1 where an observation is, days before the newest, values and steps."""
    shape = len(series), max(map(len, series))
    there, days, values, steps = (np.zeros(shape) for _ in range(4))
    for row, known in enumerate(series):
        last, end = known[-1].at, len(known)
        there[row, :end] = 1
        days[row, :end] = [(last - one.at) / _DAY for one in known]
        values[row, :end] = [one.value for one in known]
        steps[row, :end] = [FINEST_STEP if one.step is None else one.step for one in known]
    return there, days, values, steps


def _constant(weights: Array, there: Array) -> tuple[Array, Array]:
    """Return X and S of a constant: series x column x observation."""
    return there[:, None], (weights / weights.sum(1, keepdims=True))[:, None]


def _line(weights: Array, times: Array, there: Array) -> tuple[Array, Array]:
    """Return X and S of a line. Counted from their weighted middle, X'WX has nothing beside its diagonal."""
    level = weights / weights.sum(1, keepdims=True)
    times = (times - (level * times).sum(1, keepdims=True)) * there
    slope = weights * times / (weights * np.square(times)).sum(1, keepdims=True)
    return np.stack([times, there], 1), np.stack([slope, level], 1)


def _estimates(columns: Array, rows: Array, weights: Array, values: Array, steps: Array) -> list[_Estimate]:
    """The first coefficient of each and half its 95 % interval, by the formulas at the top of this file."""
    from scipy.special import stdtrit  # noqa: PLC0415 - it loads slowly, and most processes estimate nothing

    maker = np.eye(values.shape[1]) - columns.swapaxes(1, 2) @ rows
    spread = maker @ maker.swapaxes(1, 2)
    shares = np.diagonal(spread, axis1=1, axis2=2)
    squares = np.square(maker @ values[:, :, None])[:, :, 0]
    parts = _variance_parts(rows[:, 0], weights, shares)
    freedom = np.square((parts * shares).sum(1)) / (parts[:, None] @ np.square(spread) @ parts[:, :, None])[:, 0, 0]
    floor = np.square(rows[:, 0] * steps).sum(1) / 12
    variance = np.maximum((parts * squares).sum(1), floor)
    half_widths = stdtrit(freedom, 1 - _TAIL) * np.sqrt(variance)
    estimates = (rows[:, 0] * values).sum(1)
    # How far a series was padded shows in the last digits.
    pairs = zip(estimates.round(_DIGITS).tolist(), half_widths.round(_DIGITS).tolist(), strict=True)
    return [_Estimate(value, half_width) for value, half_width in pairs]


def _variance_parts(row: Array, weights: Array, shares: Array) -> Array:
    """How much each squared residual adds to the variance: `a_i² / G_ii`.

    An observation that bends the fit through itself (`G_ii` nearly 0) has no residual of its own; the weighted
    mean of the others' stands in for it.
    """
    free = shares > _LEAST_RESIDUAL_SHARE
    own = np.divide(np.square(row), shares, out=np.zeros_like(row), where=free)
    pooled = np.where(free, weights, 0.0)
    bent = np.square(np.where(free, 0.0, row)).sum(1) / (pooled * shares).sum(1)
    parts: Array = own + bent[:, None] * pooled
    return parts
