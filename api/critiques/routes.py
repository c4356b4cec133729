from typing import Annotated, Any, Literal

from litestar import Request, Response, delete, get, patch, post
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import JSONBody, QueryParameter
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from api.access import one
from api.auth import Actor
from api.creation import created
from api.critiques import comparing, conflicts, publishing, service, writing
from api.critiques.comparing import ComparisonOut
from api.critiques.representation import critique_out, critique_outs
from api.critiques.schemas import AcknowledgeIn, CritiqueIn, CritiqueOut, CritiquePatch, DisagreeIn
from api.etags import IfMatch, match_if_named, tagged
from api.paging import Cursor, Limit, Page, after, encode
from api.policy import may_critique, may_see, may_write_critique, visible
from api.problems import declared
from models.critique import Critique
from models.take import Take

Only = Annotated[
    Literal["draft", "published", "superseded", "discarded"] | None,
    QueryParameter(name="state", description="Those in this state only."),
]
OPEN_DRAFT = {200: ResponseSpec(CritiqueOut, generate_examples=False, description="My open draft, as it is")}


@post(
    "/takes/{take_id:uuid}/critiques",
    dependencies={"take": one(Take, may_critique, lock=True)},
    operation_id="StartCritique",
    summary="Start a critique, or get my open draft",
    description="After I have published one, the new draft is a copy of it, and supersedes it when published.",
    responses=OPEN_DRAFT | declared(403, 409),
    tags=["critiques"],
)
async def start_critique(
    data: JSONBody[CritiqueIn],
    take: NamedDependency[Take],
    actor: NamedDependency[Actor],
    session: NamedDependency[AsyncSession],
) -> Response[CritiqueOut]:
    critique, new = await service.start_critique(session, actor, take, data)
    return created(await critique_out(session, actor, critique), new=new, headers=tagged(critique.version))


@get(
    "/takes/{take_id:uuid}/critiques",
    dependencies={"take": one(Take, may_see)},
    operation_id="ListCritiques",
    summary="The critiques of a take that the caller sees, first to last",
    description=(
        "Without a `state` all but what I have discarded. Those that were superseded stay, and lead to the next one. "
        "Where the organization reviews blind, other reviewers' critiques are there after mine is published."
    ),
    responses=declared(),
    tags=["critiques"],
)
async def list_critiques(
    take: NamedDependency[Take],
    actor: NamedDependency[Actor],
    session: NamedDependency[AsyncSession],
    only: Only = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[CritiqueOut]:
    wanted = Critique.state == only if only else Critique.state != "discarded"
    query = select(Critique).where(visible(actor, Critique), Critique.take_id == take.id, wanted)
    rows = (await session.scalars(after(query, [Critique.created_at, Critique.id], cursor, limit))).all()
    page = rows[:limit]
    more = encode(page[-1].created_at, page[-1].id) if len(rows) > limit else None
    return Page(await critique_outs(session, actor, page), more)


@get(
    "/critiques/{critique_id:uuid}",
    dependencies={"critique": one(Critique, may_see)},
    operation_id="GetCritique",
    summary="One critique, with the rubric version it scores against",
    responses=declared(),
    tags=["critiques"],
)
async def get_critique(
    critique: NamedDependency[Critique], actor: NamedDependency[Actor], session: NamedDependency[AsyncSession]
) -> Response[CritiqueOut]:
    return await _answer(session, actor, critique)


@patch(
    "/critiques/{critique_id:uuid}",
    dependencies={"critique": one(Critique, may_write_critique, lock=True)},
    operation_id="WriteCritique",
    summary="Write my draft",
    description=(
        "Where another device has written meanwhile (412), or it is no draft any more (409), what was sent is kept and "
        "returned in `refused`, beside what is there in `current`. `ListCritiqueDrafts` has it, and it can be restored."
    ),
    responses=declared(403, 409, 412, 428),
    tags=["critiques"],
)
async def write_critique(
    data: JSONBody[CritiquePatch],
    critique: NamedDependency[Critique],
    actor: NamedDependency[Actor],
    session: NamedDependency[AsyncSession],
    request: Request[Any, Any, Any],
    if_match: IfMatch = None,
) -> Response[CritiqueOut]:
    del if_match
    if (answer := await conflicts.unless_refused(session, actor, request, critique, data)) is not None:
        return answer
    await writing.write(session, actor, critique, data)
    return await _answer(session, actor, critique)


@post(
    "/critiques/{critique_id:uuid}/publish",
    status_code=200,
    dependencies={"critique": one(Critique, may_write_critique)},
    operation_id="PublishCritique",
    summary="Publish my draft",
    description=(
        "It needs every required score and, of a manager, what the organization asks for beside them: a strength, in "
        "words or as a moment, and a next step. With an If-Match only the version I have seen is published."
    ),
    responses=declared(403, 409, 412),
    tags=["critiques"],
)
async def publish_critique(
    critique: NamedDependency[Critique],
    actor: NamedDependency[Actor],
    session: NamedDependency[AsyncSession],
    request: Request[Any, Any, Any],
    if_match: IfMatch = None,
) -> Response[CritiqueOut]:
    del if_match

    async def current() -> CritiqueOut:
        return await critique_out(session, actor, critique)

    async def unchanged() -> None:
        await match_if_named(request, critique.version, current)

    await publishing.publish(session, actor, critique, unchanged)
    return await _answer(session, actor, critique)


@post(
    "/critiques/{critique_id:uuid}/acknowledge",
    status_code=200,
    dependencies={"critique": one(Critique, may_see, lock=True)},
    operation_id="AcknowledgeCritique",
    summary="Say that I have read the critique of my take",
    responses=declared(403, 409),
    tags=["critiques"],
)
async def acknowledge_critique(
    critique: NamedDependency[Critique],
    actor: NamedDependency[Actor],
    session: NamedDependency[AsyncSession],
    data: JSONBody[AcknowledgeIn | None] = None,
) -> Response[CritiqueOut]:
    await service.acknowledge(session, actor, critique, data.reply if data else None)
    return await _answer(session, actor, critique)


@post(
    "/critiques/{critique_id:uuid}/disagree",
    status_code=200,
    dependencies={"critique": one(Critique, may_see, lock=True)},
    operation_id="DisagreeWithCritique",
    summary="Say that I see the critique of my take otherwise, and why",
    description="Its writer answers with a remark, or with a critique that supersedes it. It counts as read.",
    responses=declared(403, 409),
    tags=["critiques"],
)
async def disagree_with_critique(
    data: JSONBody[DisagreeIn],
    critique: NamedDependency[Critique],
    actor: NamedDependency[Actor],
    session: NamedDependency[AsyncSession],
) -> Response[CritiqueOut]:
    await service.disagree(session, actor, critique, data.reason)
    return await _answer(session, actor, critique)


@delete(
    "/critiques/{critique_id:uuid}",
    dependencies={"critique": one(Critique, may_write_critique, lock=True)},
    operation_id="DiscardCritique",
    summary="Throw my draft away",
    description="`RestoreCritique` takes it back.",
    responses=declared(403, 409),
    tags=["critiques"],
)
async def discard_critique(critique: NamedDependency[Critique], session: NamedDependency[AsyncSession]) -> None:
    await service.discard(session, critique)


@post(
    "/critiques/{critique_id:uuid}/restore",
    status_code=200,
    dependencies={"critique": one(Critique, may_write_critique)},
    operation_id="RestoreCritique",
    summary="Take back that I threw my draft away",
    responses=declared(403, 409),
    tags=["critiques"],
)
async def restore_critique(
    critique: NamedDependency[Critique], actor: NamedDependency[Actor], session: NamedDependency[AsyncSession]
) -> Response[CritiqueOut]:
    await service.take_back(session, actor, critique)
    return await _answer(session, actor, critique)


@get(
    "/takes/{take_id:uuid}/comparison",
    dependencies={"take": one(Take, may_see)},
    operation_id="CompareCritiques",
    summary="What the person and the reviewers scored, side by side",
    description="By criterion, of the critiques in force that the caller sees.",
    responses=declared(),
    tags=["critiques"],
)
async def compare_critiques(
    take: NamedDependency[Take], actor: NamedDependency[Actor], session: NamedDependency[AsyncSession]
) -> ComparisonOut:
    return await comparing.compare(session, actor, take)


async def _answer(session: AsyncSession, actor: Actor, critique: Critique) -> Response[CritiqueOut]:
    return Response(await critique_out(session, actor, critique), headers=tagged(critique.version))


routes = [
    start_critique,
    list_critiques,
    get_critique,
    write_critique,
    publish_critique,
    acknowledge_critique,
    disagree_with_critique,
    discard_critique,
    restore_critique,
    compare_critiques,
]
