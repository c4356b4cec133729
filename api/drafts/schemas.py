from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec

from api.critiques.schemas import CritiquePatch
from api.moments.schemas import MomentPatch

KeptAs = Annotated[
    str,
    msgspec.Meta(
        examples=["stale"],
        description=(
            "`stale`: another device had written meanwhile; `late`: it could not be written any more; `replaced`: it "
            "stood there until something else took its place."
        ),
    ),
]


class CritiqueDraftOut(msgspec.Struct, frozen=True):
    """`content` is what was sent, as a PATCH takes it; `base_version` the version it was written on, where it said."""

    id: UUID
    critique_id: UUID
    kept_as: KeptAs
    base_version: int | None
    content: CritiquePatch
    created_at: datetime


class MomentDraftOut(msgspec.Struct, frozen=True):
    """`content` is what was sent, as a PATCH takes it; `base_version` the version it was written on, where it said."""

    id: UUID
    moment_id: UUID
    kept_as: KeptAs
    base_version: int | None
    content: MomentPatch
    created_at: datetime
