from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

import msgspec

from models.team import Team

TeamName = Annotated[str, msgspec.Meta(min_length=1, max_length=120, pattern=r"\S", examples=["North"])]
TeamRole = Literal["manager", "rep"]


class TeamIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: TeamName
    parent_id: UUID | None = None
    id: UUID | None = None


class TeamPatch(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`parent_id: null` makes it a team at the top."""

    name: TeamName | msgspec.UnsetType = msgspec.UNSET
    parent_id: UUID | msgspec.UnsetType | None = msgspec.UNSET


class MemberIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    role: TeamRole


class MemberOut(msgspec.Struct, frozen=True):
    id: UUID
    name: str
    role: str
    from_at: datetime


class TeamOut(msgspec.Struct, frozen=True):
    id: UUID
    name: str
    parent_id: UUID | None
    created_at: datetime


class TeamDetail(msgspec.Struct, frozen=True):
    """`members` are those of now whom the caller sees."""

    id: UUID
    name: str
    parent_id: UUID | None
    created_at: datetime
    members: list[MemberOut]


def team_out(team: Team) -> TeamOut:
    return TeamOut(team.id, team.name, team.parent_id, team.created_at)
