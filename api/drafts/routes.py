from typing import Any

from litestar import Request, Response, delete, get, post
from litestar.di import NamedDependency
from sqlalchemy.ext.asyncio import AsyncSession

from api.access import one
from api.auth import Actor
from api.critiques import conflicts
from api.critiques.representation import critique_out
from api.critiques.schemas import CritiqueOut
from api.drafts import service
from api.drafts.schemas import CritiqueDraftOut, MomentDraftOut
from api.etags import IfMatch, match_if_named, require_match, tagged
from api.moments.schemas import MomentOut
from api.moments.service import moment_out, restore_moment
from api.paging import Cursor, Limit, Page
from api.policy import may_edit_moment, may_see, may_write_critique
from api.problems import declared
from models.conversation import DraftVersion
from models.critique import Critique, Moment


@get(
    "/critiques/{critique_id:uuid}/drafts",
    dependencies={"critique": one(Critique, may_write_critique)},
    operation_id="ListCritiqueDrafts",
    summary="What I wrote into my critique that did not get there, or was replaced; newest first",
    responses=declared(403),
    tags=["critiques"],
)
async def list_critique_drafts(
    critique: NamedDependency[Critique],
    session: NamedDependency[AsyncSession],
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[CritiqueDraftOut]:
    return await service.list_drafts(session, critique, limit, cursor)


@post(
    "/critiques/{critique_id:uuid}/drafts/{draft_version_id:uuid}/restore",
    status_code=200,
    dependencies={
        "critique": one(Critique, may_write_critique, lock=True),
        "draft_version": one(DraftVersion, may_see, after="critique"),
    },
    operation_id="RestoreCritiqueDraft",
    summary="Write what was kept into my draft; what it replaces is kept",
    responses=declared(403, 409, 412, 428),
    tags=["critiques"],
)
async def restore_critique_draft(
    critique: NamedDependency[Critique],
    draft_version: NamedDependency[DraftVersion],
    actor: NamedDependency[Actor],
    session: NamedDependency[AsyncSession],
    request: Request[Any, Any, Any],
    if_match: IfMatch = None,
) -> Response[CritiqueOut]:
    del if_match

    async def current() -> CritiqueOut:
        return await critique_out(session, actor, critique)

    await require_match(request, critique.version, current)
    await conflicts.restore(session, actor, critique, draft_version)
    return Response(await current(), headers=tagged(critique.version))


@get(
    "/moments/{moment_id:uuid}/drafts",
    dependencies={"moment": one(Moment, may_edit_moment)},
    operation_id="ListMomentDrafts",
    summary="What I wrote into my remark that did not get there, or was replaced; newest first",
    responses=declared(403),
    tags=["moments"],
)
async def list_moment_drafts(
    moment: NamedDependency[Moment],
    session: NamedDependency[AsyncSession],
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[MomentDraftOut]:
    return await service.list_drafts(session, moment, limit, cursor)


@post(
    "/moments/{moment_id:uuid}/drafts/{draft_version_id:uuid}/restore",
    status_code=200,
    dependencies={
        "moment": one(Moment, may_edit_moment, lock=True),
        "draft_version": one(DraftVersion, may_see, after="moment"),
    },
    operation_id="RestoreMomentDraft",
    summary="Write what was kept into my remark; what it replaces is kept",
    responses=declared(403, 409, 412),
    tags=["moments"],
)
async def restore_moment_draft(
    moment: NamedDependency[Moment],
    draft_version: NamedDependency[DraftVersion],
    actor: NamedDependency[Actor],
    session: NamedDependency[AsyncSession],
    request: Request[Any, Any, Any],
    if_match: IfMatch = None,
) -> Response[MomentOut]:
    del if_match

    async def current() -> MomentOut:
        return await moment_out(session, actor, moment)

    await match_if_named(request, moment.version, current)
    await restore_moment(session, actor, moment, draft_version)
    return Response(await current(), headers=tagged(moment.version))


@delete(
    "/drafts/{draft_version_id:uuid}",
    dependencies={"draft_version": one(DraftVersion, may_see)},
    operation_id="ForgetDraft",
    summary="Throw away what was kept of mine",
    responses=declared(),
    tags=["critiques"],
)
async def forget_draft(draft_version: NamedDependency[DraftVersion], session: NamedDependency[AsyncSession]) -> None:
    await service.forget(session, draft_version)


routes = [list_critique_drafts, restore_critique_draft, list_moment_drafts, restore_moment_draft, forget_draft]
