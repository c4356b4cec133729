"""Where an asset plays: URLs that carry their own signature, for players that send no Authorization header."""

from collections.abc import Sequence
from uuid import UUID

from litestar.datastructures import State

from api.assets.rows import ACaption, AnAsset, ARendition
from api.assets.schemas import CaptionPlaybackOut, DownloadOut, PlaybackOut
from api.assets.tickets import Ticket, Tickets
from media import keys
from media.signing import url_expires_at
from media.storage import Storage
from models.asset import FIRST_UNTIL

PLAYS = ("playable", "ready")
# The first file that plays; the ladder brings a better one.
FIRST = "playable"
MASTER = "master.m3u8"
STORYBOARD = "storyboard.vtt"
DOWNLOAD = "download.mp4"
CAPTIONS = "captions.vtt"


def tickets(state: State) -> Tickets:
    return Tickets(state.secret, state.settings.base_url)


def playback_of(
    state: State, asset: AnAsset, renditions: Sequence[ARendition], captions: Sequence[ACaption]
) -> PlaybackOut | None:
    """Return fresh URLs, or None while nothing plays. Within an hour they repeat, so caches hit."""
    files = [row for row in renditions if row.kind == "progressive"]
    streams = [row for row in renditions if row.kind == "video"]
    if asset.state not in PLAYS or not (files or streams):
        return None
    # The ladder's: of those the largest. While the first is being made, there is none.
    best = max(files, key=lambda row: (row.name != FIRST, row.height or 0), default=None)
    stored = _stored(state, asset, best or streams[0])
    # The one that was signed first: none ends earlier.
    expires_at = url_expires_at(stored["first"])
    folder = tickets(state).folder(Ticket(asset.org_id, asset.id, int(expires_at.timestamp())))
    return PlaybackOut(
        expires_at=expires_at,
        hls_url=folder + MASTER if streams else None,
        mp4_url=stored["first"] if best else None,
        poster_url=stored.get("poster"),
        storyboard_url=folder + STORYBOARD if has_storyboard(asset) else None,
        waveform_url=stored.get("waveform"),
        captions=[_caption(folder, row) for row in captions],
        downloads=[_download(folder, row) for row in sorted(files, key=lambda row: (row.size_bytes, row.name))],
    )


def handed_out(asset: AnAsset, renditions: Sequence[ARendition]) -> list[ARendition]:
    """Return the renditions without a first file that will be erased, since another shows the same."""
    others = [row for row in renditions if row.name != FIRST]
    retired = FIRST_UNTIL in (asset.facts or {}) and any(row.kind == "progressive" for row in others)
    return others if retired else list(renditions)


def _caption(folder: str, row: ACaption) -> CaptionPlaybackOut:
    return CaptionPlaybackOut(row.language, row.label, row.origin, folder + caption_path(row.id, CAPTIONS))


def caption_path(caption_id: UUID, name: str) -> str:
    """By the id of these very captions: others that take their place are not mistaken for them in any cache."""
    return f"captions/{caption_id}/{name}"


def _download(folder: str, row: ARendition) -> DownloadOut:
    """Signed by the folder's ticket: a URL of the store for each would cost a list of videos more than all else."""
    return DownloadOut(row.name, f"{folder}{row.name}/{DOWNLOAD}", row.width, row.height, row.size_bytes)


def has_storyboard(asset: AnAsset) -> bool:
    return asset.storyboard and bool((asset.facts or {}).get("tiles"))


def _stored(state: State, asset: AnAsset, first: ARendition) -> dict[str, str]:
    """Return the URLs of what the store itself serves. What the client sent is never among it."""
    storage: Storage = state.storage
    wanted = {"first": first.key}
    if asset.poster:
        wanted["poster"] = keys.poster(asset.org_id, asset.id)
    if (asset.facts or {}).get("waveform"):
        wanted["waveform"] = keys.waveform(asset.org_id, asset.id)
    life_s = state.settings.media_url_life_s
    return {name: storage.sign_get(key, expires_in_s=life_s) for name, key in wanted.items()}
