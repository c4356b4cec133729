from uuid import UUID

from models.alignment import Mark, align
from models.ids import new_id


def mark(start_ms: int, criterion: str | None = None, *, prompt: int = 1, tone: str = "growth") -> Mark:
    return Mark(new_id(), prompt, start_ms, tone, criterion)


def drawn(left: list[Mark], right: list[Mark]) -> list[tuple[int | None, int | None]]:
    return [
        (pair.left.start_ms if pair.left else None, pair.right.start_ms if pair.right else None)
        for pair in align(left, right)
    ]


def test_moments_on_one_criterion_belong_together_in_their_order() -> None:
    left, right = [mark(9000, "opening"), mark(1000, "opening")], [mark(2000, "opening"), mark(7000, "opening")]
    pairs = align(left, right)
    assert [pair.offset_ms for pair in pairs] == [1000, -2000]


def test_what_has_no_counterpart_stands_alone() -> None:
    assert drawn([mark(1000, "opening")], [mark(3000, "closing")]) == [(1000, None), (None, 3000)]
    assert drawn([], [mark(3000), mark(1000)]) == [(None, 1000), (None, 3000)]
    assert drawn([], []) == []


def test_without_a_criterion_the_tone_counts() -> None:
    left = [mark(1000, tone="strength"), mark(2000, tone="growth")]
    assert drawn(left, [mark(500, tone="growth")]) == [(1000, None), (2000, 500)]


def test_answers_to_different_prompts_are_not_compared() -> None:
    assert drawn([mark(1000, "opening")], [mark(1000, "opening", prompt=2)]) == [(1000, None), (None, 1000)]


def test_each_moment_is_there_once_whatever_the_order_they_come_in() -> None:
    left = [mark(start, "opening") for start in (5, 3, 9)]
    right = [mark(start, key) for start, key in ((4, "opening"), (8, None), (1, "closing"))]
    pairs, again = align(left, right), align(reversed(left), reversed(right))
    assert pairs == again
    seen: list[UUID] = [side.id for pair in pairs for side in (pair.left, pair.right) if side]
    assert sorted(seen) == sorted(one.id for one in (*left, *right))
