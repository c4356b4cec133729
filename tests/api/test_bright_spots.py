"""Bright spots: who makes them of what, what stands between them and their audience, and how they are put away."""

import asyncio
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest

from tests.factories.accounts import answered, jobs, refused
from tests.factories.bright_spots import (
    act,
    clip_of,
    colleague,
    consent,
    cut,
    described,
    edit,
    edited,
    get,
    made,
    moves,
    post,
    published,
    read,
    respond_with,
    seen,
    segment,
    shared_story,
)
from tests.factories.people import OrgKit
from tests.factories.takes import fresh, make_asset, make_skill, make_story, make_take

Body = dict[str, Any]
NOBODYS = "0193a1b2-7f7f-7a2a-8dfe-9d4a11111111"


async def test_a_manager_makes_one_of_a_take_and_asks_who_is_shown(org: OrgKit) -> None:
    story, take_id = await shared_story(org)
    skill_id = await make_skill(org, "Openings")
    spot = await made(
        story.manager,
        story,
        take_id,
        why_it_works="It names two lost days.",
        tags=[" Opening", "OPENING", "hook"],
        skill_ids=[str(skill_id)],
    )
    assert (spot["state"], spot["kind"], spot["cut"]) == ("awaiting_consent", "positioning", 1)
    assert (spot["maker"]["name"], spot["tags"]) == ("Mona Manager", ["hook", "opening"])
    assert spot["skills"] == [{"id": str(skill_id), "name": "Openings"}]
    assert [one["person"]["name"] for one in spot["segments"]] == ["Robin Rep"]
    assert [(one["person"]["name"], one["granted"]) for one in spot["consents"]] == [("Robin Rep", None)]


async def test_its_clip_is_ordered_with_it(org: OrgKit) -> None:
    story, take_id = await shared_story(org)
    spot = await made(story.manager, story, take_id)
    [job] = await jobs(org, "cut_clip")
    assert (job["asset_id"], spot["clip"]["state"], spot["clip"]["purpose"]) == (
        spot["clip"]["id"],
        "processing",
        "clip",
    )
    assert (await clip_of(org, spot["clip"]["id"])).bright_spot_id == UUID(spot["id"])


async def test_what_is_refused_orders_no_clip(org: OrgKit) -> None:
    story, take_id = await shared_story(org)
    refused_body = described(story, take_id, skill_ids=[fresh()])
    assert (await post(story.manager, refused_body)).status_code == 422
    assert await jobs(org, "cut_clip") == []


async def test_a_rep_makes_one_of_their_own_take_and_has_agreed_by_that(org: OrgKit) -> None:
    story, take_id = await shared_story(org)
    spot = await made(story.rep, story, take_id)
    assert (spot["state"], spot["consents"][0]["granted"]) == ("ready", True)
    assert await moves(org, spot) == ["draft", "awaiting_consent", "ready"]


async def test_enablement_and_managers_above_make_them_too(org: OrgKit) -> None:
    story, take_id = await shared_story(org)
    region = await org.team("Region")
    above, enablement = await org.person("Above"), await org.person("Eve", "enablement")
    await org.member(region, above, "manager")
    admin = await org.person(org_role="admin")
    await admin.client.patch(f"/v1/teams/{story.team_id}", json={"parent_id": str(region)}, headers={"if-match": "*"})
    for who in (above, enablement):
        assert (await made(who, story, take_id))["state"] == "awaiting_consent"


async def test_peers_admins_and_former_managers_make_none(org: OrgKit) -> None:
    story, take_id = await shared_story(org)
    peer, admin = (await colleague(story)).rep, await org.person(org_role="admin")
    for who in (peer, admin):
        answer = await post(who, described(story, take_id))
        assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/segments/0/take_id")
    await admin.client.delete(f"/v1/teams/{story.team_id}/members/{story.manager.id}")
    assert (await post(story.manager, described(story, take_id))).status_code == 422


async def test_a_rep_shows_no_moment_of_somebody_else_beside_their_own(org: OrgKit) -> None:
    story, take_id = await shared_story(org)
    theirs = await make_take(await colleague(story))
    answer = await post(story.rep, described(story, take_id, theirs))
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/segments/1/take_id")


async def test_another_organizations_take_is_not_there(make_org: Callable[..., Any]) -> None:
    story, take_id = await shared_story(await make_org())
    enablement = await (await make_org()).person(org_role="enablement")
    answer = await post(enablement, described(story, take_id, audience={"everyone": True}))
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/segments/0/take_id")


@pytest.mark.parametrize(
    ("state", "values"),
    [
        ("draft", {"submitted_at": None}),
        ("draft", {"submitted_at": None, "practice": True}),
        ("submitting", {}),
        ("needs_replacement", {}),
        ("withdrawn", {}),
        ("discarded", {"submitted_at": None}),
    ],
    ids=["draft", "practice", "submitting", "needs_replacement", "withdrawn", "discarded"],
)
async def test_only_what_was_handed_in_and_arrived_is_shown(org: OrgKit, state: str, values: Body) -> None:
    story = await make_story(org)
    take_id = await make_take(story, state, **values)
    answer = await post(story.rep, described(story, take_id))
    assert (refused(answer), answer.json()["state"]) == ((409, "take-not-submitted"), state)


async def test_what_was_reviewed_is_shown(org: OrgKit) -> None:
    story = await make_story(org)
    await made(story.manager, story, await make_take(story, "reviewed"))


@pytest.mark.parametrize(
    ("start_ms", "end_ms", "pointer"),
    [
        (-1, 5000, "/segments/0/start_ms"),
        (5000, 5000, "/segments/0/end_ms"),
        (5000, 4000, "/segments/0/end_ms"),
        (5000, 5999, "/segments/0/end_ms"),
        (0, 20_001, "/segments/0/end_ms"),
        (0, 10**12, "/segments/0/end_ms"),
    ],
)
async def test_a_range_lies_within_its_video(org: OrgKit, start_ms: int, end_ms: int, pointer: str) -> None:
    story, take_id = await shared_story(org)
    answer = await post(story.manager, described(story, segments=[segment(story, take_id, start_ms, end_ms)]))
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, pointer)


async def test_a_range_may_be_the_whole_video_or_a_second_of_it(org: OrgKit) -> None:
    story, take_id = await shared_story(org)
    ranges = [segment(story, take_id, 0, 20_000), segment(story, take_id, 19_000, 20_000)]
    spot = await made(story.manager, story, segments=ranges)
    assert [(one["start_ms"], one["end_ms"]) for one in spot["segments"]] == [(0, 20_000), (19_000, 20_000)]


async def test_a_range_lasts_five_minutes_at_most(org: OrgKit) -> None:
    story = await make_story(org)
    take_id = await make_take(story)
    await respond_with(story, take_id, await make_asset(org, story.rep.id, duration_ms=600_000))
    too_long = described(story, segments=[segment(story, take_id, 0, 300_001)])
    assert (await post(story.manager, too_long)).status_code == 422
    await made(story.manager, story, segments=[segment(story, take_id, 0, 300_000)])


async def test_a_prompt_that_was_not_answered_is_pointed_at(org: OrgKit) -> None:
    story, take_id = await shared_story(org)
    body = described(story, segments=[segment(story, take_id), {**segment(story, take_id), "prompt_id": fresh()}])
    answer = await post(story.manager, body)
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/segments/1/prompt_id")


@pytest.mark.parametrize("state", ["processing", "failed", "deleted"])
async def test_a_video_that_does_not_play_is_not_cut(org: OrgKit, state: str) -> None:
    story, take_id = await shared_story(org)
    await respond_with(story, take_id, await make_asset(org, story.rep.id, state))
    answer = await post(story.manager, described(story, take_id))
    assert (refused(answer), answer.json()["state"]) == ((409, "asset-not-playable"), state)


@pytest.mark.parametrize(
    ("values", "pointer"),
    [
        ({"segments": []}, "/segments"),
        ({"title": " "}, "/title"),
        ({"tags": [" "]}, "/tags/0"),
        ({"skill_ids": [NOBODYS]}, "/skill_ids/0"),
        ({"audience": {"team_ids": [NOBODYS]}}, "/audience/team_ids/0"),
        ({"audience": {"person_ids": [NOBODYS]}}, "/audience/person_ids/0"),
    ],
    ids=["no segments", "title", "tag", "skill", "team", "person"],
)
async def test_what_else_is_wrong_is_pointed_at(org: OrgKit, values: Body, pointer: str) -> None:
    story, take_id = await shared_story(org)
    answer = await post(story.manager, described(story, take_id) | values)
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, pointer)


async def test_the_same_id_again_answers_with_it_as_it_is(org: OrgKit) -> None:
    story, take_id = await shared_story(org)
    body = described(story, take_id, id=fresh())
    answers = await asyncio.gather(*(post(story.manager, body) for _ in range(3)))
    await edited(story.manager, body, title="Another title")
    again = await post(story.manager, body)
    assert sorted(answer.status_code for answer in answers) == [200, 200, 201]
    assert (again.status_code, again.json()["title"]) == (200, "Another title")
    assert len(await jobs(org, "cut_clip")) == 1
    assert refused(await post(story.rep, body)) == (409, "id-taken")


async def test_publishing_names_what_is_missing(org: OrgKit) -> None:
    story, take_id = await shared_story(org)
    other = await colleague(story)
    spot = await made(story.manager, story, take_id, await make_take(other))
    answer = await act(story.manager, spot, "publish")
    people = sorted([f"consent:{story.rep.id}", f"consent:{other.rep.id}"])
    assert (refused(answer), answer.json()["missing"]) == ((409, "bright-spot-incomplete"), [*people, "clip"])
    await cut(org, spot)
    await consent(story.rep, spot)
    answer = await act(story.manager, spot, "publish")
    assert (answer.json()["missing"], answer.json()["state"]) == ([f"consent:{other.rep.id}"], "awaiting_consent")


@pytest.mark.parametrize("state", ["processing", "playable", "failed"])
async def test_a_clip_that_is_not_ready_is_missing(org: OrgKit, state: str) -> None:
    story, take_id = await shared_story(org)
    spot = await made(story.rep, story, take_id)
    async with org.database.tenant(org.id) as session:
        clip = await session.merge(await clip_of(org, spot["clip"]["id"]))
        clip.state, clip.problem_code = state, "processing_failed" if state == "failed" else None
    answer = await act(story.rep, spot, "publish")
    assert (refused(answer), answer.json()["missing"]) == ((409, "bright-spot-incomplete"), ["clip"])


async def test_what_is_complete_is_published_and_publishing_again_changes_nothing(org: OrgKit) -> None:
    story, take_id = await shared_story(org)
    spot = await published(story.manager, story, take_id)
    assert (spot["state"], spot["clip"]["state"]) == ("published", "ready")
    assert answered(await act(story.manager, spot, "publish")) == spot
    assert await moves(org, spot) == ["draft", "awaiting_consent", "ready", "published"]


async def test_only_its_maker_publishes_and_edits(org: OrgKit) -> None:
    story, take_id = await shared_story(org)
    spot = await made(story.manager, story, take_id)
    answers = [await act(story.rep, spot, "publish"), await edit(story.rep, spot, title="Mine")]
    assert [refused(answer) for answer in answers] == [(403, "forbidden")] * 2
    stranger = await org.person()
    assert [(await act(stranger, spot, verb)).status_code for verb in ("publish", "archive")] == [404, 404]


async def test_a_change_names_the_version_it_saw(org: OrgKit) -> None:
    story, take_id = await shared_story(org)
    spot = await made(story.manager, story, take_id)
    tag = (await get(story.manager, spot)).headers["etag"]
    await consent(story.rep, spot)  # what a recut would throw away
    stale = await edit(story.manager, spot, tag, title="Mine")
    assert refused(stale) == (412, "precondition-failed")
    assert stale.json()["current"]["state"] == "ready"
    silent = await story.manager.client.patch(f"/v1/bright-spots/{spot['id']}", json={"title": "Mine"})
    assert refused(silent) == (428, "precondition-required")


async def test_each_change_of_state_makes_another_version(org: OrgKit) -> None:
    story, take_id = await shared_story(org)
    spot = await made(story.manager, story, take_id)
    await cut(org, spot)
    versions = [spot["version"], (await consent(story.rep, spot))["version"]]
    versions += [answered(await act(story.manager, spot, verb))["version"] for verb in ("publish", "archive")]
    assert versions == sorted(set(versions))


async def test_words_are_edited_without_asking_anybody(org: OrgKit) -> None:
    story, take_id = await shared_story(org)
    spot = await published(story.manager, story, take_id)
    body = await edited(story.manager, spot, title="Better", why_it_works="Because", tags=["new"], skill_ids=[])
    assert (body["title"], body["why_it_works"], body["tags"]) == ("Better", "Because", ["new"])
    assert (body["state"], body["cut"], body["clip"]) == ("published", 1, body["clip"])
    assert len(await jobs(org, "cut_clip")) == 1


async def test_the_same_segments_again_are_no_new_cut(org: OrgKit) -> None:
    story, take_id = await shared_story(org)
    spot = await published(story.manager, story, take_id)
    body = await edited(story.manager, spot, segments=[segment(story, take_id)])
    assert (body["state"], body["cut"], body["clip"]["id"]) == ("published", 1, spot["clip"]["id"])


async def test_other_segments_are_a_new_cut_with_another_clip(org: OrgKit) -> None:
    story, take_id = await shared_story(org)
    spot = await published(story.manager, story, take_id)
    body = await edited(story.manager, spot, segments=[segment(story, take_id, 0, 9000)])
    assert (body["state"], body["cut"], body["published_at"]) == ("awaiting_consent", 2, None)
    assert body["clip"]["id"] != spot["clip"]["id"]
    assert (await clip_of(org, spot["clip"]["id"])).state == "deleted"
    assert [job["asset_id"] for job in await jobs(org, "delete_asset")] == [spot["clip"]["id"]]
    assert [job["asset_id"] for job in await jobs(org, "cut_clip")] == [spot["clip"]["id"], body["clip"]["id"]]


async def test_segments_of_a_new_cut_are_checked_as_at_first(org: OrgKit) -> None:
    story, take_id = await shared_story(org)
    spot = await published(story.manager, story, take_id)
    answer = await edit(story.manager, spot, segments=[segment(story, take_id, 0, 99_000)])
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/segments/0/end_ms")
    assert (await read(story.manager, spot))["cut"] == 1


async def test_archiving_is_for_good_and_erases_the_clip(org: OrgKit) -> None:
    story, take_id = await shared_story(org)
    spot = await published(story.manager, story, take_id, audience={"everyone": True})
    reader = await org.person()
    first = answered(await act(story.manager, spot, "archive"))
    assert (first["state"], first["clip"], await seen(reader, spot)) == ("archived", None, False)
    assert answered(await act(story.manager, spot, "archive")) == first
    assert [job["asset_id"] for job in await jobs(org, "delete_asset")] == [spot["clip"]["id"]]
    for verb, body in (("publish", {}), ("consent", {"granted": True})):
        answer = await act(story.rep if body else story.manager, spot, verb, **body)
        assert (refused(answer), answer.json()["state"]) == ((409, "illegal-move"), "archived")
    assert refused(await edit(story.manager, spot, title="Again")) == (409, "illegal-move")


async def test_enablement_archives_what_is_published_and_who_is_shown_does_not(org: OrgKit) -> None:
    story, take_id = await shared_story(org)
    spot = await published(story.manager, story, take_id)
    assert refused(await act(story.rep, spot, "archive")) == (403, "forbidden")
    enablement = await org.person("Eve", "enablement")
    answered(await act(enablement, spot, "archive"))
    assert (await read(story.manager, spot))["state"] == "archived"
