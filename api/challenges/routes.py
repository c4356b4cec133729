from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from litestar import Request, Response, get, patch, post
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import JSONBody, QueryParameter
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from api.access import allowed, one, shown
from api.auth import Actor
from api.challenges import service
from api.challenges.representation import challenge_items, challenge_out
from api.challenges.schemas import ChallengeIn, ChallengeItem, ChallengeOut, ChallengePatch, Kind, State
from api.creation import created
from api.etags import ETAG_HEADER, IfMatch, require_match, tagged
from api.paging import Cursor, Limit, Page, after, encode
from api.policy import may_author_challenges, may_edit_challenge, may_see, visible
from api.problems import declared
from models.challenge import Challenge

AGAIN = {200: ResponseSpec(ChallengeOut, generate_examples=False, description="The challenge made with this id before")}

InState = Annotated[State | None, QueryParameter(name="state", description="Only challenges in this state.")]
OfKind = Annotated[Kind | None, QueryParameter(description="Only challenges of this kind.")]


async def _answer(
    session: AsyncSession, actor: Actor, challenge: Challenge, *, new: bool = False
) -> Response[ChallengeOut]:
    body = await challenge_out(session, actor, challenge)
    return created(body, new=new, headers=tagged(challenge.version))


@post(
    "/challenges",
    dependencies={"author": allowed(may_author_challenges)},
    operation_id="CreateChallenge",
    summary="Draft a challenge: what is asked, of whom, until when",
    description="Enablement addresses anyone, a manager the teams they manage and the people in them.",
    response_headers=ETAG_HEADER,
    responses=AGAIN | declared(403, 409),
    tags=["challenges"],
)
async def create_challenge(
    data: JSONBody[ChallengeIn], author: NamedDependency[Actor], session: NamedDependency[AsyncSession]
) -> Response[ChallengeOut]:
    challenge, new = await service.create_challenge(session, author, data)
    return await _answer(session, author, challenge, new=new)


@get(
    "/challenges",
    opt=shown(Challenge),
    operation_id="ListChallenges",
    summary="The challenges the caller sees, newest first",
    responses=declared(),
    tags=["challenges"],
)
async def list_challenges(
    actor: NamedDependency[Actor],
    session: NamedDependency[AsyncSession],
    in_state: InState = None,
    kind: OfKind = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[ChallengeItem]:
    query = select(Challenge).where(visible(actor, Challenge))
    if in_state:
        query = query.where(Challenge.state == in_state)
    if kind:
        query = query.where(Challenge.kind == kind)
    keys = [Challenge.created_at, Challenge.id]
    query = after(query, keys, cursor, limit, kinds=(datetime, UUID), descending=True)
    rows = (await session.scalars(query)).all()
    page = rows[:limit]
    more = encode(page[-1].created_at, page[-1].id) if len(rows) > limit else None
    return Page(await challenge_items(session, actor, page), more)


@get(
    "/challenges/{challenge_id:uuid}",
    dependencies={"challenge": one(Challenge, may_see)},
    operation_id="GetChallenge",
    summary="One challenge, with its prompts",
    response_headers=ETAG_HEADER,
    responses=declared(),
    tags=["challenges"],
)
async def get_challenge(
    challenge: NamedDependency[Challenge], actor: NamedDependency[Actor], session: NamedDependency[AsyncSession]
) -> Response[ChallengeOut]:
    return await _answer(session, actor, challenge)


@patch(
    "/challenges/{challenge_id:uuid}",
    dependencies={"challenge": one(Challenge, may_edit_challenge)},
    operation_id="UpdateChallenge",
    summary="Change a draft, or the audience and the dates of a published challenge",
    description=(
        "Assignments follow: a wider audience gets them, untouched ones of those it leaves out close, and new dates "
        "count for everyone who has no due time of their own."
    ),
    response_headers=ETAG_HEADER,
    responses=declared(403, 409, 412, 428),
    tags=["challenges"],
)
async def update_challenge(
    data: JSONBody[ChallengePatch],
    challenge: NamedDependency[Challenge],
    actor: NamedDependency[Actor],
    session: NamedDependency[AsyncSession],
    request: Request[Any, Any, Any],
    if_match: IfMatch = None,
) -> Response[ChallengeOut]:
    del if_match

    async def current() -> ChallengeOut:
        return await challenge_out(session, actor, challenge)

    await service.lock(session, challenge)
    await require_match(request, challenge.version, current)
    await service.change_challenge(session, actor, challenge, data)
    return await _answer(session, actor, challenge)


@post(
    "/challenges/{challenge_id:uuid}/publish",
    status_code=200,
    dependencies={"challenge": one(Challenge, may_edit_challenge)},
    operation_id="PublishChallenge",
    summary="Give a challenge to its audience, with the rubric as it is now",
    response_headers=ETAG_HEADER,
    responses=declared(403, 409),
    tags=["challenges"],
)
async def publish_challenge(
    challenge: NamedDependency[Challenge], actor: NamedDependency[Actor], session: NamedDependency[AsyncSession]
) -> Response[ChallengeOut]:
    await service.publish(session, actor, challenge)
    return await _answer(session, actor, challenge)


@post(
    "/challenges/{challenge_id:uuid}/close",
    status_code=200,
    dependencies={"challenge": one(Challenge, may_edit_challenge)},
    operation_id="CloseChallenge",
    summary="End a challenge; what was not done closes with it",
    response_headers=ETAG_HEADER,
    responses=declared(403, 409),
    tags=["challenges"],
)
async def close_challenge(
    challenge: NamedDependency[Challenge], actor: NamedDependency[Actor], session: NamedDependency[AsyncSession]
) -> Response[ChallengeOut]:
    await service.close(session, challenge)
    return await _answer(session, actor, challenge)


@post(
    "/challenges/{challenge_id:uuid}/reopen",
    status_code=200,
    dependencies={"challenge": one(Challenge, may_edit_challenge)},
    operation_id="ReopenChallenge",
    summary="Take the end of a challenge back; assignments are where they were",
    response_headers=ETAG_HEADER,
    responses=declared(403, 409),
    tags=["challenges"],
)
async def reopen_challenge(
    challenge: NamedDependency[Challenge], actor: NamedDependency[Actor], session: NamedDependency[AsyncSession]
) -> Response[ChallengeOut]:
    await service.reopen(session, actor, challenge)
    return await _answer(session, actor, challenge)


@post(
    "/challenges/{challenge_id:uuid}/archive",
    status_code=200,
    dependencies={"challenge": one(Challenge, may_edit_challenge)},
    operation_id="ArchiveChallenge",
    summary="Put a closed challenge away",
    response_headers=ETAG_HEADER,
    responses=declared(403, 409),
    tags=["challenges"],
)
async def archive_challenge(
    challenge: NamedDependency[Challenge], actor: NamedDependency[Actor], session: NamedDependency[AsyncSession]
) -> Response[ChallengeOut]:
    await service.archive(session, challenge)
    return await _answer(session, actor, challenge)


routes = [
    create_challenge,
    list_challenges,
    get_challenge,
    update_challenge,
    publish_challenge,
    close_challenge,
    reopen_challenge,
    archive_challenge,
]
