from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec


class Subject(msgspec.Struct, frozen=True):
    """What it happened to: `kind` is the first word of the change's `type`."""

    kind: Annotated[str, msgspec.Meta(examples=["take"])]
    id: UUID


class ChangeOut(msgspec.Struct, frozen=True):
    """`v` is the version of what `data` says; `gone`: the subject is not there for you, or not any more."""

    id: UUID
    at: datetime
    v: int
    type: Annotated[str, msgspec.Meta(examples=["take.submitted"])]
    subject: Subject
    actor_id: UUID | None
    data: Annotated[dict[str, Any], msgspec.Meta(examples=[{"from": "draft"}])]
    gone: bool


class ChangesOut(msgspec.Struct, frozen=True):
    """`next` goes on behind these, and is to be kept; with `more` there are further ones already."""

    items: list[ChangeOut]
    next: str
    more: bool
