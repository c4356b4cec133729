from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

import msgspec

from media.signing import MAX_LIFE_S
from media.storage import MAX_PARTS

Purpose = Literal["response", "prompt", "model_answer", "critique_reply", "attachment"]
State = Literal["open", "completed", "aborted", "expired"]

Filename = Annotated[str, msgspec.Meta(min_length=1, max_length=255, examples=["IMG_0042.MP4"])]
ContentType = Annotated[
    str,
    msgspec.Meta(
        max_length=255,
        examples=["video/mp4"],
        description=(
            "`video/…`, `audio/…`, or `application/octet-stream` where the kind is not known; of an attachment any."
        ),
    ),
]
SizeBytes = Annotated[int, msgspec.Meta(ge=0, examples=[42_000_000])]
DurationMs = Annotated[int, msgspec.Meta(ge=0, examples=[64_000], description="As the client measured it.")]
PartNumber = Annotated[int, msgspec.Meta(ge=1, le=MAX_PARTS, examples=[1])]
# 32 bytes as base64; the length keeps out what a pattern lets pass behind its end.
Sha256 = Annotated[
    str,
    msgspec.Meta(
        pattern="^[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=$",
        min_length=44,
        max_length=44,
        examples=["47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="],
        description="Base64.",
    ),
]
ValidForS = Annotated[
    int, msgspec.Meta(ge=60, le=MAX_LIFE_S, examples=[86_400], description="How long the URLs hold; a week at most.")
]
Headers = Annotated[
    dict[str, str],
    msgspec.Meta(examples=[{"x-amz-checksum-sha256": "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="}]),
]
PartSize = Annotated[int, msgspec.Meta(examples=[8_388_608])]
Etag = Annotated[str, msgspec.Meta(max_length=200, examples=['"9b2cf535f27731c974343645a3985328"'])]


class UploadIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A response may say which assignment and which of its prompts it is for: what is too long is refused at once.

    A voice alone (`audio/…`) is taken for a prompt that has `audio_allowed`, and as an attachment. An attachment may be
    a recording or a file: a PDF, a picture, a Word, Excel, PowerPoint or OpenDocument file without macros, plain text.
    What it is its bytes tell.
    """

    filename: Filename
    content_type: ContentType
    size_bytes: SizeBytes
    purpose: Purpose = "response"
    assignment_id: UUID | None = None
    prompt_id: UUID | None = None
    duration_ms: DurationMs | None = None
    id: UUID | None = None


class UploadOut(msgspec.Struct, frozen=True):
    """Every part has `part_size_bytes`, but the last, which has what is left.

    `received_bytes` are those that were there when the server looked last; `GetUpload` looks now.
    """

    id: UUID
    asset_id: UUID
    purpose: str
    state: Annotated[str, msgspec.Meta(examples=["open"])]
    filename: str
    content_type: str
    size_bytes: int
    duration_ms: int | None
    part_size_bytes: PartSize
    part_count: Annotated[int, msgspec.Meta(examples=[6])]
    received_bytes: PartSize
    assignment_id: UUID | None
    prompt_id: UUID | None
    created_at: datetime
    expires_at: datetime
    completed_at: datetime | None


class ArrivedPart(msgspec.Struct, frozen=True):
    """`checksum_sha256` is null where there is none, or the store does not tell."""

    part_number: int
    size_bytes: PartSize
    etag: str
    checksum_sha256: str | None


class UploadWithParts(UploadOut, frozen=True):
    """`parts` lists what has arrived, by number; nothing once the upload has ended."""

    parts: list[ArrivedPart]


class PartToSign(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """With a checksum the store refuses other bytes. Every part of an upload has one, or none has."""

    part_number: PartNumber
    checksum_sha256: Sha256 | None = None


class PartsToSign(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    parts: Annotated[list[PartToSign], msgspec.Meta(min_length=1, max_length=1000)]
    valid_for_s: ValidForS = 86_400


class SignedPart(msgspec.Struct, frozen=True):
    """Send the part's bytes to `url` with `method`, and `headers` as they are. A 403 says that the URL has expired."""

    part_number: int
    url: str
    method: str
    headers: Headers
    expires_at: datetime


class SignedParts(msgspec.Struct, frozen=True):
    items: list[SignedPart]


class SentPart(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    part_number: PartNumber
    etag: Etag


class CompleteIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Without `parts` the server takes what is there. `sha256` is the whole file's: other bytes fail the asset."""

    parts: Annotated[list[SentPart], msgspec.Meta(max_length=MAX_PARTS)] | None = None
    sha256: Sha256 | None = None
