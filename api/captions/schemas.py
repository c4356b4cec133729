from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec

from api.assets.schemas import ProblemOut

MAX_CHARS = 512 * 1024

Language = Annotated[str, msgspec.Meta(examples=["en"], description="BCP 47: `en`, `pt-BR`, `zh-Hant`.")]
Label = Annotated[
    str,
    msgspec.Meta(
        min_length=1,
        max_length=60,
        pattern=r'^[^\x00-\x1f\x7f"<>]*[^\s\x00-\x1f\x7f"<>][^\x00-\x1f\x7f"<>]*$',
        examples=["English"],
        description="What a player calls it.",
    ),
]
Origin = Annotated[
    str, msgspec.Meta(examples=["uploaded"], description="`uploaded` by a person, or `automatic`; others may come.")
]
Text = Annotated[
    str,
    msgspec.Meta(
        min_length=1,
        max_length=MAX_CHARS,
        examples=["WEBVTT\n\n00:00.000 --> 00:04.000\nMost operations leaders I meet lose two days a month.\n"],
        description="A WebVTT or SubRip file. Its times, words and emphasis are kept; styles and other markup are not.",
    ),
]
Making = Annotated[
    str,
    msgspec.Meta(
        examples=["none"],
        description=(
            "How far the automatic ones are: `none` were asked for, `pending`, `made` or `failed`; others may come."
        ),
    ),
]
Share = Annotated[float, msgspec.Meta(ge=0, le=1, examples=[0.78])]


class CaptionIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Without a `label`, the language's own name."""

    text: Text
    label: Label | None = None


class CaptionOut(msgspec.Struct, frozen=True):
    """`created_by` is null for automatic ones. A player finds their URL in `playback.captions`."""

    id: UUID
    language: Language
    label: Annotated[str, msgspec.Meta(examples=["English"])]
    origin: Origin
    created_by: UUID | None
    created_at: datetime


class CaptionsOut(msgspec.Struct, frozen=True):
    """`can_make`: they can be made here of what is said; ask with `MakeCaptions`."""

    captions: list[CaptionOut]
    automatic: Making
    problem: ProblemOut | None
    can_make: bool


class PauseOut(msgspec.Struct, frozen=True):
    start_ms: Annotated[int, msgspec.Meta(examples=[4840])]
    end_ms: Annotated[int, msgspec.Meta(examples=[7260])]


class FillerOut(msgspec.Struct, frozen=True):
    word: Annotated[str, msgspec.Meta(examples=["um"])]
    count: Annotated[int, msgspec.Meta(examples=[3])]


class WordsOut(msgspec.Struct, frozen=True):
    """Of the captions in one language. `words_per_minute` is over the time that is spoken.

    Null is what cannot be told: words, in a language without spaces between them; `filler_words`, in one whose we do
    not know.
    """

    language: Language
    origin: Origin
    words: Annotated[int | None, msgspec.Meta(examples=[56])]
    words_per_minute: Annotated[int | None, msgspec.Meta(examples=[142])]
    filler_words: list[FillerOut] | None


class SpeechOut(msgspec.Struct, frozen=True):
    """What the voice does, measured from the sound: all null until that is done, and of a video without sound.

    `speaking_share` is of the whole video; `pauses` are the silences of over two seconds between what is said;
    `loudness_range_lu` tells a lively voice from a flat one (EBU R128). `words` has an entry for each caption.
    """

    speaking_share: Share | None
    spoken_ms: Annotated[int | None, msgspec.Meta(examples=[14740])]
    pauses: list[PauseOut] | None
    loudness_range_lu: Annotated[float | None, msgspec.Meta(examples=[4.2])]
    words: list[WordsOut]
