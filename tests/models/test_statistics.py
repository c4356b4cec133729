"""The figures of progress against an independent computation, their properties, and their promise by simulation."""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats

from models.statistics import Observation, Trend, critique_value, score_value, standing, standings, trend, trends

START = datetime(2025, 3, 1, 9, 0, tzinfo=UTC)
LATER = START + timedelta(days=4000)


def observed(days: Sequence[float], values: Sequence[float], step: float | None = 0.25) -> list[Observation]:
    return [Observation(START + timedelta(days=day), value, step) for day, value in zip(days, values, strict=True)]


def by_matrices(
    design: NDArray[np.float64], weights: NDArray[np.float64], values: NDArray[np.float64], step: float
) -> tuple[float, float, float]:
    """Written out with whole matrices; the degrees of freedom from the eigenvalues of the quadratic form."""
    w = np.diag(weights)
    a = np.linalg.inv(design.T @ w @ design) @ design.T @ w
    m = np.identity(len(values)) - design @ a
    g = m @ m.T
    corrected = np.diag(1 / np.diag(g)) @ np.diag((m @ values) ** 2)
    variance = max((a @ corrected @ a.T)[0, 0], step**2 / 12 * (a @ a.T)[0, 0])
    form = m.T @ np.diag(a[0] ** 2 / np.diag(g)) @ m
    eigenvalues = np.linalg.eigvalsh(form)
    freedom = eigenvalues.sum() ** 2 / (eigenvalues**2).sum()
    half = stats.t.ppf(0.975, freedom) * math.sqrt(variance)
    estimate = (a @ values)[0]
    return estimate, estimate - half, estimate + half


@st.composite
def histories(draw: st.DrawFn, least: int = 6) -> list[Observation]:
    """Takes on distinct days over at least 30 days, scored on a rubric of 2 to 7 levels."""
    levels = draw(st.integers(2, 7))
    days = draw(st.lists(st.integers(0, 700), min_size=least, max_size=25, unique=True))
    days = [*days[1:], max(days) + 30]
    marks = draw(st.lists(st.integers(0, levels - 1), min_size=len(days), max_size=len(days)))
    return observed(days, [mark / (levels - 1) for mark in marks], 1 / (levels - 1))


@st.composite
def wild_histories(draw: st.DrawFn) -> list[Observation]:
    """Any moments within a century, equal ones too, of any values and steps."""
    row = st.tuples(st.floats(0, 36_000), st.floats(0, 1), st.none() | st.sampled_from([1.0, 0.5, 0.25, 1 / 6]))
    rows = draw(st.lists(row, min_size=1, max_size=20))
    return [Observation(START + timedelta(days=day), value, step) for day, value, step in rows]


def test_a_score_is_its_place_between_the_least_and_the_most_points() -> None:
    assert score_value(1, 1, 5) == 0
    assert score_value(4, 1, 5) == 0.75
    assert score_value(5, 1, 5) == 1


@pytest.mark.parametrize(("points", "least", "most"), [(6, 1, 5), (0, 1, 5), (3, 3, 3), (3, 5, 1)])
def test_points_off_the_scale_are_refused(points: float, least: float, most: float) -> None:
    with pytest.raises(ValueError, match="do not lie on a scale"):
        score_value(points, least, most)


def test_a_critique_is_the_weighted_mean_of_its_scores() -> None:
    assert critique_value([(1.0, 3), (0.0, 1)]) == 0.75


def test_not_applicable_is_left_out_and_the_other_weights_rescaled() -> None:
    assert critique_value([(1.0, 1), (None, 6), (0.5, 1)]) == critique_value([(1.0, 1), (0.5, 1)]) == 0.75


@pytest.mark.parametrize("scored", [[], [(None, 2.0)], [(0.5, 0.0)]])
def test_a_critique_that_scored_nothing_has_no_value(scored: list[tuple[float | None, float]]) -> None:
    assert critique_value(scored) is None


def test_nothing_observed_is_no_standing() -> None:
    assert standing([], LATER) is None


def test_one_observation_gives_an_interval_that_holds_for_any_spread() -> None:
    alone = standing(observed([0], [0.75]), LATER)
    assert alone is not None
    assert (alone.value, alone.n) == (0.75, 1)
    assert alone.low == pytest.approx(0.01875)
    assert alone.high == pytest.approx(0.99375)


def test_takes_of_one_day_have_the_interval_of_student() -> None:
    values = [0.25, 0.5, 0.5, 0.75, 0.5]
    today = standing(observed([3] * 5, values), LATER)
    low, high = stats.t.interval(0.95, 4, loc=np.mean(values), scale=stats.sem(values))
    assert today is not None
    assert (today.value, today.low, today.high) == pytest.approx((0.5, low, high))


def test_a_take_45_days_older_weighs_half() -> None:
    both = standing(observed([0, 45], [0.0, 0.75]), LATER)
    assert both is not None
    assert both.value == pytest.approx(0.5)


def test_equal_scores_leave_what_rounding_hides() -> None:
    equal = standing(observed([3] * 4, [0.5] * 4, step=0.5), LATER)
    assert equal is not None
    half = stats.t.ppf(0.975, 3) * 0.5 / math.sqrt(12 * 4)
    assert (equal.low, equal.high) == pytest.approx((0.5 - half, 0.5 + half))


def test_an_unknown_step_counts_as_the_finest() -> None:
    days, values = [0, 20, 30], [0.5] * 3
    assert standing(observed(days, values, None), LATER) == standing(observed(days, values, 1 / 6), LATER)


@given(histories(least=2))
def test_the_standing_agrees_with_the_matrices(history: list[Observation]) -> None:
    newest = max(o.at for o in history)
    weights = np.array([0.5 ** ((newest - o.at) / timedelta(days=45)) for o in history])
    # Where the newest take all but is the mean, the textbook formula divides by nought.
    assume(1 - weights.max() / weights.sum() > 0.01)
    values = np.array([o.value for o in history])
    value, low, high = by_matrices(np.ones((len(history), 1)), weights, values, history[0].step or 0)
    found = standing(history, LATER)
    assert found is not None
    assert found.n == len(history)
    assert found.value == pytest.approx(value)
    assert (found.low, found.high) == pytest.approx((max(0, low), min(1, high)), abs=1e-9)


@given(histories())
def test_the_trend_agrees_with_the_matrices(history: list[Observation]) -> None:
    ages = np.array([(LATER - o.at) / timedelta(days=1) for o in history])
    weights = 0.5 ** ((ages - ages.min()) / 120)
    design = np.column_stack([-ages, np.ones_like(ages)])
    solved = design @ np.linalg.inv(design.T @ np.diag(weights) @ design) @ design.T @ np.diag(weights)
    rest = np.identity(len(ages)) - solved
    assume(np.diag(rest @ rest.T).min() > 0.001)
    values = np.array([o.value for o in history])
    daily = by_matrices(design, weights, values, history[0].step or 0)
    found = trend(history, LATER)
    assert (found.per_90_days, found.low, found.high) == pytest.approx(
        tuple(90 * figure for figure in daily), rel=1e-6, abs=1e-9
    )


@pytest.mark.parametrize(
    "days", [[0, 20, 40, 60, 80], [0, 5, 10, 15, 20, 29.9], []], ids=["five", "a month short", "none"]
)
def test_few_takes_or_days_are_too_early_for_figures(days: list[float]) -> None:
    found = trend(observed(days, [0.5] * len(days)), LATER)
    assert found == Trend("too_early", None, None, None)


def test_six_takes_in_thirty_days_are_enough() -> None:
    assert trend(observed([0, 6, 12, 18, 24, 30], [0.5] * 6), LATER).state == "steady"


@given(st.integers(8, 30), st.integers(60, 365))
def test_steady_growth_is_rising_and_its_mirror_falling(takes: int, span: int) -> None:
    days = np.linspace(0, span, takes)
    up = trend(observed(days.tolist(), np.linspace(0, 1, takes).tolist()), LATER)
    down = trend(observed(days.tolist(), np.linspace(1, 0, takes).tolist()), LATER)
    assert (up.state, down.state) == ("rising", "falling")
    assert up.per_90_days == pytest.approx(90 / span)
    assert down.per_90_days == pytest.approx(-90 / span)


@given(histories(), st.floats(0, 1))
def test_equal_scores_are_steady_and_not_certain(history: list[Observation], value: float) -> None:
    found = trend([replace(o, value=value) for o in history], LATER)
    assert found.state == "steady"
    assert found.low is not None
    assert found.high is not None
    assert found.low < 0 < found.high


@given(st.lists(st.just([]) | histories(least=1), max_size=6))
def test_many_at_once_have_the_figures_each_has_alone(many: list[list[Observation]]) -> None:
    for found, history in zip(standings(many, LATER), many, strict=True):
        alone = standing(history, LATER)
        assert (found and (found.n, found.value, found.low, found.high)) == pytest.approx(
            alone and (alone.n, alone.value, alone.low, alone.high), abs=1e-9
        )
    for rise, history in zip(trends(many, LATER), many, strict=True):
        one = trend(history, LATER)
        assert (rise.per_90_days, rise.low, rise.high) == pytest.approx((one.per_90_days, one.low, one.high), abs=1e-9)


@given(histories(), st.randoms(use_true_random=False))
def test_order_does_not_matter(history: list[Observation], random: Random) -> None:
    shuffled = list(history)
    random.shuffle(shuffled)
    assert standing(shuffled, LATER) == standing(history, LATER)
    assert trend(shuffled, LATER) == trend(history, LATER)


@given(histories(), st.floats(-0.4, 0.4))
def test_adding_the_same_to_all_scores_moves_the_standing_and_not_the_trend(
    history: list[Observation], shift: float
) -> None:
    squeezed = [replace(o, value=0.45 + o.value / 10, step=0.05) for o in history]
    shifted = [replace(o, value=o.value + shift) for o in squeezed]
    before, after = standing(squeezed, LATER), standing(shifted, LATER)
    assert before is not None
    assert after is not None
    assert after.value == pytest.approx(before.value + shift, abs=1e-9)
    assert figures(trend(shifted, LATER)) == pytest.approx(figures(trend(squeezed, LATER)), abs=1e-9)


@given(histories(), st.integers(0, 300))
def test_the_same_history_at_another_time_gives_the_same_figures(history: list[Observation], days: int) -> None:
    moved = [replace(o, at=o.at + timedelta(days=days)) for o in history]
    assert figures(trend(moved, LATER)) == pytest.approx(figures(trend(history, LATER)), abs=1e-9)


@given(histories(), st.floats(0, 1))
def test_what_comes_after_the_date_asked_for_is_ignored(history: list[Observation], value: float) -> None:
    as_of = max(o.at for o in history)
    later = [Observation(as_of + timedelta(microseconds=1), value, None), *observed([3999], [value])]
    assert standing([*later, *history], as_of) == standing(history, as_of)
    assert trend([*later, *history], as_of) == trend(history, as_of)


@given(wild_histories())
def test_any_history_has_finite_figures_in_order(history: list[Observation]) -> None:
    as_of = max(o.at for o in history)
    now, found = standing(history, as_of), trend(history, as_of)
    assert now is not None
    assert 0 <= now.low <= now.value <= now.high <= 1
    if found.state != "too_early":
        value, low, high = figures(found)
        assert -math.inf < low <= value <= high < math.inf


def test_a_lone_take_of_long_ago_does_not_pass_for_certain() -> None:
    """The line runs through it whatever it is, so only the others' spread can speak for it."""
    lone = observed([0], [0.0])
    assert trend([*lone, *observed([400] * 12, [0.25, 0.75] * 6)], LATER).state == "steady"
    assert trend([*lone, *observed(range(400, 412), [0.25, 0.75] * 6)], LATER).state == "steady"


@given(wild_histories())
def test_top_scores_stand_at_the_top_and_not_above(history: list[Observation]) -> None:
    now = standing([replace(o, value=1.0) for o in history], START + timedelta(days=36_000))
    assert now is not None
    assert now.value == pytest.approx(1)
    assert now.value <= now.high == 1


def test_a_take_dated_centuries_ago_breaks_nothing() -> None:
    now = standing([Observation(datetime(1700, 1, 1, tzinfo=UTC), 0.0, 0.25), *observed([0], [1.0])], LATER)
    assert now is not None
    assert now.value == pytest.approx(1)
    assert now.low == 0


def figures(found: Trend) -> tuple[float, float, float]:
    assert found.per_90_days is not None
    assert found.low is not None
    assert found.high is not None
    return found.per_90_days, found.low, found.high


def scored_people(levels: int, rise_per_90_days: float, people: int) -> list[list[Observation]]:
    """People of 8 to 24 takes over half a year to a year, whose scores scatter by 0.2 and are rounded to a level."""
    rng = np.random.default_rng(levels)
    histories = []
    for _ in range(people):
        takes, span = rng.integers(8, 25), rng.uniform(180, 365)
        days = np.sort(rng.uniform(0, span, takes))
        level = rng.uniform(0.4, 0.6) + rise_per_90_days * (days - span / 2) / 90
        marks = np.clip(level + rng.normal(0, 0.2, takes), 0, 1) * (levels - 1)
        histories.append(observed(days.tolist(), (np.round(marks) / (levels - 1)).tolist(), 1 / (levels - 1)))
    return histories


def share(found: Sequence[Trend], holds: Callable[[Trend], bool]) -> float:
    return sum(map(holds, found)) / len(found)


@pytest.mark.parametrize("levels", [3, 5])
def test_people_who_stay_as_they_are_are_rarely_called_rising(levels: int) -> None:
    found = [trend(history, LATER) for history in scored_people(levels, 0, 800)]
    assert 0.93 <= share(found, lambda t: figures(t)[1] <= 0 <= figures(t)[2]) <= 0.99
    assert share(found, lambda t: t.state == "rising") < 0.05


@pytest.mark.parametrize("levels", [3, 5])
def test_people_who_rise_much_are_mostly_called_rising(levels: int) -> None:
    found = [trend(history, LATER) for history in scored_people(levels, 0.25, 200)]
    assert share(found, lambda t: t.state == "rising") > 0.5
    assert share(found, lambda t: t.state == "falling") == 0
