import asyncio
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import func, select

from models.base import now
from models.challenge import Challenge
from models.event import Event
from models.rubric import RubricVersion
from tests.factories.challenges import (
    act,
    acted,
    add,
    after_now,
    assignment_for,
    at_state,
    change,
    changed,
    copies,
    drafted,
    get_challenge,
    holders,
    inbox,
    make_cast,
    post,
    published,
    refusal,
    to_teams,
)
from tests.factories.people import OrgKit
from tests.factories.rubrics import criterion, new_skill
from tests.factories.takes import fresh, make_asset


async def test_a_draft_is_as_it_was_sent(org: OrgKit) -> None:
    cast = await make_cast(org)
    sent = cast.body(
        brief="In a minute.",
        max_takes=3,
        pass_mark=0.6,
        opens_at="2027-03-01T08:00:00Z",
        due_at="2027-03-05T17:00:00Z",
        prompts=[{"text": "One", "max_duration_ms": 60_000}, {"text": "Two"}],
    )
    answer = await post(cast.manager, sent)
    body = answer.json()
    assert (answer.status_code, answer.headers["etag"], body["state"], body["version"]) == (201, '"1"', "draft", 1)
    same = ("title", "kind", "brief", "rubric_id", "max_takes", "pass_mark", "opens_at", "due_at")
    assert {name: body[name] for name in same} == {name: sent[name] for name in same}
    assert [(p["position"], p["text"], p["max_duration_ms"]) for p in body["prompts"]] == [
        (0, "One", 60_000),
        (1, "Two", None),
    ]
    assert body["audience"]["team_ids"] == [str(cast.team_id)]
    assert (body["audience"]["joiners"], body["rubric"]["version"], body["rubric_version_id"]) == ("exclude", 1, None)
    assert (await get_challenge(cast.manager, body)).json() == body


async def test_the_same_id_again_answers_with_the_challenge_as_it_is(org: OrgKit) -> None:
    cast, key = await make_cast(org), fresh()
    first = await post(cast.manager, cast.body(id=key))
    await acted(cast.manager, first.json(), "publish")
    again = await post(cast.manager, cast.body(id=key, title="Another"))
    assert (first.status_code, again.status_code) == (201, 200)
    assert (again.json()["title"], again.json()["state"], again.headers["etag"]) == ("Why us", "published", '"2"')


async def test_two_requests_with_one_id_make_one_challenge(org: OrgKit) -> None:
    cast, key = await make_cast(org), fresh()
    answers = await asyncio.gather(*(post(cast.manager, cast.body(id=key)) for _ in range(4)))
    assert sorted(answer.status_code for answer in answers) == [200, 200, 200, 201]
    assert len((await cast.manager.client.get("/v1/challenges")).json()["items"]) == 1


async def test_an_id_of_somebody_else_is_taken(org: OrgKit) -> None:
    cast, key = await make_cast(org), fresh()
    await post(cast.manager, cast.body(id=key))
    refused = await post(cast.enablement, cast.body(id=key))
    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/id-taken")


async def test_reps_and_admins_do_not_author_challenges(org: OrgKit) -> None:
    cast = await make_cast(org)
    admin = await org.person(org_role="admin")
    assert [(await post(who, cast.body())).status_code for who in (cast.rep, admin)] == [403, 403]


async def test_a_challenge_goes_through_its_life_and_says_so(org: OrgKit) -> None:
    cast = await make_cast(org)
    challenge = await acted(cast.manager, await drafted(cast), "publish", "close", "reopen", "close", "archive")
    assert (challenge["state"], challenge["version"], challenge["published_at"] is None) == ("archived", 6, False)
    async with org.database.tenant(org.id) as session:
        moves = select(Event.name).where(Event.org_id == org.id, Event.subject_id == UUID(challenge["id"]))
        told = (await session.scalars(moves.order_by(Event.at))).all()
    lived = ["draft", "published", "closed", "published", "closed", "archived"]
    assert told == [f"challenge.{state}" for state in lived]


@pytest.mark.parametrize(
    ("verb", "state"),
    [("publish", "published"), ("close", "closed"), ("reopen", "published"), ("archive", "archived")],
)
async def test_each_action_done_again_answers_with_the_challenge(org: OrgKit, verb: str, state: str) -> None:
    cast = await make_cast(org)
    challenge = await at_state(cast, state)
    again = await act(cast.manager, challenge, verb)
    assert (again.status_code, again.json(), again.headers["etag"]) == (200, challenge, f'"{challenge["version"]}"')


@pytest.mark.parametrize(
    ("state", "verb"),
    [
        ("draft", "close"),
        ("draft", "reopen"),
        ("draft", "archive"),
        ("published", "archive"),
        ("closed", "publish"),
        ("archived", "publish"),
        ("archived", "close"),
        ("archived", "reopen"),
    ],
)
async def test_a_move_that_is_not_allowed_names_the_state(org: OrgKit, state: str, verb: str) -> None:
    cast = await make_cast(org)
    challenge = await at_state(cast, state)
    refused = await act(cast.manager, challenge, verb)
    assert (refused.status_code, refused.json()["type"], refused.json()["state"]) == (
        409,
        "/problems/illegal-move",
        state,
    )
    assert (await get_challenge(cast.manager, challenge)).json() == challenge


async def test_two_who_publish_at_once_give_each_person_one_copy(org: OrgKit) -> None:
    cast = await make_cast(org)
    challenge = await drafted(cast)
    answers = await asyncio.gather(*(act(cast.manager, challenge, "publish") for _ in range(4)))
    assert [answer.status_code for answer in answers] == [200] * 4
    async with org.database.tenant(org.id) as session:
        told = select(func.count()).where(Event.org_id == org.id, Event.name == "challenge.published")
        assert await session.scalar(told) == 1
    assert await copies(org, challenge) == 1


async def test_publishing_pins_the_rubric_as_it_is_then(org: OrgKit) -> None:
    cast = await make_cast(org)
    versions = f"/v1/rubrics/{cast.rubric['id']}/versions"
    body = {"criteria": [criterion(await new_skill(org), "Other")], "note": "Sharper"}
    draft, old = await drafted(cast), await published(cast)
    await cast.manager.client.post(versions, json=body)
    assert (await get_challenge(cast.manager, draft)).json()["rubric"]["version"] == 2
    new = await acted(cast.manager, draft, "publish")
    await cast.manager.client.post(versions, json=body)
    seen = [(await get_challenge(cast.manager, one)).json() for one in (old, new)]
    assert [one["rubric"]["version"] for one in seen] == [1, 2]
    async with org.database.tenant(org.id) as session:
        pinned = [await session.get_one(RubricVersion, (org.id, UUID(one["rubric_version_id"]))) for one in seen]
    assert [row.version for row in pinned] == [1, 2]


@pytest.mark.parametrize(
    ("values", "pointer"),
    [
        ({"rubric_id": "0193a1b2-7f7f-7a2a-8dfe-9d4a11111111"}, "/rubric_id"),
        ({"prompts": []}, "/prompts"),
        ({"prompts": [{"text": "One"}, {"text": " \n"}]}, "/prompts/1/text"),
        ({"prompts": [{"text": "One", "asset_id": "0193a1b2-7f7f-7a2a-8dfe-9d4a11111111"}]}, "/prompts/0/asset_id"),
        ({"prompts": [{"text": "One", "max_duration_ms": 10}]}, "/prompts/0/max_duration_ms"),
        ({"prompts": [{"text": "One", "seconds": 10}]}, "/prompts/0/seconds"),
        ({"title": "  "}, "/title"),
        ({"kind": "dance"}, "/kind"),
        ({"max_takes": 0}, "/max_takes"),
        ({"pass_mark": 1.1}, "/pass_mark"),
        ({"colour": "red"}, "/colour"),
        ({"audience": {"teams": []}}, "/audience/teams"),
    ],
)
async def test_what_is_wrong_is_pointed_at(org: OrgKit, values: dict[str, Any], pointer: str) -> None:
    assert await refusal(await make_cast(org), **values) == (422, pointer)


async def test_a_prompt_video_is_the_author_s_own(org: OrgKit) -> None:
    cast = await make_cast(org)
    own = await make_asset(org, cast.manager.id, purpose="prompt")
    others = {
        "of somebody else": await make_asset(org, cast.enablement.id, purpose="prompt"),
        "a response": await make_asset(org, cast.manager.id),
        "failed": await make_asset(org, cast.manager.id, "failed", purpose="prompt"),
    }
    assert (await drafted(cast, prompts=[{"asset_id": str(own)}]))["prompts"][0]["asset_id"] == str(own)
    for asset_id in others.values():
        refused = await refusal(cast, prompts=[{"text": "One"}, {"asset_id": str(asset_id)}])
        assert refused == (422, "/prompts/1/asset_id")


async def test_a_challenge_whose_video_has_not_arrived_is_not_published(org: OrgKit) -> None:
    cast = await make_cast(org)
    video = await make_asset(org, cast.manager.id, "uploading", purpose="prompt")
    challenge = await drafted(cast, prompts=[{"text": "One"}, {"asset_id": str(video)}])
    refused = await act(cast.manager, challenge, "publish")
    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/prompt-video-missing")
    assert refused.json()["missing"] == [challenge["prompts"][1]["id"]]
    assert await copies(org, challenge) == 0


async def test_a_draft_changes_in_all_it_is(org: OrgKit) -> None:
    cast = await make_cast(org)
    challenge = await drafted(cast, prompts=[{"text": "One"}, {"text": "Two"}], max_takes=3)
    patch = {
        "title": "Why now",
        "kind": "objection_play",
        "brief": "Shorter",
        "prompts": [{"text": "First"}],
        "max_takes": None,
        "pass_mark": 0.5,
        "audience": to_teams(cast.team_id, joiners="include"),
    }
    body = await changed(cast.manager, challenge, **patch)
    same = ("title", "kind", "brief", "max_takes", "pass_mark")
    assert {name: body[name] for name in same} == {name: patch[name] for name in same}
    assert [(p["id"], p["text"]) for p in body["prompts"]] == [(challenge["prompts"][0]["id"], "First")]
    assert (body["audience"]["joiners"], body["version"], body["rubric_id"]) == ("include", 2, challenge["rubric_id"])


async def test_a_patch_of_nothing_changes_nothing(org: OrgKit) -> None:
    cast = await make_cast(org)
    challenge = await drafted(cast)
    assert await changed(cast.manager, challenge) == challenge


async def test_a_patch_is_checked_like_a_new_one(org: OrgKit) -> None:
    cast = await make_cast(org)
    challenge = await drafted(cast)
    for patch, pointer in (
        ({"rubric_id": fresh()}, "/rubric_id"),
        ({"prompts": [{"text": ""}]}, "/prompts/0/text"),
        ({"audience": {"team_ids": [], "person_ids": [], "who": 1}}, "/audience/who"),
        ({"state": "published"}, "/state"),
    ):
        refused = await change(cast.manager, challenge, **patch)
        assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, pointer)
    assert (await get_challenge(cast.manager, challenge)).json() == challenge


@pytest.mark.parametrize("state", ["published", "closed", "archived"])
async def test_what_people_have_been_asked_stays(org: OrgKit, state: str) -> None:
    cast = await make_cast(org)
    challenge = await at_state(cast, state)
    refused = await change(cast.manager, challenge, title="Why now", due_at=after_now(days=3))
    assert (refused.status_code, refused.json()["type"], refused.json()["state"]) == (
        409,
        "/problems/not-a-draft",
        state,
    )
    assert (await get_challenge(cast.manager, challenge)).json() == challenge


async def test_a_write_names_the_version_it_saw(org: OrgKit) -> None:
    cast = await make_cast(org)
    challenge = await drafted(cast)
    url = f"/v1/challenges/{challenge['id']}"
    assert (await cast.manager.client.patch(url, json={"title": "Blind"})).status_code == 428
    written = await changed(cast.manager, challenge, title="First")
    stale = await change(cast.manager, challenge, title="Second")
    assert (stale.status_code, stale.json()["type"]) == (412, "/problems/precondition-failed")
    assert stale.json()["current"] == written


async def test_of_two_who_write_at_once_one_is_told_what_the_other_wrote(org: OrgKit) -> None:
    cast = await make_cast(org)
    challenge = await drafted(cast)
    answers = await asyncio.gather(*(change(cast.manager, challenge, title=f"Title {n}") for n in range(3)))
    won = next(answer.json() for answer in answers if answer.status_code == 200)
    assert sorted(answer.status_code for answer in answers) == [200, 412, 412]
    assert all(answer.json()["current"] == won for answer in answers if answer.status_code == 412)


async def test_people_added_in_between_are_not_written_over(org: OrgKit) -> None:
    cast = await make_cast(org)
    challenge = await published(cast)
    guest = await org.person("Gast")
    await org.member(await org.team("South"), guest)
    assert (await add(cast.enablement, challenge, guest)).status_code == 201
    stale = await change(cast.manager, challenge, audience=to_teams(cast.team_id))
    assert (stale.status_code, stale.json()["current"]["audience"]["person_ids"]) == (412, [str(guest.id)])


async def test_a_closed_challenge_comes_back_where_it_was(org: OrgKit) -> None:
    cast = await make_cast(org)
    challenge = await published(cast)
    await acted(cast.manager, challenge, "close")
    assert await holders(cast.manager, challenge) == {"Robin Rep": "closed"}
    assert await inbox(cast.rep) == []
    started = await assignment_for(cast.rep, challenge, cast.rep)
    refused = await cast.rep.client.post(f"/v1/assignments/{started['id']}/takes", json={})
    assert (refused.status_code, refused.json()["state"]) == (409, "closed")
    await acted(cast.manager, challenge, "reopen")
    assert await holders(cast.manager, challenge) == {"Robin Rep": "open"}


async def test_a_challenge_that_was_due_is_published_only_with_another_due_time(org: OrgKit) -> None:
    cast = await make_cast(org)
    challenge = await drafted(cast, due_at=after_now(days=-1))
    refused = await act(cast.manager, challenge, "publish")
    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/due-passed")
    await changed(cast.manager, challenge, due_at=after_now(days=1))
    assert (await act(cast.manager, challenge, "publish")).status_code == 200


async def test_a_publication_is_dated(org: OrgKit) -> None:
    cast = await make_cast(org)
    before = now()
    challenge = await published(cast)
    async with org.database.tenant(org.id) as session:
        row = await session.get_one(Challenge, (org.id, UUID(challenge["id"])))
    assert row.published_at is not None
    assert before <= row.published_at <= now()
