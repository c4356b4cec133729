from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec

Purpose = Annotated[str, msgspec.Meta(examples=["response"])]
AssetState = Annotated[
    str,
    msgspec.Meta(
        examples=["ready"],
        description="`uploading`, `processing`, `playable`, `ready`, `failed` or `deleted`; others may come.",
    ),
]
RenditionName = Annotated[str, msgspec.Meta(examples=["720p"])]
RenditionKind = Annotated[
    str, msgspec.Meta(examples=["video"], description="`progressive`, or of the HLS ladder `video` and `audio`.")
]
Captions = Annotated[list[str], msgspec.Meta(examples=[[]])]


class ProblemOut(msgspec.Struct, frozen=True):
    """What is wrong with a video, in words its owner can act on; `retryable`: the same bytes may do better."""

    code: str
    message: str
    retryable: bool


class RenditionOut(msgspec.Struct, frozen=True):
    name: RenditionName
    kind: RenditionKind
    width: int | None
    height: int | None
    size_bytes: int


class PlaybackOut(msgspec.Struct, frozen=True):
    """URLs that carry their own signature; they hold until `expires_at`. On a 403 ask for fresh ones, and seek back."""

    expires_at: datetime
    hls_url: str | None
    mp4_url: str | None
    poster_url: str | None
    storyboard_url: str | None
    waveform_url: str | None
    captions: Captions


class AssetOut(msgspec.Struct, frozen=True):
    """`width` and `height` are upright. `playback` is null until something plays.

    `renditions_pending`: more is coming. A video that plays may have a `problem`: then its renditions failed.
    """

    id: UUID
    purpose: Purpose
    state: AssetState
    renditions_pending: bool
    content_type: str
    size_bytes: int | None
    duration_ms: int | None
    width: int | None
    height: int | None
    problem: ProblemOut | None
    renditions: list[RenditionOut]
    playback: PlaybackOut | None
    created_at: datetime
    playable_at: datetime | None
    ready_at: datetime | None
