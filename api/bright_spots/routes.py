from typing import Annotated, Any
from uuid import UUID

from litestar import Request, Response, get, patch, post
from litestar.datastructures import State
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import JSONBody, QueryParameter
from sqlalchemy.ext.asyncio import AsyncSession

from api.access import one, shown
from api.auth import Actor, Caller
from api.bright_spots import feed, service
from api.bright_spots.feed import Filters, Place
from api.bright_spots.representation import bright_spot_out
from api.bright_spots.schemas import BrightSpotIn, BrightSpotOut, BrightSpotPatch, ConsentIn
from api.creation import created
from api.etags import ETAG_HEADER, IfMatch, require_match, tagged
from api.paging import Cursor, Limit, Page
from api.policy import may_archive_bright_spot, may_edit_bright_spot, may_see
from api.problems import declared
from api.reading import reading
from models.bright_spot import BrightSpot

AGAIN = {
    200: ResponseSpec(
        BrightSpotOut, generate_examples=False, description="The bright spot made with this id before, as it is"
    )
}

Words = Annotated[
    str | None,
    QueryParameter(
        max_length=200, description="Words of the title or of why it works; `-` before one leaves it out, quotes join."
    ),
]
SkillFilter = Annotated[UUID | None, QueryParameter(description="Only those of this skill.")]
KindFilter = Annotated[str | None, QueryParameter(max_length=40, description="Only those of this kind of challenge.")]
TagFilter = Annotated[str | None, QueryParameter(max_length=40, description="Only those with this tag.")]
Mine = Annotated[
    bool, QueryParameter(description="What I made and what I am shown in, in any state, instead of what is published.")
]


@post(
    "/bright-spots",
    opt=shown(BrightSpot),
    operation_id="CreateBrightSpot",
    summary="Make a bright spot of moments of takes",
    description=(
        "Enablement, the managers of those shown, and a rep of takes of their own. "
        "Those shown are asked for their consent at once, and the clip is being cut."
    ),
    responses=AGAIN | declared(403, 409),
    response_headers=ETAG_HEADER,
    tags=["bright spots"],
)
async def create_bright_spot(
    data: JSONBody[BrightSpotIn],
    actor: NamedDependency[Actor],
    session: NamedDependency[AsyncSession],
    state: State,
) -> Response[BrightSpotOut]:
    bright_spot, new = await service.create_bright_spot(session, actor, data)
    body = await bright_spot_out(session, actor, state, bright_spot)
    return created(body, new=new, headers=tagged(bright_spot.version))


@get(
    "/bright-spots",
    opt=shown(BrightSpot),
    operation_id="ListBrightSpots",
    summary="Published bright spots, newest first, or by rank when words are looked for",
    responses=declared(),
    tags=["bright spots"],
)
async def list_bright_spots(
    caller: NamedDependency[Caller],
    state: State,
    q: Words = None,
    skill_id: SkillFilter = None,
    kind: KindFilter = None,
    tag: TagFilter = None,
    mine: Mine = False,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[BrightSpotOut]:
    async with reading(state, caller) as read:
        return await feed.list_bright_spots(read, Filters(q, skill_id, kind, tag, mine), Place(limit, cursor))


@get(
    "/me/consents",
    opt=shown(BrightSpot),
    operation_id="ListAskedConsents",
    summary="Bright spots that wait for my consent, oldest first",
    responses=declared(),
    tags=["bright spots"],
)
async def list_asked(
    actor: NamedDependency[Actor],
    session: NamedDependency[AsyncSession],
    state: State,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[BrightSpotOut]:
    return await feed.list_asked(session, actor, state, Place(limit, cursor))


@get(
    "/bright-spots/{bright_spot_id:uuid}",
    dependencies={"bright_spot": one(BrightSpot, may_see)},
    operation_id="GetBrightSpot",
    summary="One bright spot, with its clip",
    responses=declared(),
    response_headers=ETAG_HEADER,
    tags=["bright spots"],
)
async def get_bright_spot(
    bright_spot: NamedDependency[BrightSpot],
    actor: NamedDependency[Actor],
    session: NamedDependency[AsyncSession],
    state: State,
) -> Response[BrightSpotOut]:
    return await _answer(session, actor, state, bright_spot)


@patch(
    "/bright-spots/{bright_spot_id:uuid}",
    dependencies={"bright_spot": one(BrightSpot, may_edit_bright_spot, lock=True)},
    operation_id="EditBrightSpot",
    summary="Edit a bright spot of mine",
    description="Other segments or a wider audience begin a new cut: it leaves the feed until all shown agree again.",
    responses=declared(403, 409, 412, 428),
    response_headers=ETAG_HEADER,
    tags=["bright spots"],
)
async def edit_bright_spot(
    data: JSONBody[BrightSpotPatch],
    bright_spot: NamedDependency[BrightSpot],
    actor: NamedDependency[Actor],
    session: NamedDependency[AsyncSession],
    state: State,
    request: Request[Any, Any, Any],
    if_match: IfMatch = None,
) -> Response[BrightSpotOut]:
    del if_match

    async def current() -> BrightSpotOut:
        return await bright_spot_out(session, actor, state, bright_spot)

    await require_match(request, bright_spot.version, current)
    await service.edit_bright_spot(session, actor, bright_spot, data)
    return await _answer(session, actor, state, bright_spot)


@post(
    "/bright-spots/{bright_spot_id:uuid}/consent",
    status_code=200,
    dependencies={"bright_spot": one(BrightSpot, may_see, lock=True)},
    operation_id="AnswerConsent",
    summary="Agree to being shown, or not, or no longer",
    description=(
        "By each person shown, for the present cut. To withdraw a consent is possible at any time: "
        "the bright spot is gone at once, and its clip is erased."
    ),
    responses=declared(403, 409),
    response_headers=ETAG_HEADER,
    tags=["bright spots"],
)
async def answer_consent(
    data: JSONBody[ConsentIn],
    bright_spot: NamedDependency[BrightSpot],
    actor: NamedDependency[Actor],
    session: NamedDependency[AsyncSession],
    state: State,
) -> Response[BrightSpotOut]:
    await service.answer(session, actor, bright_spot, data)
    return await _answer(session, actor, state, bright_spot)


@post(
    "/bright-spots/{bright_spot_id:uuid}/publish",
    status_code=200,
    dependencies={"bright_spot": one(BrightSpot, may_edit_bright_spot, lock=True)},
    operation_id="PublishBrightSpot",
    summary="Show a bright spot to its audience",
    description="All shown must have agreed and the clip must be there; else 409 names in `missing` what is not.",
    responses=declared(403, 409),
    response_headers=ETAG_HEADER,
    tags=["bright spots"],
)
async def publish_bright_spot(
    bright_spot: NamedDependency[BrightSpot],
    actor: NamedDependency[Actor],
    session: NamedDependency[AsyncSession],
    state: State,
) -> Response[BrightSpotOut]:
    await service.publish(session, bright_spot)
    return await _answer(session, actor, state, bright_spot)


@post(
    "/bright-spots/{bright_spot_id:uuid}/archive",
    status_code=200,
    dependencies={"bright_spot": one(BrightSpot, may_archive_bright_spot, lock=True)},
    operation_id="ArchiveBrightSpot",
    summary="Put a bright spot away for good",
    description="Nobody sees it any more but its maker and those shown in it, and its clip is erased.",
    responses=declared(403, 409),
    response_headers=ETAG_HEADER,
    tags=["bright spots"],
)
async def archive_bright_spot(
    bright_spot: NamedDependency[BrightSpot],
    actor: NamedDependency[Actor],
    session: NamedDependency[AsyncSession],
    state: State,
) -> Response[BrightSpotOut]:
    await service.archive(session, bright_spot)
    return await _answer(session, actor, state, bright_spot)


async def _answer(
    session: AsyncSession, actor: Actor, state: State, bright_spot: BrightSpot
) -> Response[BrightSpotOut]:
    body = await bright_spot_out(session, actor, state, bright_spot)
    return Response(body, headers=tagged(bright_spot.version))


routes = [
    create_bright_spot,
    list_bright_spots,
    list_asked,
    get_bright_spot,
    edit_bright_spot,
    answer_consent,
    publish_bright_spot,
    archive_bright_spot,
]
