"""What a world has of the library: a template with a video, one that was put away, and a series."""

from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from models.asset import Asset
from models.base import now
from models.series import ChallengePair, Occurrence, Series
from models.template import Template, TemplateAsset


async def add_library(world: Any, session: AsyncSession) -> None:
    org_id, manager = world.org.id, world.id_of("manager")
    challenge = world.things["challenge-published"]
    content = {"challenge": {"title": "Open", "kind": "positioning"}, "prompts": [{"position": 0, "text": "Well?"}]}
    of_it = {"org_id": org_id, "kind": "positioning", "rubric_id": challenge.rubric_id, "content": content}
    for name, archived_at in (("template-archived", now()), ("template", None)):
        template = Template(**of_it, title="Opening", created_by=manager, archived_at=archived_at)
        await world.add(session, template, name)
        asset = Asset(org_id=org_id, owner_id=manager, purpose="prompt", state="ready")
        await world.add(session, asset, f"asset-of-{name}")
        await world.add(session, TemplateAsset(org_id=org_id, template_id=template.id, asset_id=asset.id))
    series = Series(
        org_id=org_id,
        title="Opening",
        challenge_id=challenge.id,
        audience_id=challenge.audience_id,
        responsible_id=manager,
        created_by=manager,
        unit="week",
        every=1,
        first_local=datetime(2199, 1, 1, 9),  # noqa: DTZ001  # a wall time
        next_at=None,
    )
    await world.add(session, series, "series")
    other = world.things["challenge-of-former"].id
    posted = Occurrence(org_id=org_id, series_id=series.id, number=1, challenge_id=other, at=now())
    await world.add(session, posted)
    await world.add(session, ChallengePair(org_id=org_id, baseline_id=challenge.id, follow_up_id=other))
