from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec

from api.changes.schemas import Subject
from api.refs import PersonRef


class AuditOut(msgspec.Struct, frozen=True):
    """`actor` is empty where the system acted; `person`: of whom it was, where it is anybody's."""

    id: UUID
    at: datetime
    v: int
    name: Annotated[str, msgspec.Meta(examples=["person.role_changed"])]
    subject: Subject
    actor: PersonRef | None
    person: PersonRef | None
    team_id: UUID | None
    data: Annotated[dict[str, Any], msgspec.Meta(examples=[{"from": "member", "to": "enablement"}])]
