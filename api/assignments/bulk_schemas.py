from typing import Annotated
from uuid import UUID

import msgspec

from api.refs import PersonRef
from api.times import Instant

PersonIds = Annotated[list[UUID], msgspec.Meta(min_length=1, max_length=1000)]


class ChosenIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Without `person_ids`: everybody of the challenge, among those the caller runs, who has something to do."""

    person_ids: PersonIds | None = None


class ExtendIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`due_at: null` goes back to the challenge's due time. Without `person_ids`: everybody with something to do."""

    due_at: Instant | None
    person_ids: PersonIds | None = None


class ExcuseIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`excused: false` takes excuses back."""

    person_ids: PersonIds
    excused: bool = True


class BulkItem(msgspec.Struct, frozen=True):
    """`result`: `changed`, or why not: `unchanged`, `reminded_lately`, or the state that leaves nothing to change."""

    person: PersonRef
    assignment_id: UUID
    result: Annotated[str, msgspec.Meta(examples=["changed"])]


class BulkOut(msgspec.Struct, frozen=True):
    """By name."""

    changed: int
    items: list[BulkItem]
