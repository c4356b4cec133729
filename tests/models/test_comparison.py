"""The mean of paired differences: as an independent computation has it, and as often right as it says."""

import numpy as np
import pytest
from scipy import stats

from models.comparison import mean_difference

TRIALS = 2000


def test_nobody_has_no_difference_and_one_person_no_interval() -> None:
    assert mean_difference([], []) is None
    found = mean_difference([0.25], [0.25])
    assert found is not None
    assert (found.value, found.low, found.high, found.n) == (0.25, None, None, 1)


def test_the_interval_is_students() -> None:
    differences = [0.5, -0.25, 0.25, 0.75, 0.0, 0.5]
    found = mean_difference(differences, [0.0] * 6)
    theirs = stats.ttest_1samp(differences, 0).confidence_interval(0.95)
    assert found is not None
    assert (found.low, found.high) == pytest.approx((theirs.low, theirs.high))


def test_equal_differences_on_a_coarse_scale_are_not_certain() -> None:
    found = mean_difference([0.5, 0.5, 0.5], [0.5] * 3)
    assert found is not None
    assert found.low is not None
    assert found.low < 0.5 - 0.1


@pytest.mark.parametrize(("people", "levels"), [(3, 3), (8, 4), (20, 5)])
def test_it_covers_the_truth_as_often_as_it_says(people: int, levels: int) -> None:
    """Scores are rounded to levels, as reviewers do; the truth is the difference of the means before rounding."""
    rng = np.random.default_rng(11)
    step, truth, hits = 1 / (levels - 1), 0.1, 0
    for _ in range(TRIALS):
        person = rng.normal(0.45, 0.1, people)
        before, after = (person + shift + rng.normal(0, 0.1, people) for shift in (0, truth))
        rounded = [np.clip(np.round(side / step) * step, 0, 1) for side in (before, after)]
        found = mean_difference((rounded[1] - rounded[0]).tolist(), [step] * people)
        assert found is not None
        assert found.low is not None
        assert found.high is not None
        hits += found.low <= truth <= found.high
    assert hits / TRIALS >= 0.93
