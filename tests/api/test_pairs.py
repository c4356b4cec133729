"""Baselines and follow-ups: the same once more, and what has changed."""

from typing import Any

import pytest

from tests.factories.challenges import (
    Body,
    Cast,
    act,
    acted,
    assignment_for,
    change,
    changed,
    drafted,
    hand_in,
    holders,
    make_cast,
    published,
    to_teams,
)
from tests.factories.critiques import draft, publish, write
from tests.factories.people import OrgKit, Somebody


@pytest.fixture
async def cast(org: OrgKit) -> Cast:
    return await make_cast(org)


async def follow_up(who: Somebody, challenge: Body, **body: Any) -> Body:
    answer = await who.client.post(f"/v1/challenges/{challenge['id']}/follow-up", json=body)
    assert answer.status_code == 201, answer.text
    made: Body = answer.json()
    return made


async def pair(cast: Cast, **values: Any) -> tuple[Body, Body]:
    baseline = await published(cast, **values)
    return baseline, await acted(cast.manager, await follow_up(cast.manager, baseline), "publish")


async def judged(cast: Cast, challenge: Body, rep: Somebody, level: int, reviewer: Somebody | None = None) -> Body:
    """Have a rep hand in, and a reviewer give the level and ask for another take."""
    reviewer = reviewer or cast.manager
    take = await hand_in(cast.org, rep, await assignment_for(cast.manager, challenge, rep))
    critique = await draft(take["id"], reviewer)
    scores = [
        {"criterion_id": one["id"], "level_id": one["levels"][level]["id"]} for one in critique["rubric"]["criteria"]
    ]
    await publish(reviewer, await write(reviewer, critique, scores=scores, decision="retake"))
    return take


async def compared(who: Somebody, challenge: Body, **query: Any) -> Body:
    answer = await who.client.get(f"/v1/challenges/{challenge['id']}/comparison", params=query)
    assert answer.status_code == 200, answer.text
    body: Body = answer.json()
    return body


async def new_version(cast: Cast) -> None:
    criterion = cast.rubric["criteria"][0]
    levels = [{"points": points, "label": str(points), "anchor": "."} for points in (0, 1, 2, 3)]
    body = {"criteria": [{"skill_id": criterion["skill_id"], "title": "Something else", "levels": levels}]}
    answer = await cast.enablement.client.post(f"/v1/rubrics/{cast.rubric['id']}/versions", json=body)
    assert answer.status_code == 201, answer.text


async def test_a_follow_up_asks_the_same_people_the_same_by_the_same_version(cast: Cast) -> None:
    baseline = await published(cast, prompts=[{"text": "Why us?", "notes": "Slowly."}], max_takes=2)
    await new_version(cast)
    made = await follow_up(cast.manager, baseline, title="And now?")
    assert (made["state"], made["title"], made["max_takes"]) == ("draft", "And now?", 2)
    assert (made["rubric"]["version"], made["audience"]) == (1, baseline["audience"])
    out = await acted(cast.manager, made, "publish")
    assert out["rubric_version_id"] == baseline["rubric_version_id"]
    assert await holders(cast.manager, out) == {"Robin Rep": "open"}


async def test_a_follow_up_is_reviewed_by_those_who_were_named(cast: Cast) -> None:
    baseline = await published(cast)
    named = {"person_ids": [str(cast.manager.id)]}
    url = f"/v1/challenges/{baseline['id']}/reviewers"
    assert (await cast.manager.client.put(url, json=named)).status_code == 200
    made = await follow_up(cast.manager, baseline)
    shown = (await cast.manager.client.get(f"/v1/challenges/{made['id']}/reviewers")).json()
    assert [one["id"] for one in shown["items"]] == [str(cast.manager.id)]


async def test_what_a_follow_up_asks_stays_and_the_rest_can_change(cast: Cast) -> None:
    made = await follow_up(cast.manager, await published(cast))
    for patch in ({"prompts": [{"text": "Other"}]}, {"rubric_id": cast.rubric["id"]}, {"kind": "open"}):
        answer = await change(cast.manager, made, **patch)
        assert (answer.status_code, answer.json()["type"]) == (409, "/problems/follow-up-bound"), patch
    assert (await changed(cast.manager, made, title="Later", max_takes=4))["max_takes"] == 4


async def test_a_draft_has_nothing_to_follow(cast: Cast) -> None:
    url = f"/v1/challenges/{(await drafted(cast))['id']}/follow-up"
    assert (await cast.manager.client.post(url, json={})).status_code == 409


async def test_who_left_is_asked_no_more(cast: Cast, org: OrgKit) -> None:
    gone = await cast.another_rep("Gina Gone")
    audience = {**to_teams(cast.team_id), "person_ids": [str(gone.id)]}
    baseline = await published(cast, cast.enablement, audience=audience)
    admin = await org.person(org_role="admin")
    left = await admin.client.patch(f"/v1/people/{gone.id}", json={"state": "left"}, headers={"if-match": "*"})
    assert left.status_code == 200, left.text
    made = await follow_up(cast.enablement, baseline)
    assert (made["audience"]["person_ids"], made["audience"]["team_ids"]) == ([], [str(cast.team_id)])


async def test_a_manager_does_not_follow_up_beyond_their_teams(cast: Cast, org: OrgKit) -> None:
    south = await org.team("South")
    baseline = await published(cast, cast.enablement, audience=to_teams(cast.team_id, south))
    url = f"/v1/challenges/{baseline['id']}/follow-up"
    assert (await cast.manager.client.post(url, json={})).status_code == 403
    assert (await cast.manager.client.post(url, json={"audience": to_teams(cast.team_id)})).status_code == 201


async def test_the_change_is_told_by_person_criterion_and_skill(cast: Cast) -> None:
    ria = await cast.another_rep()
    baseline, later = await pair(cast)
    before = await judged(cast, baseline, cast.rep, 0)
    await judged(cast, baseline, ria, 1)
    after = await judged(cast, later, cast.rep, 1)
    await judged(cast, later, ria, 2)
    body = await compared(cast.manager, baseline)
    assert (body["before"]["id"], body["after"]["id"], body["same_version"]) == (baseline["id"], later["id"], True)
    assert (body["n"], body["same_reviewers"]) == (2, 2)
    [criterion] = body["criteria"]
    assert (criterion["n"], criterion["before"], criterion["after"]) == (2, 0.25, 0.75)
    assert criterion["difference"]["value"] == 0.5
    assert criterion["difference"]["low"] < 0.5 < criterion["difference"]["high"]
    [skill] = body["skills"]
    assert (skill["key"], skill["difference"]) == (cast.rubric["criteria"][0]["skill_id"], criterion["difference"])
    first, robin = body["items"]
    assert (first["person"]["name"], robin["person"]["name"]) == ("Ria Rep", "Robin Rep")
    assert (robin["before_take_id"], robin["after_take_id"]) == (before["id"], after["id"])
    assert [(one["before"], one["after"], one["difference"]) for one in robin["criteria"]] == [(0.0, 0.5, 0.5)]
    assert first["same_reviewers"] is True
    assert await compared(cast.manager, later) == body


async def test_first_takes_are_compared_not_those_after_the_critique(cast: Cast) -> None:
    baseline, later = await pair(cast)
    first = await judged(cast, baseline, cast.rep, 0)
    await judged(cast, baseline, cast.rep, 2)
    body = await compared(cast.manager, later)
    assert (body["n"], body["criteria"]) == (0, [])
    [row] = body["items"]
    assert (row["before_take_id"], row["after_take_id"], row["same_reviewers"]) == (first["id"], None, None)
    assert row["criteria"] == [{"key": "opens-with-the-problem", "before": 0.0, "after": None, "difference": None}]


async def test_other_reviewers_are_said(cast: Cast) -> None:
    baseline, later = await pair(cast)
    await judged(cast, baseline, cast.rep, 0)
    await judged(cast, later, cast.rep, 2, cast.enablement)
    body = await compared(cast.manager, later)
    assert (body["n"], body["same_reviewers"], body["criteria"][0]["difference"]["low"]) == (1, 0, None)


async def test_each_sees_the_takes_they_see(cast: Cast, org: OrgKit) -> None:
    south, manager, rep = await org.team("South"), await org.person("Sam South"), await org.person("Sue South")
    await org.member(south, manager, "manager")
    await org.member(south, rep)
    baseline = await published(cast, cast.enablement, audience=to_teams(cast.team_id, south))
    later = await acted(cast.enablement, await follow_up(cast.enablement, baseline), "publish")
    for challenge in (baseline, later):
        await judged(cast, challenge, cast.rep, 1)
    for who, names in ((cast.manager, ["Robin Rep"]), (manager, []), (cast.rep, ["Robin Rep"]), (rep, [])):
        assert [one["person"]["name"] for one in (await compared(who, later))["items"]] == names


async def test_people_come_in_pages_and_the_figures_stay(cast: Cast) -> None:
    ria = await cast.another_rep()
    baseline, later = await pair(cast)
    for challenge in (baseline, later):
        for rep in (cast.rep, ria):
            await judged(cast, challenge, rep, 1)
    first = await compared(cast.manager, later, limit=1)
    rest = await compared(cast.manager, later, limit=1, cursor=first["next_cursor"])
    assert [one["person"]["name"] for one in first["items"] + rest["items"]] == ["Ria Rep", "Robin Rep"]
    assert (first["criteria"], rest["next_cursor"]) == (rest["criteria"], None)


async def test_any_two_of_one_rubric_are_compared_and_versions_by_key_and_skill(cast: Cast) -> None:
    one = await published(cast)
    await new_version(cast)
    two = await published(cast)
    await judged(cast, one, cast.rep, 1)
    await judged(cast, two, cast.rep, 2)
    body = await compared(cast.manager, two, with_challenge_id=one["id"])
    assert (body["before"]["id"], body["same_version"]) == (one["id"], False)
    assert [(row["key"], row["n"]) for row in body["criteria"]] == [
        ("opens-with-the-problem", 0),
        ("something-else", 0),
    ]
    assert [(row["n"], row["before"], row["after"]) for row in body["skills"]] == [(1, 0.5, pytest.approx(2 / 3))]


async def test_what_has_no_other_is_compared_with_nothing(cast: Cast) -> None:
    challenge = await published(cast)
    url = f"/v1/challenges/{challenge['id']}/comparison"
    assert (await cast.manager.client.get(url)).status_code == 404
    await follow_up(cast.manager, challenge)
    assert (await cast.manager.client.get(url)).status_code == 404  # a draft has nothing yet
    same = await cast.manager.client.get(url, params={"with_challenge_id": challenge["id"]})
    assert (same.status_code, same.json()["errors"][0]["pointer"]) == (422, "#query/with_challenge_id")


async def test_the_same_id_again_is_the_same_follow_up(cast: Cast) -> None:
    baseline = await published(cast)
    made = await follow_up(cast.manager, baseline)
    again = await cast.manager.client.post(f"/v1/challenges/{baseline['id']}/follow-up", json={"id": made["id"]})
    assert (again.status_code, again.json()["id"]) == (200, made["id"])
    assert (await act(cast.manager, made, "publish")).status_code == 200
