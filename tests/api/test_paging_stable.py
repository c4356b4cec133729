"""Pages by keyset: while rows arrive and go between two pages, none is shown twice, and none that stays is left out."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import update

from models.base import now
from models.take import Take
from tests.factories.challenges import assignment_for, hand_in, inbox, make_cast, published
from tests.factories.people import OrgKit, Somebody

Body = dict[str, Any]


async def page(who: Somebody, path: str, **query: str) -> tuple[list[Body], str | None]:
    answer = await who.client.get(path, params={"limit": "2", **query})
    assert answer.status_code == 200, answer.text
    body = answer.json()
    return body["items"], body["next_cursor"]


async def rest(who: Somebody, path: str, cursor: str | None) -> list[Body]:
    items: list[Body] = []
    while cursor:
        more, cursor = await page(who, path, cursor=cursor)
        items += more
    return items


async def test_the_inbox_while_challenges_come(org: OrgKit) -> None:
    cast = await make_cast(org)
    for day in (10, 15, 20, 25):
        await published(cast, due_at=f"2150-01-{day}T12:00:00Z")
    before = [item["id"] for item in await inbox(cast.rep)]
    first, cursor = await page(cast.rep, "/v1/me/assignments")
    sooner = await published(cast, due_at="2149-12-01T12:00:00Z")  # before the place of the cursor
    later = await published(cast, due_at="2151-01-01T12:00:00Z")  # and behind it
    shown = [item["id"] for item in [*first, *await rest(cast.rep, "/v1/me/assignments", cursor)]]
    assert len(shown) == len(set(shown))
    assert [one for one in shown if one in before] == before
    new = {(await assignment_for(cast.rep, one, cast.rep))["id"] for one in (sooner, later)}
    assert new & set(shown) == {(await assignment_for(cast.rep, later, cast.rep))["id"]}


async def test_the_inbox_while_what_was_shown_is_handed_in(org: OrgKit) -> None:
    cast = await make_cast(org)
    for day in range(1, 6):
        await published(cast, due_at=f"2150-01-0{day}T12:00:00Z")
    before = [item["id"] for item in await inbox(cast.rep)]
    first, cursor = await page(cast.rep, "/v1/me/assignments")
    await hand_in(org, cast.rep, first[1])  # the row that the cursor names is in the list no more
    shown = [item["id"] for item in [*first, *await rest(cast.rep, "/v1/me/assignments", cursor)]]
    assert shown == before


async def test_the_review_queue_while_takes_come_and_go(org: OrgKit) -> None:
    cast = await make_cast(org)
    takes: list[str] = []
    for number in range(5):
        challenge = await published(cast)
        take = await hand_in(org, cast.rep, await assignment_for(cast.rep, challenge, cast.rep))
        takes.append(take["id"])
        await _promised(org, take["id"], hours=number + 1)
    first, cursor = await page(cast.manager, "/v1/me/reviews")
    assert [item["take_id"] for item in first] == takes[:2]
    gone = await cast.rep.client.post(f"/v1/takes/{takes[3]}/withdraw")
    assert gone.status_code == 200, gone.text
    late = await hand_in(org, cast.rep, await assignment_for(cast.rep, await published(cast), cast.rep))
    await _promised(org, late["id"], hours=90)
    shown = [item["take_id"] for item in await rest(cast.manager, "/v1/me/reviews", cursor)]
    assert shown == [takes[2], takes[4], late["id"]]


async def _promised(org: OrgKit, take_id: str, *, hours: int) -> None:
    async with org.database.tenant(org.id) as session:
        mine = (Take.org_id == org.id) & (Take.id == UUID(take_id))
        await session.execute(update(Take).where(mine).values(promised_at=now() + timedelta(hours=hours)))


async def test_changes_while_more_are_written(org: OrgKit) -> None:
    cast = await make_cast(org)
    await published(cast)
    seen: list[str] = []
    after: str | None = None
    for round_ in range(6):
        query = {"limit": "2", **({"after": after} if after else {})}
        body = (await cast.rep.client.get("/v1/me/changes", params=query)).json()
        seen += [item["id"] for item in body["items"]]
        after = body["next"]
        if round_ < 3:
            await published(cast)
    while body["more"]:
        body = (await cast.rep.client.get("/v1/me/changes", params={"limit": "2", "after": after})).json()
        seen += [item["id"] for item in body["items"]]
        after = body["next"]
    whole = (await cast.rep.client.get("/v1/me/changes", params={"limit": "100"})).json()["items"]
    assert seen == [item["id"] for item in whole]
