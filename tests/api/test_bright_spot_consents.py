"""Those shown decide: for this cut and this audience, for as long as they say, and never for good."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from models import consents
from models.base import now
from models.bright_spot import BrightSpot
from tests.factories.accounts import answered, jobs, refused
from tests.factories.bright_spots import (
    act,
    clip_of,
    colleague,
    consent,
    cut,
    edited,
    get,
    made,
    moves,
    published,
    read,
    run_out,
    seen,
    segment,
    shared_story,
)
from tests.factories.people import OrgKit, Somebody
from tests.factories.rushes import at_once
from tests.factories.takes import Story, make_take

Body = dict[str, Any]


async def asked(who: Somebody) -> list[str]:
    page = answered(await who.client.get("/v1/me/consents"))
    return [item["id"] for item in page["items"]]


async def pair(org: OrgKit) -> tuple[Story, Somebody, Body]:
    """Return a story, another rep, and a bright spot that shows both."""
    story, take_id = await shared_story(org)
    other = await colleague(story)
    return story, other.rep, await made(story.manager, story, take_id, await make_take(other))


def erased(deferred: list[dict[str, str]]) -> list[str]:
    return [job["asset_id"] for job in deferred]


async def test_it_is_ready_when_everyone_shown_has_agreed(org: OrgKit) -> None:
    story, other, spot = await pair(org)
    first = await consent(story.rep, spot)
    assert (first["state"], [one["granted"] for one in first["consents"]]) == ("awaiting_consent", [True, None])
    assert (await consent(other, spot))["state"] == "ready"


async def test_people_who_answer_at_once_are_all_counted(org: OrgKit) -> None:
    story, other, spot = await pair(org)
    await at_once(org, BrightSpot, [UUID(spot["id"])], consent(story.rep, spot), consent(other, spot))
    assert (await read(story.manager, spot))["state"] == "ready"


async def test_who_is_not_shown_cannot_agree(org: OrgKit) -> None:
    story, take_id = await shared_story(org)
    spot = await made(story.manager, story, take_id)
    assert refused(await act(story.manager, spot, "consent", granted=True)) == (403, "forbidden")
    assert (await act(await org.person(), spot, "consent", granted=True)).status_code == 404


async def test_what_waits_for_me_is_listed_until_i_answer(org: OrgKit) -> None:
    story, other, spot = await pair(org)
    assert [await asked(who) for who in (story.rep, other, story.manager)] == [[spot["id"]], [spot["id"]], []]
    await consent(story.rep, spot)
    assert [await asked(who) for who in (story.rep, other)] == [[], [spot["id"]]]


async def test_what_waits_for_me_comes_oldest_first_in_pages(org: OrgKit) -> None:
    story, take_id = await shared_story(org)
    made_ids = [(await made(story.manager, story, take_id))["id"] for _ in range(3)]
    first = answered(await story.rep.client.get("/v1/me/consents", params={"limit": 2}))
    query = {"limit": 2, "cursor": first["next_cursor"]}
    rest = answered(await story.rep.client.get("/v1/me/consents", params=query))
    assert [item["id"] for item in first["items"] + rest["items"]] == made_ids
    assert rest["next_cursor"] is None


async def test_the_same_answer_again_changes_nothing(org: OrgKit) -> None:
    story, take_id = await shared_story(org)
    spot = await made(story.manager, story, take_id)
    first = await consent(story.rep, spot, cut=1)
    assert await consent(story.rep, spot, cut=1) == first


async def test_one_who_declines_stops_it_and_its_clip_is_erased(org: OrgKit) -> None:
    story, other, spot = await pair(org)
    await consent(other, spot)
    body = await consent(story.rep, spot, granted=False)
    assert (body["state"], body["clip"]) == ("declined", None)
    assert erased(await jobs(org, "delete_asset")) == [spot["clip"]["id"]]
    assert (await act(story.manager, spot, "publish")).json()["missing"] == [f"consent:{story.rep.id}", "clip"]
    assert await asked(other) == []


async def test_who_changes_their_mind_after_declining_gets_a_new_clip(org: OrgKit) -> None:
    story, take_id = await shared_story(org)
    spot = await made(story.manager, story, take_id)
    await consent(story.rep, spot, granted=False)
    body = await consent(story.rep, spot)
    assert (body["state"], body["clip"]["id"] != spot["clip"]["id"]) == ("ready", True)
    assert await moves(org, spot) == ["draft", "awaiting_consent", "declined", "awaiting_consent", "ready"]
    assert erased(await jobs(org, "cut_clip")) == [spot["clip"]["id"], body["clip"]["id"]]


async def test_who_withdraws_before_all_have_agreed_has_the_clip_erased(org: OrgKit) -> None:
    story, other, spot = await pair(org)
    await cut(org, spot)
    await consent(story.rep, spot)
    await consent(story.rep, spot, granted=False)
    assert (await read(other, spot))["clip"] is None
    assert (await clip_of(org, spot["clip"]["id"])).state == "deleted"


async def test_a_consent_withdrawn_takes_it_out_of_sight_at_once(org: OrgKit) -> None:
    story, take_id = await shared_story(org)
    spot = await published(story.manager, story, take_id, audience={"everyone": True})
    reader = await org.person()
    assert await seen(reader, spot)
    body = await consent(story.rep, spot, granted=False)
    assert (body["state"], body["published_at"], body["clip"]) == ("revoked", None, None)
    assert not await seen(reader, spot)
    assert [(await read(who, spot))["state"] for who in (story.rep, story.manager)] == ["revoked"] * 2
    clip = await clip_of(org, spot["clip"]["id"])
    assert (clip.state, clip.deleted_at is not None) == ("deleted", True)
    assert erased(await jobs(org, "delete_asset")) == [spot["clip"]["id"]]


async def test_who_agrees_again_after_revoking_has_it_published_by_its_maker_anew(org: OrgKit) -> None:
    story, take_id = await shared_story(org)
    spot = await published(story.manager, story, take_id)
    await consent(story.rep, spot, granted=False)
    assert (await consent(story.rep, spot))["state"] == "ready"
    answer = await act(story.manager, spot, "publish")
    assert (answer.status_code, answer.json()["missing"]) == (409, ["clip"])
    await cut(org, spot)
    assert answered(await act(story.manager, spot, "publish"))["state"] == "published"
    trail = ["published", "revoked", "awaiting_consent", "ready", "published"]
    assert (await moves(org, spot))[-5:] == trail


async def test_a_consent_withdrawn_while_it_is_published_leaves_it_unseen(org: OrgKit) -> None:
    story, take_id = await shared_story(org)
    spot = await made(story.manager, story, take_id)
    await cut(org, spot)
    await consent(story.rep, spot)
    asked = act(story.manager, spot, "publish"), act(story.rep, spot, "consent", granted=False)
    await at_once(org, BrightSpot, [UUID(spot["id"])], *asked)
    assert (await read(story.manager, spot))["state"] == "revoked"


async def test_refusing_is_possible_after_it_was_archived(org: OrgKit) -> None:
    story, take_id = await shared_story(org)
    spot = await published(story.manager, story, take_id)
    answered(await act(story.manager, spot, "archive"))
    body = await consent(story.rep, spot, granted=False)
    assert (body["state"], body["consents"][0]["granted"]) == ("archived", False)


async def test_a_consent_may_be_given_until_a_day(org: OrgKit) -> None:
    story, take_id = await shared_story(org)
    spot = await made(story.manager, story, take_id)
    until = (now() + timedelta(days=90)).replace(microsecond=0)
    body = await consent(story.rep, spot, until=until.isoformat())
    assert (body["state"], body["consents"][0]["until"]) == ("ready", until.isoformat().replace("+00:00", "Z"))
    assert (await consent(story.rep, spot))["consents"][0]["until"] is None


@pytest.mark.parametrize("until", ["2020-01-01T00:00:00Z", "9999-01-01T00:00:00Z", "2027-01-01T00:00:00", "soon"])
async def test_a_day_that_is_past_or_none_is_refused(org: OrgKit, until: str) -> None:
    story, take_id = await shared_story(org)
    spot = await made(story.manager, story, take_id)
    answer = await act(story.rep, spot, "consent", granted=True, until=until)
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/until")


async def test_when_its_time_is_over_it_is_unseen_before_the_sweep_comes_by(org: OrgKit) -> None:
    story, take_id = await shared_story(org)
    spot = await published(story.manager, story, take_id, audience={"everyone": True})
    reader = await org.person()
    await run_out(org, spot)
    assert not await seen(reader, spot)
    assert answered(await reader.client.get("/v1/bright-spots"))["items"] == []
    assert (await read(story.manager, spot))["consents"][0]["granted"] is None


async def test_a_consent_that_ran_out_does_not_count_for_publishing(org: OrgKit) -> None:
    story, take_id = await shared_story(org)
    spot = await made(story.manager, story, take_id)
    await cut(org, spot)
    await consent(story.rep, spot)
    await run_out(org, spot)
    answer = await act(story.manager, spot, "publish")
    assert (answer.status_code, answer.json()["missing"]) == (409, [f"consent:{story.rep.id}"])


async def test_an_answer_by_another_finds_that_one_has_run_out_and_erases_the_clip(org: OrgKit) -> None:
    story, other, spot = await pair(org)
    await cut(org, spot)
    await consent(story.rep, spot)
    await run_out(org, spot)
    assert (await consent(other, spot))["state"] == "revoked"
    assert erased(await jobs(org, "delete_asset")) == [spot["clip"]["id"]]


async def test_a_new_cut_asks_everyone_again(org: OrgKit) -> None:
    story, other, spot = await pair(org)
    for who in (story.rep, other):
        await consent(who, spot)
    body = await edited(story.manager, spot, segments=list(reversed(spot_segments(spot))))
    assert (body["state"], [one["granted"] for one in body["consents"]]) == ("awaiting_consent", [None, None])
    assert [await asked(who) for who in (story.rep, other)] == [[spot["id"]]] * 2


def spot_segments(spot: Body) -> list[Body]:
    """Return its segments as they are sent."""
    return [{key: value for key, value in one.items() if key != "person"} for one in spot["segments"]]


async def test_who_looked_at_another_cut_is_told_so(org: OrgKit) -> None:
    story, take_id = await shared_story(org)
    spot = await made(story.manager, story, take_id)
    await edited(story.manager, spot, segments=[segment(story, take_id, 0, 9000)])
    answer = await act(story.rep, spot, "consent", granted=True, cut=1)
    assert (refused(answer), answer.json()["current"]) == ((409, "cut-changed"), 2)
    assert (await consent(story.rep, spot, cut=2))["state"] == "ready"


async def test_who_is_cut_out_is_asked_no_more_and_sees_it_no_more(org: OrgKit) -> None:
    story, other, spot = await pair(org)
    await edited(story.manager, spot, segments=spot_segments(spot)[:1])
    assert (await asked(other), await seen(other, spot)) == ([], False)
    assert (await consent(story.rep, spot))["state"] == "ready"


async def test_a_maker_who_is_shown_has_agreed_to_each_cut_of_theirs(org: OrgKit) -> None:
    story, take_id = await shared_story(org)
    spot = await made(story.rep, story, take_id)
    body = await edited(story.rep, spot, segments=[segment(story, take_id, 0, 9000)])
    assert (body["state"], body["cut"], body["consents"][0]["granted"]) == ("ready", 2, True)


WIDER = ["everyone", "another team", "another person", "the teams below"]


@pytest.mark.parametrize("wider", WIDER)
async def test_a_wider_audience_asks_again_and_keeps_the_clip(org: OrgKit, wider: str) -> None:
    story, take_id = await shared_story(org)
    spot = await published(story.manager, story, take_id)
    team = str(story.team_id)
    audiences: dict[str, Body] = {
        "everyone": {"everyone": True},
        "another team": {"team_ids": [team, str(await org.team("South"))]},
        "another person": {"team_ids": [team], "person_ids": [str((await org.person()).id)]},
        "the teams below": {"team_ids": [team], "include_subteams": True},
    }
    body = await edited(story.manager, spot, audience=audiences[wider])
    assert (body["state"], body["cut"], body["published_at"]) == ("awaiting_consent", 2, None)
    assert (body["clip"]["id"], await asked(story.rep)) == (spot["clip"]["id"], [spot["id"]])
    await consent(story.rep, spot)
    assert answered(await act(story.manager, spot, "publish"))["state"] == "published"


async def test_a_narrower_audience_asks_nobody(org: OrgKit) -> None:
    story, take_id = await shared_story(org)
    spot = await published(story.manager, story, take_id, audience={"everyone": True})
    reader = await org.person()
    body = await edited(story.manager, spot, audience={"team_ids": [str(story.team_id)]})
    assert (body["state"], body["cut"], await seen(reader, spot)) == ("published", 1, False)


async def test_after_a_refusal_a_narrower_audience_asks_again(org: OrgKit) -> None:
    story, take_id = await shared_story(org)
    spot = await made(story.manager, story, take_id, audience={"everyone": True})
    await consent(story.rep, spot, granted=False)
    same = await edited(story.manager, spot, audience={"everyone": True})
    assert (same["state"], same["cut"]) == ("declined", 1)
    body = await edited(story.manager, spot, audience={"team_ids": [str(story.team_id)]})
    assert (body["state"], body["cut"], body["clip"]["state"]) == ("awaiting_consent", 2, "processing")


async def test_who_agreed_and_whom_it_is_for_is_told_to_those_it_concerns(org: OrgKit) -> None:
    story, take_id = await shared_story(org)
    spot = await published(story.manager, story, take_id, audience={"everyone": True})
    reader, enablement = await org.person(), await org.person("Eve", "enablement")
    for who in (story.manager, story.rep, enablement):
        body = await read(who, spot)
        assert (body["audience"]["everyone"], body["consents"][0]["granted"]) == (True, True)
    body = await read(reader, spot)
    assert (body["audience"], body["consents"]) == (None, None)
    assert body["segments"][0]["person"]["name"] == "Robin Rep"


async def test_before_consent_it_is_its_makers_and_those_it_shows(org: OrgKit) -> None:
    story, other, spot = await pair(org)
    peer, enablement = (await colleague(story, "Pia Peer")).rep, await org.person("Eve", "enablement")
    above = await org.person("Above")
    await org.member(story.team_id, above, "manager")
    everyone = (story.manager, story.rep, other, peer, enablement, above)
    assert [(await get(who, spot)).status_code for who in everyone] == [200, 200, 200, 404, 404, 404]


async def test_the_sweep_revokes_what_has_run_out_once(org: OrgKit) -> None:
    story, take_id = await shared_story(org)
    spot = await published(story.manager, story, take_id)
    await run_out(org, spot)
    found = []
    for _ in range(2):
        async with org.database.tenant(org.id) as session:
            found.append(await consents.run_out(session, UUID(spot["id"])))
    body = await read(story.manager, spot)
    assert [str(found[0]), found[1]] == [spot["clip"]["id"], None]
    assert (body["state"], body["clip"], body["version"]) == ("revoked", None, spot["version"] + 1)
