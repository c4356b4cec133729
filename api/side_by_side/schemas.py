from uuid import UUID

import msgspec

from api.moments.schemas import MomentBrief
from api.next_steps.schemas import TrackedStep
from api.takes.schemas import TakeOut


class CueOut(msgspec.Struct, frozen=True):
    """Two moments that belong together, or one alone: seek each video to its own.

    `offset_ms`: how much later the right one comes in its video.
    """

    criterion_key: str | None
    left: MomentBrief | None
    right: MomentBrief | None
    offset_ms: int | None


class LevelOut(msgspec.Struct, frozen=True):
    """What the managers' last published critique found; `value` 0 to 1, null where it did not apply."""

    critique_id: UUID
    label: str | None
    value: float | None


class ComparedCriterion(msgspec.Struct, frozen=True):
    """By the key, which survives versions of a rubric. `change` is right minus left."""

    key: str
    title: str
    skill_id: UUID
    left: LevelOut | None
    right: LevelOut | None
    change: float | None


class SideBySideOut(msgspec.Struct, frozen=True):
    """`next_steps`: of one person's two takes, what was agreed between the earlier and the later one."""

    left: TakeOut
    right: TakeOut
    criteria: list[ComparedCriterion]
    cues: list[CueOut]
    next_steps: list[TrackedStep]
