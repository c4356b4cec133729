"""Series as their authors make them, and time that passes for them."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from models.base import now
from models.challenge import Challenge
from models.posting import post_due
from models.series import Series, instant_in_zone, wall_time
from tests.factories.challenges import Body, Cast
from tests.factories.people import OrgKit, Somebody


def in_days(days: float) -> str:
    return (now() + timedelta(days=days)).replace(tzinfo=None).isoformat(timespec="seconds")


async def make_series(cast: Cast, challenge: Body, author: Somebody | None = None, **values: Any) -> Body:
    body = {"challenge_id": challenge["id"], "unit": "week", "first_local": in_days(1), **values}
    answer = await (author or cast.manager).client.post("/v1/series", json=body)
    assert answer.status_code == 201, answer.text
    made: Body = answer.json()
    return made


async def get_series(who: Somebody, series: Body) -> Body:
    answer = await who.client.get(f"/v1/series/{series['id']}")
    assert answer.status_code == 200, answer.text
    body: Body = answer.json()
    return body


async def age(org: OrgKit, series: Body, days: float, zone: str = "UTC") -> None:
    """Let so much time pass for a series, by moving it back."""
    async with org.database.tenant(org.id) as session:
        row = await session.get_one(Series, (org.id, UUID(series["id"])))
        row.first_local -= timedelta(days=days)
        row.next_at = instant_in_zone(wall_time(row, row.next_index), zone)


async def post(org: OrgKit, series: Body) -> Challenge | None:
    """Do what the sweep does for a series that is due."""
    async with org.database.tenant(org.id) as session:
        return await post_due(session, org.id, UUID(series["id"]))


async def posted(who: Somebody, series: Body) -> list[Body]:
    answer = await who.client.get(f"/v1/series/{series['id']}/challenges")
    assert answer.status_code == 200, answer.text
    items: list[Body] = answer.json()["items"]
    return items
