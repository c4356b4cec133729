from typing import Annotated
from uuid import UUID

import msgspec
from litestar.params import QueryParameter

from api.refs import ChallengeRef, PersonRef

Value = Annotated[float | None, msgspec.Meta(examples=[0.5])]
With = Annotated[
    UUID | None,
    QueryParameter(description="Another challenge judged by the same rubric; by default the other one of its pair."),
]


class DifferenceOut(msgspec.Struct, frozen=True):
    """Later less earlier, from -1 to 1, with its 95 % interval; of one person there is none."""

    value: Annotated[float, msgspec.Meta(examples=[0.21])]
    low: Annotated[float | None, msgspec.Meta(examples=[0.08])]
    high: Annotated[float | None, msgspec.Meta(examples=[0.34])]


class MeanChange(msgspec.Struct, frozen=True):
    """A criterion or a skill over the `n` people who were judged on it in both. Means run from 0 to 1."""

    key: Annotated[
        str, msgspec.Meta(examples=["opens-with-the-problem"], description="Of a criterion, or a skill's id.")
    ]
    title: str
    n: int
    before: Value
    after: Value
    difference: DifferenceOut | None


class CriterionChange(msgspec.Struct, frozen=True):
    """A person's scores on one criterion; null where it was not judged."""

    key: Annotated[str, msgspec.Meta(examples=["opens-with-the-problem"])]
    before: Value
    after: Value
    difference: Value


class PersonChange(msgspec.Struct, frozen=True):
    """`same_reviewers`: both takes were judged by the same people, so that no other severity is in the difference."""

    person: PersonRef
    before_take_id: UUID | None
    after_take_id: UUID | None
    same_reviewers: bool | None
    criteria: list[CriterionChange]


class ChallengeComparison(msgspec.Struct, frozen=True):
    """The first take of each person that a manager judged, in the earlier challenge and in the later one.

    First takes, since later ones come after the critique. Only what the caller sees. `n` people were judged in both,
    `same_reviewers` of them by the same. `same_version`: both were judged by one version of the rubric.
    """

    before: ChallengeRef
    after: ChallengeRef
    same_version: bool
    n: int
    same_reviewers: int
    criteria: list[MeanChange]
    skills: list[MeanChange]
    items: list[PersonChange]
    next_cursor: str | None
