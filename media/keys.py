"""Every object key of the store, in one place.

`{org_id}/assets/{asset_id}/…`: what belongs to an org, or to an asset, is found and erased by prefix. No key holds
anything a person typed, and each of a playable file ends in an extension that players accept.
"""

import re
from uuid import UUID

MAX_LENGTH = 512
_KEY = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*(?:/[A-Za-z0-9_][A-Za-z0-9._-]*)*", re.ASCII)
_NAME = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*", re.ASCII)


def checked(key: str) -> str:
    """Return the key.

    Raises:
        ValueError: it is no key of ours: one that could leave the store's folder, or that a URL would have to escape.
    """
    if len(key) > MAX_LENGTH or not _KEY.fullmatch(key):
        raise ValueError(f"{key[:80]!r} is not an object key.")
    return key


def checked_prefix(prefix: str) -> str:
    """Return the prefix, which ends in a slash, so that one asset's is never the beginning of another's.

    Raises:
        ValueError: it does not, or names no folder.
    """
    if not prefix.endswith("/"):
        raise ValueError(f"{prefix[:80]!r} is not a prefix of keys: it must end in a slash.")
    checked(prefix[:-1])
    return prefix


def org_prefix(org_id: UUID) -> str:
    return f"{org_id}/"


def asset_prefix(org_id: UUID, asset_id: UUID) -> str:
    return f"{org_id}/assets/{asset_id}/"


def source(org_id: UUID, asset_id: UUID) -> str:
    """Name what the client sent, which nobody is served."""
    return asset_prefix(org_id, asset_id) + "source.bin"


def playable(org_id: UUID, asset_id: UUID) -> str:
    return asset_prefix(org_id, asset_id) + "playable.mp4"


def poster(org_id: UUID, asset_id: UUID) -> str:
    return asset_prefix(org_id, asset_id) + "poster.jpg"


def video(org_id: UUID, asset_id: UUID, rendition: str) -> str:
    """Name one rung of the ladder: a single CMAF file.

    Raises:
        ValueError: `rendition` is not a plain name such as `720`.
    """
    if not _NAME.fullmatch(rendition):
        raise ValueError(f"{rendition[:80]!r} is not the name of a rendition.")
    return f"{asset_prefix(org_id, asset_id)}v/{rendition}.m4s"


def audio(org_id: UUID, asset_id: UUID) -> str:
    return asset_prefix(org_id, asset_id) + "audio.m4s"


def pieces_prefix(org_id: UUID, asset_id: UUID) -> str:
    return asset_prefix(org_id, asset_id) + "pieces/"


def piece(org_id: UUID, asset_id: UUID, rendition: str, number: int | None = None) -> str:
    """Name one segment of a rendition that plays while it is being made; without a number, what a player reads first.

    Raises:
        ValueError: `rendition` is not a plain name such as `360`.
    """
    if not _NAME.fullmatch(rendition):
        raise ValueError(f"{rendition[:80]!r} is not the name of a rendition.")
    name = "init" if number is None else f"{number:05}"
    return f"{pieces_prefix(org_id, asset_id)}{rendition}/{name}.m4s"


def progressive(org_id: UUID, asset_id: UUID) -> str:
    return asset_prefix(org_id, asset_id) + "720.mp4"


def data_saver(org_id: UUID, asset_id: UUID) -> str:
    return asset_prefix(org_id, asset_id) + "360.mp4"


def storyboard(org_id: UUID, asset_id: UUID) -> str:
    return asset_prefix(org_id, asset_id) + "storyboard.jpg"


def storyboard_cues(org_id: UUID, asset_id: UUID) -> str:
    return asset_prefix(org_id, asset_id) + "storyboard.vtt"


def waveform(org_id: UUID, asset_id: UUID) -> str:
    return asset_prefix(org_id, asset_id) + "waveform.json"


def caption(org_id: UUID, asset_id: UUID, caption_id: UUID) -> str:
    return f"{asset_prefix(org_id, asset_id)}captions/{caption_id}.vtt"


def file(org_id: UUID, asset_id: UUID, ending: str) -> str:
    """Name an attachment that is a file, as it is served.

    Raises:
        ValueError: `ending` is not a plain one such as `pdf`.
    """
    if not _NAME.fullmatch(ending):
        raise ValueError(f"{ending[:80]!r} is not the ending of a file.")
    return f"{asset_prefix(org_id, asset_id)}file.{ending}"
