from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec

from api.refs import PersonRef

Body = Annotated[str, msgspec.Meta(max_length=4000, examples=["You are right about the price. See 0:42 once more."])]


class RemarkIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """In words, in a video of mine that was uploaded with the purpose `critique_reply`, or in both."""

    body: Body = ""
    asset_id: UUID | None = None
    id: UUID | None = None


class RemarkOut(msgspec.Struct, frozen=True):
    """`asset_id` is a video, which `GetAsset` plays to who sees the critique."""

    id: UUID
    critique_id: UUID
    author: PersonRef
    body: str
    asset_id: UUID | None
    created_at: datetime
