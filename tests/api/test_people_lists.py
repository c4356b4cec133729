"""Who sees whom, and the list of people: filtered, by name, in pages."""

from typing import Any

from models.ids import new_id
from tests.factories.accounts import PASSWORD, answered
from tests.factories.people import OrgKit, Somebody
from tests.factories.queries import counted

Body = dict[str, Any]


async def admin_of(org: OrgKit) -> Somebody:
    return await org.person("Ada Admin", "admin")


async def added(admin: Somebody, **values: Any) -> Body:
    body = {"name": "Pat Person", "email": f"{new_id().hex}@example.com", "password": PASSWORD, **values}
    return answered(await admin.client.post("/v1/people", json=body), 201)


async def leave(admin: Somebody, person: Somebody) -> None:
    url = f"/v1/people/{person.id}"
    answered(await admin.client.patch(url, json={"state": "left"}, headers={"if-match": "*"}))


async def listed(who: Somebody, **query: Any) -> list[str]:
    """Return the names of all pages, two people a page."""
    names: list[str] = []
    cursor = None
    while True:
        params = {**query, "limit": 2, **({"cursor": cursor} if cursor else {})}
        page = answered(await who.client.get("/v1/people", params=params))
        names += [item["name"] for item in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            return names
        assert len(page["items"]) == 2


async def test_admins_and_enablement_see_everyone_by_name(org: OrgKit) -> None:
    admin, enablement = await admin_of(org), await org.person("Eve Enablement", "enablement")
    for name in ("Zoe", "Bob", "Cleo"):
        await org.person(name)
    everyone = ["Ada Admin", "Bob", "Cleo", "Eve Enablement", "Zoe"]
    assert [await listed(who) for who in (admin, enablement)] == [everyone, everyone]


async def test_others_see_the_people_of_their_teams_and_managers_those_below_too(org: OrgKit) -> None:
    region = await org.team("Region")
    north, south = await org.team("North", region), await org.team("South", region)
    people = {name: await org.person(name) for name in ("Above", "Manager", "Rep", "Peer", "Other", "Loner")}
    for name, team_id, role in (
        ("Above", region, "manager"),
        ("Manager", north, "manager"),
        ("Rep", north, "rep"),
        ("Peer", north, "rep"),
        ("Other", south, "rep"),
    ):
        await org.member(team_id, people[name], role)
    seen = {name: await listed(who) for name, who in people.items()}
    assert seen == {
        "Above": ["Above", "Manager", "Other", "Peer", "Rep"],
        "Manager": ["Manager", "Peer", "Rep"],
        "Rep": ["Manager", "Peer", "Rep"],
        "Peer": ["Manager", "Peer", "Rep"],
        "Other": ["Other"],
        "Loner": ["Loner"],
    }
    assert (await people["Rep"].client.get(f"/v1/people/{people['Other'].id}")).status_code == 404
    assert (await people["Rep"].client.get(f"/v1/people/{people['Peer'].id}")).status_code == 200


async def test_who_left_is_seen_by_admins_and_no_peers(org: OrgKit) -> None:
    admin, rep, peer, team_id = await admin_of(org), await org.person(), await org.person("Peer"), await org.team()
    await org.member(team_id, rep)
    await org.member(team_id, peer)
    await leave(admin, rep)
    assert await listed(peer) == ["Peer"]
    assert await listed(admin, state="left") == ["Robin Rep"]


async def test_people_are_filtered_by_state_team_and_how_their_name_begins(org: OrgKit) -> None:
    admin, team_id = await admin_of(org), await org.team()
    bob = await org.person("Bob")
    await org.member(team_id, bob)
    await added(admin, name="bobby", password=None)
    await added(admin, name="100% Bo_b")
    assert await listed(admin, q="BO") == ["Bob", "bobby"]
    assert await listed(admin, q="BO", state="active") == ["Bob"]
    assert await listed(admin, team_id=str(team_id)) == ["Bob"]
    assert await listed(admin, q="100%") == ["100% Bo_b"]
    assert await listed(admin, q="%") == []
    assert await listed(admin, q="b_b") == []


async def test_people_of_the_same_name_come_once_each_over_all_pages(org: OrgKit) -> None:
    admin = await admin_of(org)
    for _ in range(5):
        await org.person("Sam")
    assert await listed(admin, q="sam") == ["Sam"] * 5


async def test_a_list_says_the_teams_of_now_of_each_person(org: OrgKit) -> None:
    admin, rep = await admin_of(org), await org.person()
    north, south = await org.team("North"), await org.team("South")
    await org.member(south, rep, "manager")
    await org.member(north, rep)
    await admin.client.delete(f"/v1/teams/{south}/members/{rep.id}")
    body = answered(await admin.client.get("/v1/people", params={"q": "Robin"}))
    assert [(team["name"], team["role"]) for team in body["items"][0]["teams"]] == [("North", "rep")]


async def test_a_cursor_of_another_list_is_refused(org: OrgKit) -> None:
    admin = await admin_of(org)
    for cursor in ("x", "bm90aGluZw", "WzEsMl0"):
        answer = await admin.client.get("/v1/people", params={"cursor": cursor})
        assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "#query/cursor")


async def test_a_long_page_costs_as_many_queries_as_a_short_one(org: OrgKit) -> None:
    admin, team_id = await admin_of(org), await org.team()
    costs = []
    for count in (1, 4):
        for _ in range(count):
            await org.member(team_id, await org.person())
        with counted(org) as sent:
            answered(await admin.client.get("/v1/people"))
        costs.append(len(sent))
    assert costs[0] == costs[1] < 5
