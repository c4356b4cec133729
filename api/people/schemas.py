from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

import msgspec

from api.accounts.schemas import Email, Password, PersonName, TimeZone
from models.person import Person

OrgRole = Literal["admin", "enablement", "member"]
PersonState = Literal["invited", "active", "left"]


class PersonIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Without a password the person is invited, and chooses one with the link."""

    name: PersonName
    email: Email
    org_role: OrgRole = "member"
    password: Password | None = None
    time_zone: TimeZone | None = None
    id: UUID | None = None


class PersonPatch(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`time_zone: null` means the organization's. `state: left` ends sessions and memberships."""

    name: PersonName | msgspec.UnsetType = msgspec.UNSET
    email: Email | msgspec.UnsetType = msgspec.UNSET
    org_role: OrgRole | msgspec.UnsetType = msgspec.UNSET
    time_zone: TimeZone | msgspec.UnsetType | None = msgspec.UNSET
    state: Literal["active", "left"] | msgspec.UnsetType = msgspec.UNSET


class PersonTeam(msgspec.Struct, frozen=True):
    id: UUID
    name: str
    role: str


class PersonOut(msgspec.Struct, frozen=True):
    """`time_zone` is the person's own; null: the organization's. `teams` are those of now."""

    id: UUID
    name: str
    email: str
    org_role: Annotated[str, msgspec.Meta(examples=["member"])]
    state: Annotated[str, msgspec.Meta(examples=["active"])]
    time_zone: str | None
    teams: list[PersonTeam]
    created_at: datetime
    left_at: datetime | None


def person_out(person: Person, teams: Sequence[PersonTeam]) -> PersonOut:
    return PersonOut(
        person.id,
        person.name,
        person.email,
        person.org_role,
        person.state,
        person.time_zone,
        list(teams),
        person.created_at,
        person.left_at,
    )
