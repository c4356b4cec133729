from tests.factories.people import OrgKit


async def test_enablement_adds_a_skill_and_everyone_reads_it(org: OrgKit) -> None:
    author, reader = await org.person(org_role="enablement"), await org.person()
    made = await author.client.post("/v1/skills", json={"name": "Positioning", "description": "Why us, in a minute"})
    assert made.status_code == 201
    got = await reader.client.get(f"/v1/skills/{made.json()['id']}")
    assert got.json() == made.json()


async def test_the_same_id_again_answers_with_the_skill_as_it_is(org: OrgKit) -> None:
    author = await org.person(org_role="admin")
    body = {"id": "01913b2e-7c1a-7def-8abc-0123456789ab", "name": "Discovery"}
    first = await author.client.post("/v1/skills", json=body)
    again = await author.client.post("/v1/skills", json=body | {"name": "Another"})
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json() == first.json()


async def test_an_id_somebody_else_has_used_is_refused(org: OrgKit) -> None:
    one, other = await org.person(org_role="admin"), await org.person(org_role="admin")
    body = {"id": "01913b2e-7c1a-7def-8abc-0123456789ac", "name": "Discovery"}
    await one.client.post("/v1/skills", json=body)
    refused = await other.client.post("/v1/skills", json=body)
    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/id-taken")


async def test_two_skills_do_not_share_a_name(org: OrgKit) -> None:
    author = await org.person(org_role="admin")
    await author.client.post("/v1/skills", json={"name": "Discovery"})
    refused = await author.client.post("/v1/skills", json={"name": "DISCOVERY"})
    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/name-taken")


async def test_a_rep_does_not_author_skills(org: OrgKit) -> None:
    rep = await org.person()
    assert (await rep.client.post("/v1/skills", json={"name": "Discovery"})).status_code == 403


async def test_an_unknown_field_is_named(org: OrgKit) -> None:
    author = await org.person(org_role="admin")
    refused = await author.client.post("/v1/skills", json={"name": "Discovery", "colour": "red"})
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/colour")


async def test_skills_come_in_pages_by_name(org: OrgKit) -> None:
    author = await org.person(org_role="admin")
    for name in ("Closing", "Anecdotes", "Beginnings"):
        await author.client.post("/v1/skills", json={"name": name})
    first = (await author.client.get("/v1/skills?limit=2")).json()
    rest = (await author.client.get(f"/v1/skills?limit=2&cursor={first['next_cursor']}")).json()
    assert [skill["name"] for skill in first["items"] + rest["items"]] == ["Anecdotes", "Beginnings", "Closing"]
    assert rest["next_cursor"] is None


async def test_a_cursor_of_nowhere_is_refused(org: OrgKit) -> None:
    reader = await org.person()
    refused = await reader.client.get("/v1/skills?cursor=nonsense")
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "#query/cursor")
