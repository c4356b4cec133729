import msgspec
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from api.auth import Actor
from api.org.schemas import OrgOut, OrgPatch
from api.zones import check_zone
from models.event import write_event
from models.org import Org
from models.posting import replan


async def org_of(session: AsyncSession, actor: Actor, *, lock: bool = False) -> Org:
    query = select(Org).where(Org.id == actor.org_id)
    return (await session.execute(query.with_for_update(key_share=True) if lock else query)).scalar_one()


def org_out(org: Org) -> OrgOut:
    return OrgOut(**{name: getattr(org, name) for name in OrgOut.__struct_fields__})


async def change_org(session: AsyncSession, org: Org, data: OrgPatch) -> None:
    """Change what the patch names; the row is locked. The event says which settings, and what they are now.

    Raises:
        InvalidError: there is no such time zone.
    """
    named = {name: value for name, value in msgspec.structs.asdict(data).items() if value is not msgspec.UNSET}
    if "time_zone" in named:
        check_zone(named["time_zone"])
    changed = {name: value for name, value in named.items() if getattr(org, name) != value}
    if not changed:
        return
    for name, value in changed.items():
        setattr(org, name, value)
    org.version += 1
    if "time_zone" in changed:
        await replan(session, org)
    settings = {name: value for name, value in changed.items() if name != "name"}
    write_event(session, org, "changed", **settings)
    await session.flush()
