"""A request holds a connection, and the rows it locked, until it is answered and no longer."""

from typing import Any

import pytest
from sqlalchemy import select

from models.ids import new_id
from models.person import Person
from tests.factories.accounts import refused
from tests.factories.people import OrgKit, Somebody


def held(org: OrgKit) -> int:
    pool: Any = org.database.engine.pool
    count: int = pool.checkedout()
    return count


async def is_free(org: OrgKit, person: Somebody) -> bool:
    """Lock the row at once, or fail."""
    query = select(Person.id).where(Person.org_id == org.id, Person.id == person.id).with_for_update(nowait=True)
    async with org.database.tenant(org.id) as session:
        return await session.scalar(query) == person.id


async def test_what_a_handler_answers_leaves_nothing_held(org: OrgKit) -> None:
    rep = await org.person()
    assert (await rep.client.get("/v1/me")).status_code == 200
    assert held(org) == 0


async def test_what_is_not_there_leaves_no_connection_held(org: OrgKit) -> None:
    admin, team_id = await org.person(org_role="admin"), await org.team()
    for url in (f"/v1/teams/{new_id()}", f"/v1/people/{new_id()}", f"/v1/takes/{new_id()}"):
        assert refused(await admin.client.get(url)) == (404, "not-found")
        assert held(org) == 0
    for team, person in ((new_id(), new_id()), (team_id, new_id()), (new_id(), admin.id)):
        answer = await admin.client.put(f"/v1/teams/{team}/members/{person}", json={"role": "rep"})
        assert refused(answer) == (404, "not-found")
        assert held(org) == 0


async def test_what_may_not_be_done_leaves_no_lock_held(org: OrgKit) -> None:
    rep = await org.person()
    answer = await rep.client.patch(f"/v1/people/{rep.id}", json={"name": "Robyn"}, headers={"if-match": "*"})
    assert (refused(answer), held(org)) == ((403, "forbidden"), 0)
    assert await is_free(org, rep)


async def test_a_refusal_by_the_handler_leaves_no_lock_held(org: OrgKit) -> None:
    admin = await org.person(org_role="admin")
    answer = await admin.client.patch(f"/v1/people/{admin.id}", json={"state": "left"}, headers={"if-match": "*"})
    assert (refused(answer), held(org)) == ((409, "last-admin"), 0)
    assert await is_free(org, admin)


async def test_a_session_that_ended_leaves_no_connection_held(org: OrgKit) -> None:
    rep = await org.person()
    await rep.client.post("/v1/auth/sign-out")
    assert refused(await rep.client.get("/v1/me")) == (401, "unauthenticated")
    assert held(org) == 0


@pytest.mark.parametrize("body", [{}, {"name": 7}, {"name": "x", "nobody_knows_this": 1}], ids=str)
async def test_a_body_that_is_not_valid_leaves_no_connection_held(org: OrgKit, body: dict[str, Any]) -> None:
    admin = await org.person(org_role="admin")
    assert (await admin.client.post("/v1/teams", json=body)).status_code == 422
    assert held(org) == 0


async def test_what_was_refused_is_not_committed(org: OrgKit) -> None:
    admin, other = await org.person(org_role="admin"), await org.person()
    values = {"name": "Robyn", "email": admin.email}
    answer = await admin.client.patch(f"/v1/people/{other.id}", json=values, headers={"if-match": "*"})
    assert refused(answer) == (409, "email-taken")
    assert (await other.client.get("/v1/me")).json()["name"] == "Robin Rep"
