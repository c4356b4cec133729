"""Uploads bring bytes in; an asset is the video they become, with its renditions."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, Index, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Concerns, Stateful, Tenant, belongs_to, moves, now, of_org, one_of

PURPOSES = ("response", "prompt", "model_answer", "critique_reply", "attachment")

FIRST_UNTIL = "first_until"
"""In its facts: until when URLs hold of the first file, which is handed out no more (seconds since 1970)."""


class Asset(Stateful):
    """`width` and `height` are upright. `problem_code` is one of the media problems' codes."""

    __tablename__ = "asset"
    MOVES = moves(
        uploading="processing failed deleted",
        processing="playable ready failed deleted",
        playable="ready processing failed deleted",
        ready="playable processing deleted",  # objects of it were lost, and are made again
        failed="processing deleted",
        deleted="",
    )

    owner_id: Mapped[UUID]
    purpose: Mapped[str]
    state: Mapped[str] = mapped_column(default="uploading")
    renditions_pending: Mapped[bool] = mapped_column(default=False)
    content_type: Mapped[str] = mapped_column(default="")
    size_bytes: Mapped[int | None] = mapped_column(BigInteger)
    sha256: Mapped[str | None]  # of the source, base64, as the worker read it
    duration_ms: Mapped[int | None]
    width: Mapped[int | None]
    height: Mapped[int | None]
    problem_code: Mapped[str | None]
    problem_detail: Mapped[str | None]  # for the operator
    facts: Mapped[dict[str, Any] | None]  # what the probe found
    storyboard: Mapped[bool] = mapped_column(default=False)
    poster: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime] = mapped_column(default=now)
    processing_at: Mapped[datetime | None]
    playable_at: Mapped[datetime | None]
    ready_at: Mapped[datetime | None]
    deleted_at: Mapped[datetime | None]
    bright_spot_id: Mapped[UUID | None]  # of a clip: what it was cut for
    encoded_percent: Mapped[int | None]  # of what is being encoded now
    audio_only: Mapped[bool] = mapped_column(default=False, server_default=text("false"))
    speech: Mapped[dict[str, Any] | None]  # what was measured of the voice (media.speech)
    source_deleted_at: Mapped[datetime | None]  # only what is served is kept since

    __table_args__ = (
        of_org(),
        belongs_to("owner_id", "person"),
        belongs_to("bright_spot_id", "bright_spot", cyclic=True),
        one_of("purpose", (*PURPOSES, "clip")),
        one_of("state", MOVES),
        CheckConstraint("state <> 'failed' OR problem_code IS NOT NULL", name="problem"),
        Index("ix_asset_owner", "org_id", "owner_id"),
        Index("ix_asset_unfinished", "org_id", "state", postgresql_where=text("state = 'processing'")),
    )

    def concerns(self) -> Concerns:
        return Concerns(self.owner_id)

    @property
    def growing(self) -> bool:
        """Whether it plays as far as its first rendition is made by now."""
        return self.state == "playable" and bool((self.facts or {}).get("growing"))

    def told(self) -> dict[str, Any]:
        if self.state != "failed":
            return {}
        return {"problem": self.problem_code} | ({"detail": self.problem_detail} if self.problem_detail else {})


class Rendition(Tenant):
    """One object of an asset. `index` holds its byte ranges (of an HLS one), from which playlists are written."""

    __tablename__ = "rendition"

    asset_id: Mapped[UUID]
    name: Mapped[str]
    kind: Mapped[str]
    key: Mapped[str]
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    width: Mapped[int | None]
    height: Mapped[int | None]
    index: Mapped[dict[str, Any] | None]

    __table_args__ = (
        belongs_to("asset_id", "asset", cascade=True),
        one_of("kind", ("progressive", "video", "audio")),
        Index("uq_rendition_name", "org_id", "asset_id", "name", unique=True),
    )


class Caption(Tenant):
    """What is said in a video, in one language: the WebVTT is in the store under `key`, `text` is its words only."""

    __tablename__ = "caption"

    asset_id: Mapped[UUID]
    language: Mapped[str]  # BCP 47
    label: Mapped[str]
    origin: Mapped[str]
    key: Mapped[str]
    text: Mapped[str]
    created_by: Mapped[UUID | None]
    created_at: Mapped[datetime] = mapped_column(default=now)

    __table_args__ = (
        belongs_to("asset_id", "asset", cascade=True),
        belongs_to("created_by", "person"),
        one_of("origin", ("uploaded", "automatic")),
        Index("uq_caption_language", "org_id", "asset_id", "language", unique=True),
    )


class Erasure(Tenant):
    """The receipt of an erasure: what was removed from the store, and that nothing was left. No content, names only."""

    __tablename__ = "erasure"

    asset_id: Mapped[UUID]
    requested_by: Mapped[UUID | None]
    requested_at: Mapped[datetime] = mapped_column(default=now)
    completed_at: Mapped[datetime | None]
    objects: Mapped[int] = mapped_column(default=0)
    versions: Mapped[int] = mapped_column(default=0)  # of a bucket that keeps old ones, these too
    multiparts: Mapped[int] = mapped_column(default=0)  # uploads of it that were never finished
    names: Mapped[list[str]] = mapped_column(JSONB, default=list)  # of the objects, without the tenant's prefix

    __table_args__ = (
        belongs_to("asset_id", "asset"),
        belongs_to("requested_by", "person"),
        Index("uq_erasure_asset", "org_id", "asset_id", unique=True),
        Index("ix_erasure_open", "requested_at", postgresql_where=text("completed_at IS NULL")),
    )


class Upload(Stateful):
    __tablename__ = "upload"
    MOVES = moves(open="completed aborted expired", completed="", aborted="", expired="")

    asset_id: Mapped[UUID]
    person_id: Mapped[UUID]
    purpose: Mapped[str] = mapped_column(default="response")
    state: Mapped[str] = mapped_column(default="open")
    filename: Mapped[str]
    content_type: Mapped[str]
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    duration_ms: Mapped[int | None]
    part_size_bytes: Mapped[int]
    part_count: Mapped[int]
    multipart_id: Mapped[str] = mapped_column(default="")  # begun when the first URLs are asked for
    with_checksums: Mapped[bool | None]  # of each part or of none: fixed when the multipart begins
    received_bytes: Mapped[int] = mapped_column(BigInteger, default=0)  # when its parts were last listed
    life_days: Mapped[int] = mapped_column(default=7)  # begins anew as parts arrive
    sha256: Mapped[str | None]  # of the whole file, as the client claims it, base64
    assignment_id: Mapped[UUID | None]
    prompt_id: Mapped[UUID | None]
    created_at: Mapped[datetime] = mapped_column(default=now)
    expires_at: Mapped[datetime]
    completed_at: Mapped[datetime | None]
    checked_at: Mapped[datetime | None]  # when the sweeper last listed its parts

    __table_args__ = (
        belongs_to("asset_id", "asset"),
        belongs_to("person_id", "person"),
        belongs_to("assignment_id", "assignment"),
        belongs_to("prompt_id", "prompt"),
        one_of("purpose", PURPOSES),
        one_of("state", MOVES),
        CheckConstraint("size_bytes > 0", name="size_bytes"),
        Index("ix_upload_person", "org_id", "person_id", "state"),
        Index("uq_upload_asset", "org_id", "asset_id", unique=True),
        Index("ix_upload_open", "expires_at", postgresql_where=text("state = 'open'")),
        Index("ix_upload_org_open", "org_id", "person_id", postgresql_where=text("state = 'open'")),
    )


class UploadPart(Tenant):
    """A part a URL was signed for with a checksum: completing on S3 needs it again."""

    __tablename__ = "upload_part"

    upload_id: Mapped[UUID]
    part_number: Mapped[int]
    checksum_sha256: Mapped[str]

    __table_args__ = (
        belongs_to("upload_id", "upload", cascade=True),
        Index("uq_upload_part_number", "org_id", "upload_id", "part_number", unique=True),
    )
