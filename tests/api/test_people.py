"""People are run by admins: added, invited, changed; they leave and come back."""

import asyncio
from collections.abc import Callable
from typing import Any
from uuid import UUID

import httpx
import pytest
from sqlalchemy import select

from models.event import Event
from models.ids import new_id
from models.person import Person, Session
from models.team import Membership
from tests.factories.accounts import PASSWORD, Account, answered, jobs, links, refresh, refused, visitor
from tests.factories.people import OrgKit, Somebody
from tests.factories.rushes import at_once

Body = dict[str, Any]


async def admin_of(org: OrgKit) -> Somebody:
    return await org.person("Ada Admin", "admin")


def described(**values: Any) -> Body:
    return {"name": "Pat Person", "email": f"{new_id().hex}@example.com", "password": PASSWORD, **values}


async def post(who: Somebody, **values: Any) -> httpx.Response:
    return await who.client.post("/v1/people", json=described(**values))


async def added(admin: Somebody, **values: Any) -> Body:
    return answered(await post(admin, **values), 201)


async def patch(who: Somebody, person_id: object, match: str = "*", **values: Any) -> httpx.Response:
    return await who.client.patch(f"/v1/people/{person_id}", json=values, headers={"if-match": match})


async def changed(who: Somebody, person_id: object, **values: Any) -> Body:
    return answered(await patch(who, person_id, **values))


async def events(org: OrgKit, subject_id: object) -> list[tuple[str, Body]]:
    query = select(Event.name, Event.data).where(Event.org_id == org.id, Event.subject_id == UUID(str(subject_id)))
    async with org.database.tenant(org.id) as session:
        return [(row.name, row.data) for row in await session.execute(query.order_by(Event.at, Event.id))]


async def test_a_person_with_a_password_is_active_and_signs_in(org: OrgKit) -> None:
    admin = await admin_of(org)
    body = await added(admin, org_role="enablement", time_zone="Asia/Tokyo")
    assert (body["state"], body["org_role"], body["time_zone"]) == ("active", "enablement", "Asia/Tokyo")
    assert await jobs(org, "send_link") == []
    await Account(org, UUID(body["id"]), body["email"], visitor(org)).signed_in()


async def test_a_person_without_a_password_is_invited(org: OrgKit) -> None:
    body = await added(await admin_of(org), password=None)
    assert (body["state"], body["org_role"], body["time_zone"], body["teams"]) == ("invited", "member", None, [])
    assert len(await links(org, body["id"], "invitation")) == 1


@pytest.mark.parametrize("org_role", ["enablement", "member"])
async def test_only_admins_run_people(org: OrgKit, org_role: str) -> None:
    who, other = await org.person(org_role=org_role), await org.person()
    team_id = await org.team()
    await org.member(team_id, who, "manager")
    await org.member(team_id, other)
    answers = [
        await post(who),
        await patch(who, other.id, name="Robyn"),
        await who.client.post(f"/v1/people/{other.id}/invite"),
    ]
    assert [refused(answer) for answer in answers] == [(403, "forbidden")] * 3


async def test_the_same_id_again_answers_with_the_person_as_they_are(org: OrgKit) -> None:
    admin, body = await admin_of(org), described(id=str(new_id()), password=None)
    first = await admin.client.post("/v1/people", json=body)
    await changed(admin, body["id"], name="Patricia")
    again = await admin.client.post("/v1/people", json=body)
    assert (first.status_code, again.status_code, again.json()["name"]) == (201, 200, "Patricia")
    assert len(await jobs(org, "send_link")) == 1


async def test_an_id_that_another_admin_used_is_taken(org: OrgKit) -> None:
    admin, other, key = await admin_of(org), await admin_of(org), str(new_id())
    await added(admin, id=key)
    assert refused(await post(other, id=key)) == (409, "id-taken")


async def test_one_id_sent_twice_at_once_makes_one_person(org: OrgKit) -> None:
    admin, body = await admin_of(org), described(id=str(new_id()), password=None)
    answers = await asyncio.gather(*(admin.client.post("/v1/people", json=body) for _ in range(4)))
    assert sorted(answer.status_code for answer in answers) == [200, 200, 200, 201]
    assert len(await jobs(org, "send_link")) == 1


async def test_an_address_is_one_persons_whatever_its_letter_case(org: OrgKit) -> None:
    admin = await admin_of(org)
    body = await added(admin, email=f"Pat.{new_id().hex}@Example.com")
    assert body["email"] == body["email"].lower()
    answer = await post(admin, email=body["email"].upper(), password=None)
    assert refused(answer) == (409, "email-taken")
    assert await jobs(org, "send_link") == []


async def test_the_address_of_who_left_is_kept_for_their_return(org: OrgKit) -> None:
    admin = await admin_of(org)
    body = await added(admin)
    await changed(admin, body["id"], state="left")
    answer = await post(admin, email=body["email"])
    assert refused(answer) == (409, "email-taken")
    assert "active again" in answer.json()["detail"]


async def test_an_address_given_to_two_people_at_once_is_one_persons(org: OrgKit) -> None:
    admin, email = await admin_of(org), f"{new_id().hex}@example.com"
    answers = await asyncio.gather(*(post(admin, email=email) for _ in range(4)))
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409]
    assert {answer.json().get("type", "/problems/email-taken") for answer in answers} == {"/problems/email-taken"}


async def test_the_same_address_may_be_somebodys_in_another_organization(make_org: Callable[..., Any]) -> None:
    body = described()
    for org in (await make_org(), await make_org()):
        answered(await (await admin_of(org)).client.post("/v1/people", json=body), 201)


@pytest.mark.parametrize(
    ("values", "pointer"),
    [
        ({"email": "nobody"}, "/email"),
        ({"email": "a b@example.com"}, "/email"),
        ({"email": "a@example.com\n"}, "/email"),
        ({"name": ""}, "/name"),
        ({"name": "  "}, "/name"),
        ({"password": "short"}, "/password"),
        ({"org_role": "owner"}, "/org_role"),
        ({"time_zone": "Mars/Olympus"}, "/time_zone"),
        ({"state": "active"}, "/state"),
        ({"id": "one"}, "/id"),
    ],
    ids=str,
)
async def test_what_is_wrong_with_a_person_is_pointed_at(org: OrgKit, values: Body, pointer: str) -> None:
    answer = await post(await admin_of(org), **values)
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, pointer)


async def test_an_admin_changes_a_person(org: OrgKit) -> None:
    admin = await admin_of(org)
    key = (await added(admin))["id"]
    email = f"{new_id().hex}@Example.com"
    body = await changed(admin, key, name="Patricia", email=email, time_zone="Asia/Tokyo", org_role="enablement")
    assert (body["name"], body["email"], body["time_zone"]) == ("Patricia", email.lower(), "Asia/Tokyo")
    assert (await changed(admin, key, time_zone=None))["time_zone"] is None
    assert ("person.role_changed", {"from": "member", "to": "enablement"}) in await events(org, key)


async def test_a_change_names_the_version_it_saw(org: OrgKit) -> None:
    admin = await admin_of(org)
    key = (await added(admin))["id"]
    seen = (await admin.client.get(f"/v1/people/{key}")).headers["etag"]
    assert (await patch(admin, key, seen, name="Patricia")).headers["etag"] != seen
    stale = await patch(admin, key, seen, name="Patrick")
    assert (refused(stale), stale.json()["current"]["name"]) == ((412, "precondition-failed"), "Patricia")
    silent = await admin.client.patch(f"/v1/people/{key}", json={"name": "Patrick"})
    assert refused(silent) == (428, "precondition-required")


async def test_two_admins_who_change_a_person_at_once_see_each_other(org: OrgKit) -> None:
    admins = [await admin_of(org) for _ in range(3)]
    key = (await added(admins[0]))["id"]
    seen = (await admins[0].client.get(f"/v1/people/{key}")).headers["etag"]
    answers = await asyncio.gather(*(patch(one, key, seen, name=f"P{place}") for place, one in enumerate(admins)))
    assert sorted(answer.status_code for answer in answers) == [200, 412, 412]


async def test_an_address_that_is_taken_cannot_be_moved_to(org: OrgKit) -> None:
    admin = await admin_of(org)
    key, taken = (await added(admin))["id"], (await added(admin))["email"]
    assert refused(await patch(admin, key, email=taken.upper(), name="Patricia")) == (409, "email-taken")
    assert answered(await admin.client.get(f"/v1/people/{key}"))["name"] == "Pat Person"


async def test_a_new_address_of_the_invited_gets_the_invitation_instead(org: OrgKit) -> None:
    admin = await admin_of(org)
    key = (await added(admin, password=None))["id"]
    await changed(admin, key, email=f"{new_id().hex}@example.com")
    old, new = await links(org, key, "invitation")
    client = visitor(org)
    codes = [
        (await client.post("/v1/auth/accept-invitation", json={"token": token, "password": PASSWORD})).status_code
        for token in (old, new)
    ]
    assert codes == [401, 200]


async def test_a_reset_on_its_way_to_the_old_address_ends(org: OrgKit) -> None:
    admin = await admin_of(org)
    body = await added(admin)
    who = Account(org, UUID(body["id"]), body["email"], visitor(org))
    await who.reset()
    await changed(admin, who.id, email=f"{new_id().hex}@example.com")
    [token] = await links(org, who.id, "password_reset")
    answer = await who.client.post("/v1/auth/reset-password", json={"token": token, "password": "another password"})
    assert refused(answer) == (401, "link-used")


async def test_only_the_invited_are_invited_again(org: OrgKit) -> None:
    admin = await admin_of(org)
    active, invited = await added(admin), await added(admin, password=None)
    answered(await admin.client.post(f"/v1/people/{invited['id']}/invite"))
    answer = await admin.client.post(f"/v1/people/{active['id']}/invite")
    assert (refused(answer), answer.json()["state"]) == ((409, "not-invited"), "active")
    assert [job["account_token_id"] for job in await jobs(org, "send_link")] != []
    assert len(await jobs(org, "send_link")) == 2


async def test_who_is_invited_becomes_active_by_accepting_only(org: OrgKit) -> None:
    admin = await admin_of(org)
    key = (await added(admin, password=None))["id"]
    answer = await patch(admin, key, state="active")
    assert (refused(answer), answer.json()["state"]) == ((409, "illegal-move"), "invited")


async def memberships(org: OrgKit, person_id: object) -> list[tuple[str, bool]]:
    """Return role and whether it lasts, oldest first."""
    query = select(Membership).where(Membership.org_id == org.id, Membership.person_id == UUID(str(person_id)))
    async with org.database.tenant(org.id) as session:
        rows = await session.scalars(query.order_by(Membership.from_at, Membership.id))
        return [(row.role, row.until_at is None) for row in rows]


async def test_who_leaves_is_out_at_once_and_their_memberships_end(org: OrgKit) -> None:
    admin = await admin_of(org)
    rep, team_id = await org.person(), await org.team()
    await org.member(team_id, rep)
    await org.member(await org.team("South"), rep, "manager")
    body = await changed(admin, rep.id, state="left")
    assert (body["state"], body["teams"]) == ("left", [])
    assert body["left_at"] is not None
    assert (await rep.client.get("/v1/me")).status_code == 401
    assert sorted(await memberships(org, rep.id)) == [("manager", False), ("rep", False)]
    async with org.database.tenant(org.id) as session:
        [row] = await session.scalars(select(Session).where(Session.org_id == org.id, Session.person_id == rep.id))
        assert row.revoked_at is not None


async def test_leaving_again_changes_nothing_more(org: OrgKit) -> None:
    admin, rep = await admin_of(org), await org.person()
    first = await changed(admin, rep.id, state="left")
    assert (await changed(admin, rep.id, state="left"))["left_at"] == first["left_at"]


async def test_who_left_comes_back_with_their_password_and_without_their_teams(org: OrgKit) -> None:
    admin = await admin_of(org)
    body = await added(admin)
    who = Account(org, UUID(body["id"]), body["email"], visitor(org))
    tokens = await who.signed_in()
    await changed(admin, who.id, state="left")
    assert refused(await who.sign_in()) == (401, "sign-in-failed")
    back = await changed(admin, who.id, state="active")
    assert (back["state"], back["left_at"], back["teams"]) == ("active", None, [])
    assert refused(await refresh(who.client, tokens["refresh_token"])) == (401, "session-ended")
    await who.signed_in()
    told = [name for name, _ in await events(org, who.id)]
    assert told == ["person.active", "person.left", "person.active"]


async def test_who_left_before_choosing_a_password_is_invited_again(org: OrgKit) -> None:
    admin = await admin_of(org)
    key = (await added(admin, password=None))["id"]
    await changed(admin, key, state="left")
    assert (await changed(admin, key, state="active"))["state"] == "invited"
    old, new = await links(org, key, "invitation")
    client = visitor(org)
    for token, code in ((old, 401), (new, 200)):
        body = {"token": token, "password": PASSWORD}
        assert (await client.post("/v1/auth/accept-invitation", json=body)).status_code == code


@pytest.mark.parametrize("values", [{"state": "left"}, {"org_role": "member"}, {"org_role": "enablement"}], ids=str)
async def test_the_last_admin_stays(org: OrgKit, values: Body) -> None:
    admin = await admin_of(org)
    await added(admin, org_role="admin", password=None)  # invited ones do not count
    gone = await added(admin, org_role="admin")
    await changed(admin, gone["id"], state="left")  # nor do those who left
    assert refused(await patch(admin, admin.id, **values)) == (409, "last-admin")
    await added(admin, org_role="admin")
    await changed(admin, admin.id, **values)


async def test_two_admins_who_dismiss_each_other_at_once_leave_one(org: OrgKit) -> None:
    one, two = await admin_of(org), await admin_of(org)
    asked = patch(one, two.id, state="left"), patch(two, one.id, state="left")
    answers = await at_once(org, Person, [one.id, two.id], *asked)
    # The second may be out before it is asked whether it may.
    assert sorted(answer.status_code for answer in answers) in ([200, 401], [200, 409])


async def test_two_admins_who_give_it_up_at_once_leave_one(org: OrgKit) -> None:
    one, two = await admin_of(org), await admin_of(org)
    answers = await asyncio.gather(*(patch(who, who.id, org_role="member") for who in (one, two)))
    assert sorted(answer.status_code for answer in answers) == [200, 409]
