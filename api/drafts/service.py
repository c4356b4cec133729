"""What somebody wrote and could not be taken is kept, beside what is there: of two texts none is lost."""

import re
from hashlib import sha256
from typing import Any

import msgspec
from litestar import Request, Response
from sqlalchemy import ColumnElement, delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from api.auth import Actor
from api.critiques.schemas import CritiquePatch
from api.drafts.schemas import CritiqueDraftOut, MomentDraftOut
from api.etags import match_if_named, require_match
from api.moments.schemas import MomentPatch
from api.paging import Page, after, page
from api.problems import on_domain_error
from models.conversation import DraftVersion
from models.critique import Critique, Moment
from models.errors import DomainError, NotFoundError, PreconditionFailedError
from models.event import write_event

# Of one critique or moment; beyond it the oldest goes. A phone that repeats itself is kept once.
MOST_KEPT = 100

Content = dict[str, Any]


async def stale(request: Request[Any, Any, Any], version: int, *, must_name: bool = True) -> DomainError | None:
    """Return the refusal of a write that names another version; None where it names this one.

    Raises:
        PreconditionRequiredError: it names none, and must.
    """
    try:
        await (require_match if must_name else match_if_named)(request, version, None)
    except PreconditionFailedError as error:
        return error
    return None


async def refuse(
    session: AsyncSession,
    actor: Actor,
    request: Request[Any, Any, Any],
    thing: Critique | Moment,
    data: CritiquePatch | MomentPatch,
    error: DomainError,
) -> Response[Any]:
    """Answer with the refusal, after what was sent has been kept: it is an answer, so that the transaction commits."""
    if content := content_of(data):
        kept_as = "stale" if isinstance(error, PreconditionFailedError) else "late"
        row = await keep(session, actor, thing, content, kept_as, _named(request))
        error.facts["refused"] = draft_out(row)
    return on_domain_error(request, error)


def content_of(data: CritiquePatch | MomentPatch) -> Content:
    content: Content = msgspec.to_builtins(data)
    return content


def _named(request: Request[Any, Any, Any]) -> int | None:
    found = re.fullmatch(r'"(\d{1,9})"', request.headers.get("if-match", "").strip())
    return int(found[1]) if found else None


async def keep(
    session: AsyncSession,
    actor: Actor,
    thing: Critique | Moment,
    content: Content,
    kept_as: str,
    base_version: int | None,
) -> DraftVersion:
    """Keep a text of a critique or a moment, whose row is locked; the same one is kept once."""
    digest = sha256(msgspec.json.encode(content, order="sorted")).hexdigest()
    found = await session.scalar(select(DraftVersion).where(_of(thing), DraftVersion.digest == digest))
    if found is not None:
        return found
    of = {"critique_id" if isinstance(thing, Critique) else "moment_id": thing.id}
    row = DraftVersion(
        org_id=thing.org_id,
        author_id=actor.person_id,
        kept_as=kept_as,
        base_version=base_version,
        content=content,
        digest=digest,
        **of,
    )
    session.add(row)
    write_event(session, thing, "draft_kept", about=row, draft_version_id=row.id)
    await session.flush()
    await _drop_oldest(session, thing)
    return row


async def _drop_oldest(session: AsyncSession, thing: Critique | Moment) -> None:
    newest = (
        select(DraftVersion.id)
        .where(_of(thing))
        .order_by(DraftVersion.created_at.desc(), DraftVersion.id.desc())
        .limit(MOST_KEPT)
    )
    await session.execute(delete(DraftVersion).where(_of(thing), DraftVersion.id.not_in(newest)))


def _of(thing: Critique | Moment) -> ColumnElement[bool]:
    column = DraftVersion.critique_id if isinstance(thing, Critique) else DraftVersion.moment_id
    return (DraftVersion.org_id == thing.org_id) & (column == thing.id)


def check_of(row: DraftVersion, thing: Critique | Moment) -> None:
    """Raise NotFoundError where the draft was kept of another one."""
    if thing.id not in {row.critique_id, row.moment_id}:
        raise NotFoundError("There is no draft version with this id here.")


async def forget(session: AsyncSession, row: DraftVersion) -> None:
    kind: type[Critique | Moment] = Critique if row.critique_id else Moment
    thing = await session.get_one(kind, (row.org_id, row.critique_id or row.moment_id))
    await session.delete(row)
    write_event(session, thing, "draft_forgotten", about=row, draft_version_id=row.id)
    await session.flush()


async def list_drafts(session: AsyncSession, thing: Critique | Moment, limit: int, cursor: str | None) -> Page[Any]:
    """Return what was kept of a critique or a moment, newest first; that the actor wrote it, the caller knows."""
    order = [DraftVersion.created_at, DraftVersion.id]
    query = after(select(DraftVersion).where(_of(thing)), order, cursor, limit, descending=True)
    return page((await session.scalars(query)).all(), limit, lambda row: (row.created_at, row.id), draft_out)


def draft_out(row: DraftVersion) -> CritiqueDraftOut | MomentDraftOut:
    said = (row.kept_as, row.base_version)
    if row.critique_id is not None:
        patch = msgspec.convert(row.content, CritiquePatch)
        return CritiqueDraftOut(row.id, row.critique_id, *said, patch, row.created_at)
    assert row.moment_id is not None
    return MomentDraftOut(row.id, row.moment_id, *said, msgspec.convert(row.content, MomentPatch), row.created_at)
