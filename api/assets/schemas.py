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
Percent = Annotated[
    int,
    msgspec.Meta(
        ge=0,
        le=100,
        examples=[40],
        description="Of what is being encoded now; null while nothing is.",
    ),
]
Change = Annotated[
    str,
    msgspec.Meta(
        examples=["rendition_failed"],
        description=(
            "A state it came to, such as `playable`; `rendition_made` or `rendition_failed`; `erased`, when nothing of "
            "a deleted one was left in the store. Others may come."
        ),
    ),
]
ObjectNames = Annotated[list[str], msgspec.Meta(examples=[["poster.jpg", "source.bin", "v/720.m4s"]])]


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


class CaptionPlaybackOut(msgspec.Struct, frozen=True):
    """What is said, as a WebVTT file for a player's track; the HLS playlist offers the same."""

    language: Annotated[str, msgspec.Meta(examples=["en"], description="BCP 47.")]
    label: Annotated[str, msgspec.Meta(examples=["English"])]
    origin: Annotated[
        str, msgspec.Meta(examples=["uploaded"], description="`uploaded` or `automatic`; others may come.")
    ]
    url: str


class DownloadOut(msgspec.Struct, frozen=True):
    """A file to keep, or to choose by its size where data is dear; `url` leads on to one with a file name."""

    name: RenditionName
    url: str
    width: int | None
    height: int | None
    size_bytes: int


class PlaybackOut(msgspec.Struct, frozen=True):
    """URLs that carry their own signature; they hold until `expires_at`. On a 403 ask for fresh ones, and seek back.

    `downloads`: whole files, smallest first. `mp4_url` is null of a video that plays while its first rendition is being
    made: what `hls_url` gives grows until that is done.
    """

    expires_at: datetime
    hls_url: str | None
    mp4_url: str | None
    poster_url: str | None
    storyboard_url: str | None
    waveform_url: str | None
    captions: list[CaptionPlaybackOut]
    downloads: list[DownloadOut]


class FileOut(msgspec.Struct, frozen=True):
    """An attachment that is a file; `url` saves it under `filename`, and holds until `expires_at`.

    What a camera noted in a picture of when and where is not in it.
    """

    url: str
    filename: Annotated[str, msgspec.Meta(examples=["price-list.pdf"])]
    content_type: Annotated[str, msgspec.Meta(examples=["application/pdf"])]
    size_bytes: int
    expires_at: datetime


class AssetOut(msgspec.Struct, frozen=True):
    """`width` and `height` are upright. `playback` is null until something plays.

    `renditions_pending`: more is coming. A video that plays may have a `problem`: then renditions of it failed, and a
    retry makes those that are missing. `audio_only`: its picture is a still one, of a voice alone. `file`: it is an
    attachment that is no recording, and does not play.
    """

    id: UUID
    purpose: Purpose
    state: AssetState
    percent: Percent | None
    renditions_pending: bool
    audio_only: bool
    content_type: str
    size_bytes: int | None
    duration_ms: int | None
    width: int | None
    height: int | None
    problem: ProblemOut | None
    renditions: list[RenditionOut]
    playback: PlaybackOut | None
    file: FileOut | None
    created_at: datetime
    playable_at: datetime | None
    ready_at: datetime | None


class AssetEventOut(msgspec.Struct, frozen=True):
    """One change of a video. `from_state`: of a move, where it came from; `by`: who did it, null for the system.

    `problem` says what went wrong. `detail`, what the programs said, is shown to `admin` and `enablement` only.
    """

    id: UUID
    at: datetime
    change: Change
    from_state: str | None
    by: UUID | None
    rendition: RenditionName | None
    problem: ProblemOut | None
    detail: str | None


class ErasureOut(msgspec.Struct, frozen=True):
    """The receipt of an erasure. `completed_at` is null until the store, listed once more, held nothing of it.

    `objects` were removed, by name `names`; with the old versions and deletion marks that a bucket may keep they were
    `versions`. `multiparts`: uploads that were never finished.
    """

    asset_id: UUID
    requested_by: UUID | None
    requested_at: datetime
    completed_at: datetime | None
    objects: Annotated[int, msgspec.Meta(examples=[3])]
    versions: Annotated[int, msgspec.Meta(examples=[3])]
    multiparts: Annotated[int, msgspec.Meta(examples=[0])]
    names: ObjectNames
