"""What happened to a video, as clients see it, and the receipt of its erasure."""

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from api.assets.schemas import AssetEventOut, ErasureOut
from api.assets.service import problem_out
from api.auth import Actor
from api.paging import Page, after, page
from api.policy import may_see_details
from models.asset import Asset
from models.erasures import receipt_of
from models.errors import NotFoundError
from models.event import Event


async def events(
    session: AsyncSession, actor: Actor, asset: Asset, limit: int, cursor: str | None
) -> Page[AssetEventOut]:
    query = select(Event).where(Event.org_id == asset.org_id, Event.subject_id == asset.id)
    rows = (await session.scalars(after(query, [Event.at, Event.id], cursor, limit))).all()
    detailed = may_see_details(actor)
    return page(rows, limit, lambda row: (row.at, row.id), lambda row: _event_out(row, detailed=detailed))


def _event_out(event: Event, *, detailed: bool) -> AssetEventOut:
    said = event.data
    return AssetEventOut(
        id=event.id,
        at=event.at,
        change=event.name.partition(".")[2],
        from_state=said.get("from"),
        by=event.actor_id,
        rendition=said.get("rendition"),
        problem=problem_out(said.get("problem")),
        detail=said.get("detail") if detailed else None,
    )


async def erasure(session: AsyncSession, asset: Asset) -> ErasureOut:
    """Return the receipt of a deleted asset, finished or not.

    Raises:
        NotFoundError: it was not deleted, or before receipts were kept.
    """
    receipt = await receipt_of(session, asset.id)
    if receipt is None:
        raise NotFoundError("There is no erasure of this video.")
    return ErasureOut(**{name: getattr(receipt, name) for name in ErasureOut.__struct_fields__})
