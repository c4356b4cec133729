"""Who sees a challenge and who runs it, alone and in the list."""

from collections.abc import Callable
from typing import Any

from sqlalchemy import event

from tests.factories.challenges import (
    VERBS,
    act,
    acted,
    add,
    change,
    drafted,
    get_challenge,
    leave,
    make_cast,
    post,
    published,
    to_teams,
)
from tests.factories.people import OrgKit, Somebody


async def test_a_rep_sees_what_is_asked_but_neither_audience_nor_counts(org: OrgKit) -> None:
    cast = await make_cast(org)
    challenge = await published(cast, brief="In a minute.")
    answer = await get_challenge(cast.rep, challenge)
    body = answer.json()
    assert (answer.status_code, body["brief"], body["prompts"]) == (200, "In a minute.", challenge["prompts"])
    assert (body["audience"], body["counts"]) == (None, None)
    assert (await cast.rep.client.get("/v1/challenges")).json()["items"][0]["counts"] is None


async def test_a_draft_is_seen_by_its_author_only(org: OrgKit) -> None:
    cast = await make_cast(org)
    draft = await drafted(cast)
    other = await org.person()
    await org.member(cast.team_id, other, "manager")
    seen = [(await get_challenge(who, draft)).status_code for who in (cast.manager, cast.rep, other, cast.enablement)]
    assert seen == [200, 404, 404, 404]
    assert (await act(cast.enablement, draft, "publish")).status_code == 404


async def test_a_challenge_is_seen_by_those_it_is_for_and_their_managers(org: OrgKit) -> None:
    cast = await make_cast(org)
    challenge = await published(cast)
    outsider, admin = await org.person(), await org.person(org_role="admin")
    await org.member(await org.team("South"), outsider)
    for who, status in ((cast.rep, 200), (cast.enablement, 200), (outsider, 404), (admin, 404)):
        assert (await get_challenge(who, challenge)).status_code == status


async def test_only_its_author_and_enablement_run_a_challenge(org: OrgKit) -> None:
    cast = await make_cast(org)
    challenge = await published(cast)
    colleague = await org.person("Max Manager")
    await org.member(cast.team_id, colleague, "manager")
    for who in (cast.rep, colleague):
        assert [(await act(who, challenge, verb)).status_code for verb in VERBS] == [403] * 4
        assert (await change(who, challenge, due_at=None)).status_code == 403
        assert (await add(who, challenge, cast.rep)).status_code == 403
    assert (await act(cast.enablement, challenge, "close")).status_code == 200


async def test_who_manages_no_team_any_more_runs_nothing(org: OrgKit) -> None:
    cast = await make_cast(org)
    challenge = await published(cast)
    await leave(org, cast.manager, left=False)
    assert (await get_challenge(cast.manager, challenge)).status_code == 200
    assert (await act(cast.manager, challenge, "close")).status_code == 403


async def test_nothing_of_another_organization_is_here(org: OrgKit, make_org: Callable[..., Any]) -> None:
    cast, other = await make_cast(org), await make_cast(await make_org())
    challenge = await published(cast)
    assert (await get_challenge(other.enablement, challenge)).status_code == 404
    assert [(await act(other.enablement, challenge, verb)).status_code for verb in VERBS] == [404] * 4
    assert (await change(other.enablement, challenge, title="Mine")).status_code == 404
    assert (await cast_list(other.enablement)) == []
    for values, pointer in (
        ({"rubric_id": other.rubric["id"]}, "/rubric_id"),
        ({"audience": to_teams(other.team_id)}, "/audience/team_ids/0"),
        ({"audience": {"person_ids": [str(other.rep.id)]}}, "/audience/person_ids/0"),
    ):
        refused = await post(cast.enablement, cast.body(**values))
        assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, pointer)


async def cast_list(who: Somebody, **query: Any) -> list[str]:
    answer = await who.client.get("/v1/challenges", params=query)
    assert answer.status_code == 200, answer.text
    return [item["title"] for item in answer.json()["items"]]


async def test_the_list_is_newest_first_and_filters_by_state_and_kind(org: OrgKit) -> None:
    cast = await make_cast(org)
    await drafted(cast, title="Draft")
    await published(cast, title="Published")
    await published(cast, title="Anecdote", kind="anecdote")
    await acted(cast.manager, await published(cast, title="Closed"), "close")
    assert await cast_list(cast.manager) == ["Closed", "Anecdote", "Published", "Draft"]
    assert await cast_list(cast.manager, state="published") == ["Anecdote", "Published"]
    assert await cast_list(cast.manager, state="published", kind="anecdote") == ["Anecdote"]
    assert await cast_list(cast.rep) == ["Closed", "Anecdote", "Published"]
    refused = await cast.manager.client.get("/v1/challenges", params={"state": "lost"})
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "#query/state")


async def test_pages_of_the_list_repeat_nothing_while_challenges_arrive(org: OrgKit) -> None:
    cast = await make_cast(org)
    for number in range(5):
        await drafted(cast, title=f"Challenge {number}")
    found, cursor = [], None
    while True:
        query = {"limit": 2} | ({"cursor": cursor} if cursor else {})
        page = (await cast.manager.client.get("/v1/challenges", params=query)).json()
        found += [item["title"] for item in page["items"]]
        await drafted(cast, title="Newer")
        if (cursor := page["next_cursor"]) is None:
            break
    assert found == [f"Challenge {number}" for number in (4, 3, 2, 1, 0)]


async def test_the_list_counts_the_assignments_the_caller_sees(org: OrgKit) -> None:
    cast = await make_cast(org)
    south, other = await org.team("South"), await org.person()
    await org.member(south, other)
    challenge = await published(cast, cast.enablement, audience=to_teams(cast.team_id, south))
    counts = [(await get_challenge(who, challenge)).json()["counts"] for who in (cast.enablement, cast.manager)]
    assert counts == [{"open": 2}, {"open": 1}]
    listed = (await cast.enablement.client.get("/v1/challenges")).json()["items"][0]
    assert listed["counts"] == {"open": 2}


async def test_a_list_costs_the_same_however_long_it_is(org: OrgKit) -> None:
    cast = await make_cast(org)
    for _ in range(5):
        await published(cast)
    statements: list[str] = []
    engine = org.database.engine.sync_engine

    def note(*arguments: Any) -> None:
        statements.append(arguments[2])

    event.listen(engine, "before_cursor_execute", note)
    items = await cast_list(cast.manager)
    event.remove(engine, "before_cursor_execute", note)
    assert (len(items), len(statements)) == (5, 3)
