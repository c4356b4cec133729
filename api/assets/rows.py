"""Assets read as a part of something else: one JSON value, made by the statement that reads the rest."""

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import ColumnElement, func, select

from models.asset import Asset, Caption, Rendition
from models.reads import instant, json_list


class RenditionRow(msgspec.Struct, array_like=True, frozen=True):
    name: str
    kind: str
    key: str
    width: int | None
    height: int | None
    size_bytes: int


class CaptionRow(msgspec.Struct, array_like=True, frozen=True):
    id: UUID
    language: str
    label: str
    origin: str


class AssetRow(msgspec.Struct, array_like=True, frozen=True):
    """What `asset_json` holds, in its order: all that is shown of an asset, and what its URLs are made of."""

    org_id: UUID
    id: UUID
    purpose: str
    state: str
    encoded_percent: int | None
    renditions_pending: bool
    audio_only: bool
    content_type: str
    size_bytes: int | None
    duration_ms: int | None
    width: int | None
    height: int | None
    problem_code: str | None
    facts: dict[str, Any] | None
    storyboard: bool
    poster: bool
    created_at: datetime
    playable_at: datetime | None
    ready_at: datetime | None
    renditions: list[RenditionRow]
    captions: list[CaptionRow]


# As the session loads it, or as a part of something else.
AnAsset = Asset | AssetRow
ARendition = Rendition | RenditionRow
ACaption = Caption | CaptionRow


def asset_json() -> ColumnElement[Any]:
    """Return an asset with its renditions, of the Asset in the FROM around it."""
    rendition = func.json_build_array(
        Rendition.name, Rendition.kind, Rendition.key, Rendition.width, Rendition.height, Rendition.size_bytes
    )
    renditions = (
        select(json_list(rendition, Rendition.kind, Rendition.name))
        .where(Rendition.org_id == Asset.org_id, Rendition.asset_id == Asset.id)
        .correlate(Asset)
        .scalar_subquery()
    )
    return func.json_build_array(
        Asset.org_id,
        Asset.id,
        Asset.purpose,
        Asset.state,
        Asset.encoded_percent,
        Asset.renditions_pending,
        Asset.audio_only,
        Asset.content_type,
        Asset.size_bytes,
        Asset.duration_ms,
        Asset.width,
        Asset.height,
        Asset.problem_code,
        Asset.facts,
        Asset.storyboard,
        Asset.poster,
        instant(Asset.created_at),
        instant(Asset.playable_at),
        instant(Asset.ready_at),
        renditions,
        captions_json(),
    )


def captions_json() -> ColumnElement[Any]:
    """Return the captions of the Asset in the FROM around it, by language."""
    caption = func.json_build_array(Caption.id, Caption.language, Caption.label, Caption.origin)
    return (
        select(json_list(caption, Caption.language))
        .where(Caption.org_id == Asset.org_id, Caption.asset_id == Asset.id)
        .correlate(Asset)
        .scalar_subquery()
    )
