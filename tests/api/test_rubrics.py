import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from models.ids import new_id
from tests.factories.people import OrgKit, Somebody
from tests.factories.rubrics import criterion, levels, new_skill, post_rubric


async def enablement(org: OrgKit) -> Somebody:
    return await org.person("Eve Enablement", org_role="enablement")


async def refusal(author: Somebody, body: dict[str, Any]) -> tuple[int, str]:
    answer = await author.client.post("/v1/rubrics", json=body)
    return answer.status_code, answer.json()["errors"][0]["pointer"]


async def test_a_manager_makes_a_rubric_and_a_rep_reads_it(org: OrgKit) -> None:
    manager, rep, skill = await org.person(), await org.person(), await new_skill(org)
    await org.member(await org.team(), manager, "manager")
    body = {
        "title": "Positioning",
        "criteria": [
            criterion(skill, "Opens well", weight=2, must_pass=True),
            criterion(skill, "Ends well", allow_na=True, required=False, levels=levels(-1, 0.5)),
        ],
    }
    made = await manager.client.post("/v1/rubrics", json=body)
    rubric = made.json()
    assert (made.status_code, rubric["version"], rubric["latest_version"]) == (201, 1, 1)
    assert [c["key"] for c in rubric["criteria"]] == ["opens-well", "ends-well"]
    assert [[level["points"] for level in c["levels"]] for c in rubric["criteria"]] == [[0, 1, 2], [-1, 0.5]]
    assert (rubric["criteria"][0]["weight"], rubric["criteria"][0]["must_pass"]) == (2, True)
    assert (await rep.client.get(f"/v1/rubrics/{rubric['id']}")).json() == rubric


async def test_a_rep_does_not_author_rubrics(org: OrgKit) -> None:
    author, rep = await enablement(org), await org.person()
    rubric = await post_rubric(org, author)
    body = {"title": "Mine", "criteria": [criterion(await new_skill(org))]}
    assert (await rep.client.post("/v1/rubrics", json=body)).status_code == 403
    versions = f"/v1/rubrics/{rubric['id']}/versions"
    assert (await rep.client.post(versions, json={"criteria": body["criteria"]})).status_code == 403


async def test_the_same_id_again_answers_with_the_rubric_as_it_is(org: OrgKit) -> None:
    author = await enablement(org)
    body = {"id": str(new_id()), "title": "One", "criteria": [criterion(await new_skill(org))]}
    first = await author.client.post("/v1/rubrics", json=body)
    again = await author.client.post("/v1/rubrics", json=body | {"title": "Two"})
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json()


async def test_a_skill_that_is_not_there_is_pointed_at(org: OrgKit) -> None:
    author, skill = await enablement(org), await new_skill(org)
    body = {"title": "One", "criteria": [criterion(skill), criterion(new_id(), "Other")]}
    assert await refusal(author, body) == (422, "/criteria/1/skill_id")


async def test_a_skill_of_another_organization_is_not_there(make_org: Callable[..., Any]) -> None:
    org, other = await make_org(), await make_org()
    body = {"title": "One", "criteria": [criterion(await new_skill(other))]}
    assert await refusal(await enablement(org), body) == (422, "/criteria/0/skill_id")


async def test_levels_that_do_not_rise_are_pointed_at(org: OrgKit) -> None:
    body = {"title": "One", "criteria": [criterion(await new_skill(org), levels=levels(0, 2, 2))]}
    assert await refusal(await enablement(org), body) == (422, "/criteria/0/levels/2/points")


async def test_a_key_given_twice_is_pointed_at(org: OrgKit) -> None:
    skill = await new_skill(org)
    body = {"title": "One", "criteria": [criterion(skill, key="k"), criterion(skill, "Other", key="k")]}
    assert await refusal(await enablement(org), body) == (422, "/criteria/1/key")


@pytest.mark.parametrize(
    ("values", "pointer"),
    [
        ({"weight": 0}, "/criteria/0/weight"),
        ({"levels": levels(1)}, "/criteria/0/levels"),
        ({"levels": levels(*range(8))}, "/criteria/0/levels"),
        ({"key": "No Spaces"}, "/criteria/0/key"),
        ({"title": " "}, "/criteria/0/title"),
        ({"colour": "red"}, "/criteria/0/colour"),
    ],
)
async def test_what_a_criterion_cannot_be(org: OrgKit, values: dict[str, Any], pointer: str) -> None:
    body = {"title": "One", "criteria": [criterion(await new_skill(org), **values)]}
    assert await refusal(await enablement(org), body) == (422, pointer)


async def test_a_rubric_has_one_to_fifty_criteria(org: OrgKit) -> None:
    author, skill = await enablement(org), await new_skill(org)
    for count in (0, 51):
        body = {"title": "One", "criteria": [criterion(skill, f"Criterion {number}") for number in range(count)]}
        assert await refusal(author, body) == (422, "/criteria")


async def test_a_new_version_leaves_the_old_one_as_it_was(org: OrgKit) -> None:
    author, skill = await enablement(org), await new_skill(org)
    first = await post_rubric(org, author)
    path = f"/v1/rubrics/{first['id']}"
    body = {"criteria": [criterion(skill, "Something else", levels=levels(1, 5))], "note": "Simpler"}
    second = await author.client.post(f"{path}/versions", json=body)
    assert (second.status_code, second.json()["version"], second.json()["note"]) == (201, 2, "Simpler")
    assert (await author.client.get(path)).json() == second.json()
    old = (await author.client.get(f"{path}?version=1")).json()
    assert old == first | {"latest_version": 2}


async def test_a_criterion_keeps_its_key_in_the_next_version(org: OrgKit) -> None:
    author, skill = await enablement(org), await new_skill(org)
    body = {"title": "One", "criteria": [criterion(skill, "Opens well", key="opening"), criterion(skill, "Ends well")]}
    first = (await author.client.post("/v1/rubrics", json=body)).json()
    renamed = [
        criterion(skill, "Opening"),
        criterion(skill, "Opens well"),
        criterion(skill, "Ends strong", key="ends-well"),
    ]
    second = await author.client.post(f"/v1/rubrics/{first['id']}/versions", json={"criteria": renamed})
    assert [c["key"] for c in second.json()["criteria"]] == ["opening-2", "opening", "ends-well"]


async def test_a_version_repeated_with_its_id_is_made_once(org: OrgKit) -> None:
    author, skill = await enablement(org), await new_skill(org)
    rubric, other = await post_rubric(org, author), await post_rubric(org, author)
    body = {"id": str(new_id()), "criteria": [criterion(skill)]}
    first = await author.client.post(f"/v1/rubrics/{rubric['id']}/versions", json=body)
    again = await author.client.post(f"/v1/rubrics/{rubric['id']}/versions", json=body)
    assert (first.status_code, again.status_code, again.json()["version"]) == (201, 200, 2)
    elsewhere = await author.client.post(f"/v1/rubrics/{other['id']}/versions", json=body)
    assert (elsewhere.status_code, elsewhere.json()["type"]) == (409, "/problems/id-taken")


async def test_versions_made_at_the_same_time_are_numbered_one_after_the_other(org: OrgKit) -> None:
    author, skill = await enablement(org), await new_skill(org)
    path = f"/v1/rubrics/{(await post_rubric(org, author))['id']}/versions"
    answers = await asyncio.gather(*(author.client.post(path, json={"criteria": [criterion(skill)]}) for _ in range(4)))
    assert sorted(answer.json()["version"] for answer in answers) == [2, 3, 4, 5]


async def test_a_version_that_is_not_there_is_not_found(org: OrgKit) -> None:
    author = await enablement(org)
    rubric = await post_rubric(org, author)
    assert (await author.client.get(f"/v1/rubrics/{rubric['id']}?version=2")).status_code == 404
    assert (await author.client.get(f"/v1/rubrics/{rubric['id']}?version=0")).status_code == 422


async def test_another_organization_finds_no_rubric(make_org: Callable[..., Any]) -> None:
    org, other = await make_org(), await make_org()
    stranger = await enablement(other)
    rubric = await post_rubric(org, await enablement(org))
    assert (await stranger.client.get(f"/v1/rubrics/{rubric['id']}")).status_code == 404
    body = {"criteria": [criterion(await new_skill(other))]}
    assert (await stranger.client.post(f"/v1/rubrics/{rubric['id']}/versions", json=body)).status_code == 404
    assert (await stranger.client.get("/v1/rubrics")).json()["items"] == []


async def test_rubrics_come_in_pages_newest_first(org: OrgKit) -> None:
    author = await enablement(org)
    for title in ("First", "Second", "Third"):
        await post_rubric(org, author, title)
    first = (await author.client.get("/v1/rubrics?limit=2")).json()
    rest = (await author.client.get(f"/v1/rubrics?limit=2&cursor={first['next_cursor']}")).json()
    assert [rubric["title"] for rubric in first["items"] + rest["items"]] == ["Third", "Second", "First"]
    assert rest["next_cursor"] is None
