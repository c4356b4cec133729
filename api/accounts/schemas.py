from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec

from api.limits.room import StorageUse

Slug = Annotated[str, msgspec.Meta(min_length=1, max_length=63, examples=["acme"])]
Email = Annotated[
    str, msgspec.Meta(min_length=3, max_length=254, pattern=r"^[^@\s]+@[^@\s]+(?!\s)$", examples=["rep@acme.example"])
]
Password = Annotated[str, msgspec.Meta(min_length=10, max_length=200, examples=["a long password"])]
TokenText = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
PersonName = Annotated[str, msgspec.Meta(min_length=1, max_length=200, pattern=r"\S", examples=["Robin Rep"])]
TimeZone = Annotated[str, msgspec.Meta(min_length=1, max_length=64, examples=["Europe/Lisbon"])]


class SignIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    org: Slug
    email: Email
    password: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]


class Refresh(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    refresh_token: TokenText


class SignedIn(msgspec.Struct, frozen=True):
    access_token: str
    refresh_token: str
    token_type: str
    expires_in: int


class AcceptInvitation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    token: TokenText
    password: Password
    name: PersonName | None = None


class ResetPassword(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Ask with `org` and `email`; set with the `token` that came by mail, and the new `password`."""

    org: Slug | None = None
    email: Email | None = None
    token: TokenText | None = None
    password: Password | None = None


class SessionOut(msgspec.Struct, frozen=True):
    id: UUID
    user_agent: str
    address: str
    created_at: datetime
    last_used_at: datetime
    current: bool


class MyOrg(msgspec.Struct, frozen=True):
    id: UUID
    slug: str
    name: str
    time_zone: str


class MyTeam(msgspec.Struct, frozen=True):
    id: UUID
    name: str
    role: str


class Me(msgspec.Struct, frozen=True):
    id: UUID
    name: str
    email: str
    org_role: str
    time_zone: str
    org: MyOrg
    teams: list[MyTeam]
    session_id: UUID
    server_time: datetime
    storage: StorageUse | None = None


class MePatch(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: PersonName | msgspec.UnsetType = msgspec.UNSET
    time_zone: TimeZone | msgspec.UnsetType | None = msgspec.UNSET
