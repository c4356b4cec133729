from typing import Annotated
from uuid import UUID

from litestar import Response, delete, get, post, put
from litestar.datastructures import State
from litestar.di import NamedDependency, Provide
from litestar.params import FromPath, JSONBody, PathParameter
from sqlalchemy.ext.asyncio import AsyncSession

from api.access import PUBLIC, apart, one
from api.assets import playlists
from api.assets.playback import CAPTIONS
from api.assets.playlists import HLS, SUBTITLES, VTT, Opened, OpenToPlayers
from api.assets.routes import CACHED
from api.auth import Caller
from api.captions import service
from api.captions import shown as captions_shown
from api.captions.schemas import CaptionIn, CaptionOut, CaptionsOut, SpeechOut
from api.policy import may_caption, may_see
from api.problems import declared
from models.asset import Asset

Language = Annotated[
    str,
    PathParameter(
        min_length=2,
        max_length=11,
        description="BCP 47: a language, and where it matters its script and region.",
        schema_extra={"examples": ["en"]},
    ),
]


@put(
    "/assets/{asset_id:uuid}/captions/{language:str}",
    dependencies={"asset": apart(Asset, may_caption)},
    operation_id="PutCaption",
    summary="Send the captions of a video in one language",
    description=(
        "For its owner, and for `enablement`. They replace those of the same language. What is wrong with a file is "
        "told by the numbers of its lines. Cues come in order, and end with the video."
    ),
    responses=declared(403, 409),
    tags=["captions"],
)
async def put_caption(
    data: JSONBody[CaptionIn],
    language: Language,
    asset: NamedDependency[Asset],
    caller: NamedDependency[Caller],
    state: State,
) -> CaptionOut:
    return await service.put(state, caller, asset, language, data)


@delete(
    "/assets/{asset_id:uuid}/captions/{language:str}",
    dependencies={"asset": apart(Asset, may_caption)},
    operation_id="DeleteCaption",
    summary="Remove the captions of a video in one language",
    responses=declared(403),
    tags=["captions"],
)
async def delete_caption(
    language: Language, asset: NamedDependency[Asset], caller: NamedDependency[Caller], state: State
) -> None:
    await service.remove(state, caller, asset, language)


@get(
    "/assets/{asset_id:uuid}/captions",
    dependencies={"asset": one(Asset, may_see)},
    operation_id="GetCaptions",
    summary="The captions of a video, and how far the automatic ones are",
    responses=declared(),
    tags=["captions"],
)
async def get_captions(
    asset: NamedDependency[Asset], session: NamedDependency[AsyncSession], state: State
) -> CaptionsOut:
    return await service.captions_out(session, state, asset)


@post(
    "/assets/{asset_id:uuid}/captions",
    status_code=200,
    dependencies={"asset": one(Asset, may_caption, lock=True)},
    operation_id="MakeCaptions",
    summary="Have captions made of what is said in a video",
    description=(
        "In the language that is heard. What a person sent in that language stays. `captions-unavailable`: that cannot "
        "be done here, as `can_make` says."
    ),
    responses=declared(403, 409),
    tags=["captions"],
)
async def make_captions(
    asset: NamedDependency[Asset], session: NamedDependency[AsyncSession], state: State
) -> CaptionsOut:
    return await service.make(session, state, asset)


@get(
    "/assets/{asset_id:uuid}/speech",
    dependencies={"asset": one(Asset, may_see)},
    operation_id="GetSpeech",
    summary="What the voice in a video does: how much it speaks, where it pauses, how fast",
    responses=declared(),
    tags=["captions"],
)
async def get_speech(asset: NamedDependency[Asset], session: NamedDependency[AsyncSession]) -> SpeechOut:
    return await service.speech_out(session, asset)


@get(
    f"/media/{{token:str}}/captions/{{caption_id:uuid}}/{CAPTIONS}",
    opt=PUBLIC,
    security=[{}],
    dependencies={"shown": Provide(playlists.opened)},
    middleware=[OpenToPlayers()],
    operation_id="GetCaptionFile",
    summary="Captions as WebVTT, at the signed URL that `playback.captions` gives",
    media_type=VTT,
    responses=declared(403),
    response_headers=CACHED,
    tags=["media"],
)
async def get_caption_file(shown: NamedDependency[Opened], caption_id: FromPath[UUID], state: State) -> Response[str]:
    return playlists.answer(state, shown, await captions_shown.file(state, shown, caption_id), VTT)


@get(
    f"/media/{{token:str}}/captions/{{caption_id:uuid}}/{SUBTITLES}",
    opt=PUBLIC,
    security=[{}],
    dependencies={"shown": Provide(playlists.opened)},
    middleware=[OpenToPlayers()],
    operation_id="GetCaptionPlaylist",
    summary="The HLS playlist of captions, at the signed URL that the master playlist gives",
    media_type=HLS,
    responses=declared(403),
    response_headers=CACHED,
    tags=["media"],
)
async def get_caption_playlist(
    shown: NamedDependency[Opened], caption_id: FromPath[UUID], state: State
) -> Response[str]:
    return playlists.answer(state, shown, captions_shown.playlist(state, shown, caption_id), HLS)


routes = [
    put_caption,
    delete_caption,
    get_captions,
    make_captions,
    get_speech,
    get_caption_file,
    get_caption_playlist,
]
