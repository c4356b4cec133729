from datetime import date
from typing import Annotated

import msgspec

from api.refs import SkillRef

Kind = Annotated[str, msgspec.Meta(examples=["objection_play"])]
Month = Annotated[str, msgspec.Meta(examples=["2027-03"], description="Year and month, in UTC.")]
Day = Annotated[date, msgspec.Meta(examples=["2027-03-01"], description="In UTC.")]
Count = Annotated[int, msgspec.Meta(examples=[4])]
Quote = Annotated[
    str,
    msgspec.Meta(
        examples=["They all ask whether it runs in their own cloud."],
        description="As the reviewer wrote it; the names of the two people concerned are left out.",
    ),
]


class SignalOut(msgspec.Struct, frozen=True):
    """What a reviewer marked: not by whom, nor of whom, in which team or video."""

    text: Quote
    tone: str
    challenge_kind: Kind
    skill: SkillRef | None
    day: Day


class OfKind(msgspec.Struct, frozen=True):
    challenge_kind: Kind
    count: Count


class OfSkill(msgspec.Struct, frozen=True):
    """Of those that name no criterion, `skill` is null."""

    skill: SkillRef | None
    count: Count


class OfMonth(msgspec.Struct, frozen=True):
    month: Month
    count: Count


class SignalsOut(msgspec.Struct, frozen=True):
    """A page of them, newest first, with the counts of all that were asked for."""

    items: list[SignalOut]
    next_cursor: str | None
    total: Count
    by_kind: list[OfKind]
    by_skill: list[OfSkill]
    by_month: list[OfMonth]
