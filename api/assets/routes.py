from litestar import Response, delete, get, post
from litestar.datastructures import ResponseHeader, State
from litestar.di import NamedDependency, Provide
from litestar.params import FromPath
from litestar.response import Redirect
from sqlalchemy.ext.asyncio import AsyncSession

from api.access import PUBLIC, one
from api.assets import history, playlists, service
from api.assets.playback import DOWNLOAD, MASTER, STORYBOARD
from api.assets.playlists import HLS, VTT, Opened, OpenToPlayers
from api.assets.schemas import AssetEventOut, AssetOut, ErasureOut, PlaybackOut
from api.auth import Actor
from api.paging import Cursor, Limit, Page
from api.policy import may_edit_asset, may_see, may_see_erasure
from api.problems import declared
from models.asset import Asset

CACHED = [ResponseHeader(name="Cache-Control", description="As long as the URL holds.", documentation_only=True)]


@get(
    "/assets/{asset_id:uuid}",
    dependencies={"asset": one(Asset, may_see)},
    operation_id="GetAsset",
    summary="A video: how far it is, what is wrong with it, and where it plays",
    responses=declared(),
    tags=["assets"],
)
async def get_asset(asset: NamedDependency[Asset], session: NamedDependency[AsyncSession], state: State) -> AssetOut:
    return await service.asset_out(session, state, asset)


@post(
    "/assets/{asset_id:uuid}/playback",
    status_code=200,
    dependencies={"asset": one(Asset, may_see)},
    operation_id="RefreshPlayback",
    summary="Fresh URLs to play a video, when those in hand have expired",
    responses=declared(409),
    tags=["assets"],
)
async def refresh_playback(
    asset: NamedDependency[Asset], session: NamedDependency[AsyncSession], state: State
) -> PlaybackOut:
    return await service.fresh_playback(session, state, asset)


@post(
    "/assets/{asset_id:uuid}/retry",
    status_code=200,
    dependencies={"asset": one(Asset, may_edit_asset, lock=True)},
    operation_id="RetryAsset",
    summary="Process a video of mine once more",
    description="When its `problem` is retryable, and for a video that plays but whose renditions failed.",
    responses=declared(403, 409),
    tags=["assets"],
)
async def retry_asset(asset: NamedDependency[Asset], session: NamedDependency[AsyncSession], state: State) -> AssetOut:
    await service.retry(session, asset)
    return await service.asset_out(session, state, asset)


@delete(
    "/assets/{asset_id:uuid}",
    dependencies={"asset": one(Asset, may_edit_asset, lock=True)},
    operation_id="DeleteAsset",
    summary="Delete a video of mine, everywhere it is kept",
    description=(
        "A take that waits for its review asks for a replacement; one that was reviewed keeps its critique. "
        "A clip made of it with my consent stays until I withdraw that. `GetErasure` tells when nothing is left of it."
    ),
    responses=declared(403, 409),
    tags=["assets"],
)
async def delete_asset(asset: NamedDependency[Asset], session: NamedDependency[AsyncSession]) -> None:
    await service.erase(session, asset)


@get(
    "/assets/{asset_id:uuid}/events",
    dependencies={"asset": one(Asset, may_see)},
    operation_id="ListAssetEvents",
    summary="What happened to a video, first to last",
    responses=declared(),
    tags=["assets"],
)
async def list_asset_events(
    asset: NamedDependency[Asset],
    actor: NamedDependency[Actor],
    session: NamedDependency[AsyncSession],
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[AssetEventOut]:
    return await history.events(session, actor, asset, limit, cursor)


@get(
    "/assets/{asset_id:uuid}/erasure",
    dependencies={"asset": one(Asset, may_see_erasure)},
    operation_id="GetErasure",
    summary="The receipt of a deleted video: what was removed from the store, and that nothing is left",
    description="For its owner, and for admins.",
    responses=declared(403),
    tags=["assets"],
)
async def get_erasure(asset: NamedDependency[Asset], session: NamedDependency[AsyncSession]) -> ErasureOut:
    return await history.erasure(session, asset)


@get(
    f"/media/{{token:str}}/{MASTER}",
    opt=PUBLIC,
    security=[{}],
    dependencies={"shown": Provide(playlists.opened)},
    middleware=[OpenToPlayers()],
    operation_id="GetMasterPlaylist",
    summary="The HLS master playlist of a video, at the signed URL that `playback.hls_url` gives",
    media_type=HLS,
    responses=declared(403),
    response_headers=CACHED,
    tags=["media"],
)
async def get_master(shown: NamedDependency[Opened], state: State) -> Response[str]:
    return playlists.answer(state, shown, playlists.master(state, shown), HLS)


@get(
    "/media/{token:str}/{rendition:str}/playlist.m3u8",
    opt=PUBLIC,
    security=[{}],
    dependencies={"shown": Provide(playlists.opened)},
    middleware=[OpenToPlayers()],
    operation_id="GetMediaPlaylist",
    summary="The HLS playlist of one rendition, at the signed URL that the master playlist gives",
    media_type=HLS,
    responses=declared(403),
    response_headers=CACHED,
    tags=["media"],
)
async def get_media(shown: NamedDependency[Opened], rendition: FromPath[str], state: State) -> Response[str]:
    return playlists.answer(state, shown, playlists.media(state, shown, rendition), HLS)


@get(
    f"/media/{{token:str}}/{{rendition:str}}/{DOWNLOAD}",
    opt=PUBLIC,
    security=[{}],
    status_code=302,
    dependencies={"shown": Provide(playlists.opened)},
    middleware=[OpenToPlayers()],
    operation_id="DownloadFile",
    summary="One whole file under a name to keep, at the signed URL that `playback.downloads` gives",
    responses=declared(403),
    tags=["media"],
)
async def download_file(shown: NamedDependency[Opened], rendition: FromPath[str], state: State) -> Redirect:
    return Redirect(playlists.download(state, shown, rendition), status_code=302)


@get(
    f"/media/{{token:str}}/{STORYBOARD}",
    opt=PUBLIC,
    security=[{}],
    dependencies={"shown": Provide(playlists.opened)},
    middleware=[OpenToPlayers()],
    operation_id="GetStoryboard",
    summary="Which part of a picture shows which time (WebVTT), at the signed URL that `playback.storyboard_url` gives",
    media_type=VTT,
    responses=declared(403),
    response_headers=CACHED,
    tags=["media"],
)
async def get_storyboard(shown: NamedDependency[Opened], state: State) -> Response[str]:
    return playlists.answer(state, shown, playlists.storyboard(state, shown), VTT)


routes = [
    get_asset,
    refresh_playback,
    retry_asset,
    delete_asset,
    list_asset_events,
    get_erasure,
    get_master,
    get_media,
    download_file,
    get_storyboard,
]
