"""Short forms of what another thing names: enough to show it without another request."""

from uuid import UUID

import msgspec


class PersonRef(msgspec.Struct, frozen=True):
    id: UUID
    name: str


class SkillRef(msgspec.Struct, frozen=True):
    id: UUID
    name: str


class ChallengeRef(msgspec.Struct, frozen=True):
    id: UUID
    title: str
    kind: str
