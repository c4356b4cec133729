"""Marks on a curve: where a skill began to be judged differently, and how long that wants to bed down."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from api.progress.marks import MarkOut, marks_of, young_change
from models.ids import new_id
from models.rubric import RubricVersion
from tests.factories.critiques import observe
from tests.factories.people import OrgKit
from tests.factories.takes import Story, make_assignment, make_challenge, make_story

DAY = datetime(2027, 3, 1, tzinfo=UTC)
OURS, OTHER = UUID(int=1), UUID(int=2)


@dataclass(frozen=True)
class Seen:
    observed_at: datetime
    rubric_version: int
    rubric_id: UUID = OURS
    take_id: UUID | None = None


def seen(*found: tuple[int, int] | tuple[int, int, UUID]) -> list[Seen]:
    """Return observations of (day, version) or (day, version, rubric)."""
    rows = [Seen(DAY + timedelta(days=one[0]), *one[1:]) for one in found]
    return [replace(row, take_id=new_id()) for row in rows]


def test_nothing_is_marked_while_nothing_changes() -> None:
    assert marks_of(seen((0, 1), (5, 1), (9, 1))) == []
    assert marks_of([]) == []


def test_the_first_take_that_another_version_judged_is_marked() -> None:
    assert marks_of(seen((0, 1), (5, 2), (9, 2))) == [
        MarkOut(DAY + timedelta(days=5), "rubric_version", OURS, 2, from_version=1)
    ]


def test_two_rubrics_by_turns_are_marked_once() -> None:
    found = marks_of(seen((0, 1), (1, 4, OTHER), (2, 1), (3, 4, OTHER), (4, 2)))
    assert [(mark.kind, mark.rubric_id, mark.version) for mark in found] == [
        ("rubric", OTHER, 4),
        ("rubric_version", OURS, 2),
    ]


@pytest.mark.parametrize(
    ("days", "takes", "warns"), [(1, 1, True), (27, 5, True), (29, 2, True), (29, 3, False), (90, 3, False)]
)
def test_a_change_beds_down_with_time_and_takes(days: int, takes: int, *, warns: bool) -> None:
    rows = seen((0, 1), *[(10, 2)] * takes)
    warning = young_change(marks_of(rows), rows, DAY + timedelta(days=10 + days))
    assert bool(warning) is warns
    if warning:
        assert (warning.since, warning.observations) == (DAY + timedelta(days=10), takes)


def test_another_rubric_alone_is_no_warning() -> None:
    rows = seen((0, 1), (10, 1, OTHER))
    assert young_change(marks_of(rows), rows, DAY + timedelta(days=11)) is None


async def test_the_curve_of_a_person_has_its_marks(org: OrgKit) -> None:
    story = await make_story(org)
    await observe(story, [0.2, 0.4], every_days=1)
    async with org.database.tenant(org.id) as session:
        first = await session.get_one(RubricVersion, (org.id, story.rubric_version_id))
        second = RubricVersion(org_id=org.id, rubric_id=first.rubric_id, version=2)
        session.add(second)
    later = replace(story, rubric_version_id=second.id)
    await observe_later(later, [0.6])
    await observe_later(later, [0.9], perspective="self")
    for who in (story.rep, story.manager):
        body = (await who.client.get(f"/v1/people/{story.rep.id}/progress")).json()
        [found] = [one for one in body["skills"] if one["skill"]["name"] == "Positioning"]
        [mark] = found["marks"]
        assert (mark["kind"], mark["from_version"], mark["version"]) == ("rubric_version", 1, 2)
        assert (mark["rubric_id"], mark["at"]) == (str(first.rubric_id), found["points"][-2]["at"])
        assert (found["warning"]["code"], found["warning"]["observations"]) == ("let-it-bed-down", 1)


async def observe_later(story: Story, values: list[float], **how: Any) -> None:
    """As `observe`, with numbers that no other take has."""
    assignments = await another_assignment(story)
    await observe(replace(story, assignment_id=assignments), values, **how)


async def another_assignment(story: Story) -> UUID:
    challenge_id, _ = await make_challenge(story.org, story.manager.id, story.rubric_version_id)
    return await make_assignment(story.org, challenge_id, story.rep.id, story.team_id)
