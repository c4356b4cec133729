"""Captions as players fetch them, at URLs that a ticket opens: the WebVTT, and its playlist."""

from uuid import UUID

from litestar.datastructures import State

from api.assets.playback import CAPTIONS, caption_path, tickets
from api.assets.playlists import Opened
from media.playlists import subtitles_playlist
from media.storage import NoSuchKey
from models.asset import Caption
from models.errors import NotFoundError


def playlist(state: State, shown: Opened, caption_id: UUID) -> str:
    """Raise NotFoundError when it is not there any more."""
    caption = _of(shown, caption_id)
    url = tickets(state).url(shown.ticket, caption_path(caption.id, CAPTIONS))
    return subtitles_playlist(shown.asset.duration_ms or 0, url)


async def file(state: State, shown: Opened, caption_id: UUID) -> str:
    """Raise NotFoundError when it is not there any more."""
    try:
        found: bytes = await state.storage.read_bytes(_of(shown, caption_id).key)
    except NoSuchKey as gone:
        raise NotFoundError("These captions are not here any more.") from gone
    return found.decode()


def _of(shown: Opened, caption_id: UUID) -> Caption:
    found = next((row for row in shown.captions if row.id == caption_id), None)
    if found is None:
        raise NotFoundError("These captions are not here any more.")
    return found
