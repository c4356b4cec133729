"""Where an asset plays: URLs that carry their own signature, for players that send no Authorization header."""

from collections.abc import Sequence

from litestar.datastructures import State

from api.assets.rows import AnAsset, ARendition
from api.assets.schemas import PlaybackOut
from api.assets.tickets import Ticket, Tickets
from media import keys
from media.signing import url_expires_at
from media.storage import Storage

PLAYS = ("playable", "ready")
# The first file that plays; the ladder brings a better one.
FIRST = "playable"
MASTER = "master.m3u8"
STORYBOARD = "storyboard.vtt"


def tickets(state: State) -> Tickets:
    return Tickets(state.secret, state.settings.base_url)


def playback_of(state: State, asset: AnAsset, renditions: Sequence[ARendition]) -> PlaybackOut | None:
    """Return fresh URLs, or None while nothing plays. Within an hour they repeat, so caches hit."""
    files = [row for row in renditions if row.kind == "progressive"]
    if asset.state not in PLAYS or not files:
        return None
    best = min(files, key=lambda row: row.name == FIRST)
    stored = _stored(state, asset, best)
    # The one that was signed first: none ends earlier.
    expires_at = url_expires_at(stored["mp4"])
    folder = tickets(state).folder(Ticket(asset.org_id, asset.id, int(expires_at.timestamp())))
    return PlaybackOut(
        expires_at=expires_at,
        hls_url=folder + MASTER if any(row.kind == "video" for row in renditions) else None,
        mp4_url=stored["mp4"],
        poster_url=stored.get("poster"),
        storyboard_url=folder + STORYBOARD if has_storyboard(asset) else None,
        waveform_url=stored.get("waveform"),
        captions=[],
    )


def has_storyboard(asset: AnAsset) -> bool:
    return asset.storyboard and bool((asset.facts or {}).get("tiles"))


def _stored(state: State, asset: AnAsset, best: ARendition) -> dict[str, str]:
    """Return the URLs of what the store itself serves. What the client sent is never among it."""
    storage: Storage = state.storage
    wanted = {"mp4": best.key}
    if asset.poster:
        wanted["poster"] = keys.poster(asset.org_id, asset.id)
    if (asset.facts or {}).get("waveform"):
        wanted["waveform"] = keys.waveform(asset.org_id, asset.id)
    life_s = state.settings.media_url_life_s
    return {name: storage.sign_get(key, expires_in_s=life_s) for name, key in wanted.items()}
