"""What scores come to: the figures by hand, and what holds whatever they are."""

import math
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.critique_rules import Judged, meets_pass_mark, missing, skill_values, value_of

OPENING, STORY = UUID(int=1), UUID(int=2)


def judged(points: float | None = None, **values: Any) -> Judged:
    return Judged(
        **{
            "key": "opening",
            "skill_id": OPENING,
            "weight": 1.0,
            "required": True,
            "must_pass": False,
            "levels": (0.0, 1.0, 2.0),
            "points": points,
            **values,
        }
    )


@st.composite
def scored(draw: st.DrawFn) -> Judged:
    levels = tuple(sorted(draw(st.sets(st.integers(-20, 20), min_size=2, max_size=7))))
    points = draw(st.sampled_from([*levels, None]))
    return judged(
        None if points is None else float(points),
        levels=tuple(map(float, levels)),
        weight=draw(st.floats(0.01, 100)),
        skill_id=draw(st.sampled_from([OPENING, STORY])),
        not_applicable=points is None and draw(st.booleans()),
    )


@pytest.mark.parametrize(("points", "value"), [(0, 0.0), (1, 0.5), (2, 1.0), (None, None)])
def test_a_score_is_where_it_lies_between_the_lowest_and_the_highest_level(
    points: float | None, value: float | None
) -> None:
    assert judged(points).value == value


def test_points_may_begin_anywhere_and_in_any_order() -> None:
    assert judged(3, levels=(5.0, 1.0, 3.0)).value == 0.5
    assert judged(-1, levels=(-3.0, -1.0, 5.0)).value == 0.25


@pytest.mark.parametrize(("count", "step"), [(2, 1.0), (3, 0.5), (5, 0.25), (7, 1 / 6)])
def test_the_step_is_the_distance_between_neighbouring_levels(count: int, step: float) -> None:
    assert judged(0, levels=tuple(map(float, range(count)))).step == step


def test_a_critique_is_the_mean_by_weight() -> None:
    parts = [judged(2, weight=1), judged(1, weight=2), judged(0, weight=1)]
    assert value_of(parts) == pytest.approx(0.5)
    assert value_of([judged(2, weight=3), judged(0, weight=1)]) == pytest.approx(0.75)


def test_what_is_not_applicable_weighs_nothing() -> None:
    assert value_of([judged(2), judged(not_applicable=True, weight=100)]) == 1.0


def test_nothing_scored_is_worth_nothing_and_not_nought() -> None:
    assert value_of([]) is None
    assert value_of([judged(), judged(not_applicable=True)]) is None


def test_what_is_missing_is_required_and_neither_scored_nor_left_out() -> None:
    parts = [
        judged(0, key="scored"),
        judged(key="open"),
        judged(key="left out", not_applicable=True),
        judged(key="optional", required=False),
    ]
    assert missing(parts) == ["open"]


def test_each_skill_that_was_scored_has_its_value_and_step() -> None:
    parts = [
        judged(2, weight=1),
        judged(0, weight=3, levels=(0.0, 1.0)),
        judged(1, skill_id=STORY),
        judged(skill_id=UUID(int=3)),
        judged(not_applicable=True, skill_id=UUID(int=4)),
    ]
    found = skill_values(parts)
    assert set(found) == {OPENING, STORY}
    assert found[OPENING].value == pytest.approx(0.25)
    assert found[OPENING].step == pytest.approx((0.5 + 3) / 4)
    assert (found[STORY].value, found[STORY].step) == (0.5, 0.5)


@pytest.mark.parametrize(
    ("parts", "mark", "meets"),
    [
        ([judged(1)], 0.5, True),
        ([judged(1)], 0.51, False),
        ([judged(2)], None, None),
        ([judged()], 0.5, None),
        ([], 0.5, None),
        ([judged(2), judged(1, must_pass=True)], 0.5, True),
        ([judged(2), judged(0, must_pass=True)], 0.5, False),
        ([judged(2), judged(0, must_pass=True)], None, False),
        ([judged(0), judged(2, must_pass=True)], 0.5, True),
        ([judged(2), judged(None, must_pass=True)], 0.5, True),
    ],
    ids=[
        "just met",
        "just missed",
        "no mark",
        "nothing scored",
        "nothing there",
        "must pass and does",
        "must pass and does not",
        "must pass without a mark",
        "low elsewhere",
        "must pass and open",
    ],
)
def test_whether_a_mark_is_met(parts: list[Judged], mark: float | None, meets: bool | None) -> None:
    assert meets_pass_mark(parts, mark) is meets


def test_rounding_fails_nobody() -> None:
    """Ten tenths by weight, each on the mark, are on the mark."""
    parts = [judged(7, levels=tuple(map(float, range(11))), weight=0.1) for _ in range(10)]
    assert meets_pass_mark(parts, 0.7)


@given(st.lists(scored(), max_size=8))
def test_a_value_lies_between_those_it_is_made_of(parts: list[Judged]) -> None:
    values = [part.value for part in parts if part.value is not None]
    value = value_of(parts)
    assert (value is None) == (not values)
    if value is not None:
        assert min(values) - 1e-9 <= value <= max(values) + 1e-9


@given(st.lists(scored(), min_size=1, max_size=8), st.floats(0.1, 50))
def test_only_the_proportion_of_weights_counts(parts: list[Judged], factor: float) -> None:
    grown = [
        judged(part.points, levels=part.levels, weight=part.weight * factor, not_applicable=part.not_applicable)
        for part in parts
    ]
    before, after = value_of(parts), value_of(grown)
    assert (before is None) == (after is None)
    assert before is None or after is None or math.isclose(before, after, abs_tol=1e-9)


@given(st.lists(scored(), min_size=1, max_size=8))
def test_a_skill_that_is_alone_has_the_value_of_the_critique(parts: list[Judged]) -> None:
    of_one = [part for part in parts if part.skill_id == OPENING]
    value, found = value_of(of_one), skill_values(of_one)
    assert (OPENING in found) == (value is not None)
    if value is not None:
        assert found[OPENING].value == pytest.approx(value)
        assert 1 / 6 - 1e-9 <= found[OPENING].step <= 1
