"""Playlists, written for the moment they are asked for: what a ticket opens, with signed URLs of the store in it."""

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
from litestar import Response
from litestar.datastructures import State
from litestar.enums import ScopeType
from litestar.middleware import ASGIMiddleware
from litestar.params import FromPath
from litestar.types import ASGIApp, Message, Receive, Scope, Send
from sqlalchemy import select

from api.assets.playback import PLAYS, caption_path, has_storyboard, tickets
from api.assets.tickets import Ticket, Tickets
from api.local_store import CORS
from media import keys
from media.ladder import Tiles
from media.playlists import (
    AUDIO,
    RenditionIndex,
    Subtitles,
    growing_playlist,
    master_playlist,
    media_playlist,
    storyboard_vtt,
)
from media.signing import round_down
from models.asset import Asset, Caption, Rendition
from models.captions import captions_of
from models.database import Database
from models.errors import NotFoundError

HLS = "application/vnd.apple.mpegurl"
VTT = "text/vtt"
SUBTITLES = "playlist.m3u8"


class OpenToPlayers(ASGIMiddleware):
    """Let players of any page read the answer, a refusal too: no cookie comes along, the URL is what allows it."""

    scopes = (ScopeType.HTTP,)

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                opened = [(name.encode(), value.encode()) for name, value in CORS.items()]
                message["headers"] = [*message["headers"], *opened]
            await send(message)

        await next_app(scope, receive, sending)


@dataclass(frozen=True, slots=True)
class Opened:
    """What a ticket opened, as it is now."""

    ticket: Ticket
    asset: Asset
    renditions: Sequence[Rendition]
    captions: Sequence[Caption]

    def index_of(self, row: Rendition) -> RenditionIndex:
        return msgspec.convert(row.index, RenditionIndex)


async def opened(token: FromPath[str], state: State) -> Opened:
    """Return what the token in a URL allows to play; the tenant is the one it was signed for.

    Raises:
        ForbiddenError: as `Tickets.read` does.
        NotFoundError: the asset is not there any more, or does not play.
    """
    ticket = tickets(state).read(token)
    database: Database = state.database
    async with database.tenant(ticket.org_id) as session:
        asset = await session.get(Asset, (ticket.org_id, ticket.asset_id))
        if asset is None or asset.state not in PLAYS:
            raise NotFoundError("This video is not here any more.")
        rows = await session.scalars(
            select(Rendition)
            .where(Rendition.org_id == ticket.org_id, Rendition.asset_id == asset.id)
            .order_by(Rendition.name)
        )
        return Opened(ticket, asset, rows.all(), await captions_of(session, asset))


def master(state: State, shown: Opened) -> str:
    """Raise NotFoundError while there is no ladder."""
    videos = {row.name: shown.index_of(row) for row in shown.renditions if row.kind == "video"}
    sound = next((shown.index_of(row) for row in shown.renditions if row.kind == AUDIO), None)
    if not videos:
        raise NotFoundError("This video has no renditions to choose from yet.")
    own = tickets(state)
    urls = {name: own.url(shown.ticket, f"{name}/playlist.m3u8") for name in (*videos, AUDIO)}
    return master_playlist(videos, sound, urls, _subtitles(own, shown))


def _subtitles(own: Tickets, shown: Opened) -> list[Subtitles]:
    return [
        Subtitles(row.language, row.label, own.url(shown.ticket, caption_path(row.id, SUBTITLES)))
        for row in shown.captions
    ]


def media(state: State, shown: Opened, name: str) -> str:
    """Raise NotFoundError when there is no such rendition."""
    row = _named(shown, name, "video", AUDIO)
    index = shown.index_of(row)
    if index.growing or shown.ticket.expires_at <= (index.pieces_until or 0):
        return _of_pieces(state, shown.ticket, row.name, index)
    return media_playlist(index, _signed(state, shown.ticket, row.key))


def _of_pieces(state: State, ticket: Ticket, name: str, index: RenditionIndex) -> str:
    """Who began to play it while it was being made, by this very URL, is told of the same segments again, and more."""
    at = (ticket.org_id, ticket.asset_id, name)
    urls = [_signed(state, ticket, keys.piece(*at, number)) for number in range(len(index.segments))]
    return growing_playlist(index, _signed(state, ticket, keys.piece(*at)), urls)


def download(state: State, shown: Opened, name: str) -> str:
    """Return where the store gives a whole file, under a name that says what it is. Raise NotFoundError."""
    row = _named(shown, name, "progressive")
    saved_as = f"showme-{shown.asset.created_at:%Y-%m-%d}-{str(shown.asset.id)[-8:]}-{row.name}.mp4"
    return _signed(state, shown.ticket, row.key, download_name=saved_as)


def _named(shown: Opened, name: str, *kinds: str) -> Rendition:
    found = next((row for row in shown.renditions if row.name == name and row.kind in kinds), None)
    if found is None:
        raise NotFoundError("This video has no rendition of this name.")
    return found


def storyboard(state: State, shown: Opened) -> str:
    """Raise NotFoundError while there is no storyboard."""
    asset = shown.asset
    if not has_storyboard(asset) or asset.facts is None:
        raise NotFoundError("This video has no storyboard.")
    tiles = msgspec.convert(asset.facts["tiles"], Tiles)
    url = _signed(state, shown.ticket, keys.storyboard(asset.org_id, asset.id))
    return storyboard_vtt(tiles, asset.duration_ms or tiles.count * tiles.interval_ms, url)


def answer(state: State, shown: Opened, body: str, media_type: str) -> Response[str]:
    """Answer with a text that may be kept as long as its ticket holds, unless there will be more to say."""
    kept = "no-cache" if shown.asset.renditions_pending else f"max-age={tickets(state).left_s(shown.ticket)}"
    headers = {"cache-control": f"private, {kept}"}
    return Response(body, media_type=media_type, headers=headers)


def _signed(state: State, ticket: Ticket, key: str, **options: str) -> str:
    """Sign for as long as the ticket holds at least, the same all hour, so that caches hit."""
    now = round_down(tickets(state).now(), state.settings.media_url_life_s)
    url: str = state.storage.sign_get(key, expires_in_s=ticket.expires_at - now, **options)
    return url
