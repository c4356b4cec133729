"""Two acts at once: each race is run in both orders, on real transactions, and ends in one legal way."""

import asyncio
from typing import Any
from uuid import UUID

import httpx
import pytest

from models.base import Stateful
from models.challenge import Assignment, Challenge
from models.critique import Critique
from models.take import Take
from tests.factories.challenges import act as do
from tests.factories.challenges import get_challenge, holders, make_cast, published
from tests.factories.critiques import act, draft, heard, make_critique, observations, publish, scores, write
from tests.factories.people import OrgKit, Somebody
from tests.factories.races import Request, deadlocks, raced
from tests.factories.takes import (
    Story,
    assignment_of,
    fresh,
    make_asset,
    make_story,
    make_take,
    respond,
    seen,
    settle,
    start,
    started,
    state_of,
    submit,
    submitted,
)

BOTH = pytest.mark.parametrize("turned", [False, True], ids=["as-written", "turned"])


async def ordered(
    turned: bool, org: OrgKit, kind: type[Stateful], key: object, one: Request, other: Request
) -> tuple[httpx.Response, httpx.Response]:
    """Race two requests, the second one first where `turned`; return the answers as they were given."""
    answers = await raced(org, kind, UUID(str(key)), *((other, one) if turned else (one, other)))
    return (answers[1], answers[0]) if turned else (answers[0], answers[1])


def codes(*answers: httpx.Response) -> tuple[int, ...]:
    return tuple(answer.status_code for answer in answers)


async def answered(story: Story) -> str:
    """Return a draft that is ready to be handed in."""
    take_id: str = (await started(story))["id"]
    await respond(story, take_id, await make_asset(story.org, story.rep.id))
    return take_id


async def take_of(story: Story, take_id: object) -> Take:
    async with story.database.tenant(story.org.id) as session:
        return await session.get_one(Take, (story.org.id, UUID(str(take_id))))


async def critique_of(story: Story, critique: dict[str, Any]) -> Critique:
    async with story.database.tenant(story.org.id) as session:
        return await session.get_one(Critique, (story.org.id, UUID(critique["id"])))


async def another_manager(story: Story) -> Somebody:
    manager = await story.org.person("Max Manager")
    await story.org.member(story.team_id, manager, "manager")
    return manager


async def judged(story: Story, take_id: object, who: Somebody, **patch: Any) -> dict[str, Any]:
    """Return a draft that is ready to be published."""
    return await write(who, await draft(str(take_id), who), scores=scores(story), **patch)


def challenge_act(story: Story, verb: str) -> Request:
    return story.manager.client.post(f"/v1/challenges/{story.challenge_id}/{verb}")


async def test_two_devices_submit_one_take_once(org: OrgKit) -> None:
    story = await make_story(org)
    take_id = await answered(story)
    before = (await assignment_of(story)).version
    answers = await raced(org, Assignment, story.assignment_id, submit(story, take_id), submit(story, take_id))
    assert codes(*answers) == (200, 200)
    assert {answer.json()["submitted_at"] for answer in answers} == {answers[0].json()["submitted_at"]}
    assert [event.subject_id for event in await heard(story, "take.submitted")] == [UUID(take_id)]
    after = await assignment_of(story)
    assert (after.state, after.current_take_id) == ("submitted", UUID(take_id))
    assert len(await heard(story, "assignment.submitted")) == 1
    assert after.version > before


async def test_two_devices_start_one_take(org: OrgKit) -> None:
    story = await make_story(org)
    url = f"/v1/assignments/{story.assignment_id}/takes"
    starts = (story.rep.client.post(url, json={"id": fresh()}) for _ in range(2))
    answers = await raced(org, Assignment, story.assignment_id, *starts)
    assert set(codes(*answers)) == {200, 201}
    assert answers[0].json()["id"] == answers[1].json()["id"]


@BOTH
async def test_a_submission_that_meets_the_close_is_in_or_refused(org: OrgKit, turned: bool) -> None:
    story = await make_story(org)
    take_id = await answered(story)
    handed_in, closed = await ordered(
        turned, org, Assignment, story.assignment_id, submit(story, take_id), challenge_act(story, "close")
    )
    assert codes(handed_in, closed) == ((409, 200) if turned else (200, 200))
    assignment, take = await assignment_of(story), await take_of(story, take_id)
    if turned:
        assert handed_in.json()["state"] == "closed"
        assert (assignment.state, assignment.resume_state, take.state) == ("closed", "in_progress", "draft")
    else:
        assert (assignment.state, assignment.resume_state, take.state) == ("closed", "submitted", "submitted")


@BOTH
async def test_what_the_close_refused_is_handed_in_after_it_is_reopened(org: OrgKit, turned: bool) -> None:
    story = await make_story(org)
    take_id = await answered(story)
    close = challenge_act(story, "close")
    await ordered(turned, org, Assignment, story.assignment_id, submit(story, take_id), close)
    assert (await challenge_act(story, "reopen")).status_code == 200
    assert (await submit(story, take_id)).status_code == 200
    assert await state_of(story) == "submitted"


@BOTH
async def test_close_and_reopen_leave_the_copy_where_the_challenge_is(org: OrgKit, turned: bool) -> None:
    cast = await make_cast(org)
    challenge = await published(cast)
    close, reopen = (do(cast.manager, challenge, verb) for verb in ("close", "reopen"))
    answers = await ordered(turned, org, Challenge, challenge["id"], close, reopen)
    assert codes(*answers) == (200, 200)
    state = "closed" if turned else "published"
    assert (await get_challenge(cast.manager, challenge)).json()["state"] == state
    assert await holders(cast.manager, challenge) == {"Robin Rep": "closed" if turned else "open"}


@BOTH
async def test_an_excuse_that_meets_a_submission_keeps_both(org: OrgKit, turned: bool) -> None:
    story = await make_story(org)
    take_id = await answered(story)
    url = f"/v1/assignments/{story.assignment_id}"
    seen_by = await story.manager.client.get(url)
    excuse = story.manager.client.patch(url, json={"excused": True}, headers={"if-match": seen_by.headers["etag"]})
    handed_in, excused = await ordered(turned, org, Assignment, story.assignment_id, submit(story, take_id), excuse)
    assignment, take = await assignment_of(story), await take_of(story, take_id)
    if turned:
        assert codes(handed_in, excused) == (409, 200)
        assert (assignment.state, assignment.resume_state, take.state) == ("excused", "in_progress", "draft")
    else:  # the manager decides again, on what is there now
        assert codes(handed_in, excused) == (200, 412)
        assert (assignment.state, take.state) == ("submitted", "submitted")


@BOTH
async def test_a_reviewer_who_opens_a_take_and_a_rep_who_withdraws_it(org: OrgKit, turned: bool) -> None:
    story = await make_story(org)
    take_id = await make_take(story)
    begin = story.manager.client.post(f"/v1/takes/{take_id}/critiques", json={})
    withdraw = story.rep.client.post(f"/v1/takes/{take_id}/withdraw")
    begun, withdrawn = await ordered(turned, org, Take, take_id, begin, withdraw)
    take = await take_of(story, take_id)
    if take.state == "withdrawn":
        assert codes(begun, withdrawn) == (404, 200)
        assert (take.opened_at, await heard(story, "critique.draft")) == (None, [])
        assert (await assignment_of(story)).current_take_id is None
    else:
        assert codes(begun, withdrawn) == (201, 409)
        assert (withdrawn.json()["type"].rsplit("/", 1)[1], take.state) == ("take-opened", "submitted")


@BOTH
async def test_a_self_review_that_is_published_while_its_take_is_withdrawn(org: OrgKit, turned: bool) -> None:
    story = await make_story(org)
    take_id = await make_take(story)
    own = await judged(story, take_id, story.rep)
    withdraw = story.rep.client.post(f"/v1/takes/{take_id}/withdraw")
    published, withdrawn = await ordered(
        turned, org, Assignment, story.assignment_id, act(story.rep, own, "publish"), withdraw
    )
    assert codes(published, withdrawn) == ((409, 200) if turned else (200, 200))
    assert (await take_of(story, take_id)).state == "withdrawn"
    assert (await critique_of(story, own)).state == ("draft" if turned else "published")


async def test_one_critique_is_published_once(org: OrgKit) -> None:
    story = await make_story(org)
    critique = await judged(story, await make_take(story), story.manager, decision="retake")
    twice = (act(story.manager, critique, "publish") for _ in range(2))
    answers = await raced(org, Assignment, story.assignment_id, *twice)
    assert codes(*answers) == (200, 200)
    assert len(await heard(story, "critique.published")) == 1
    assert (len(await observations(story)), (await assignment_of(story)).extra_takes) == (2, 1)


@BOTH
async def test_of_two_verdicts_the_last_one_stands(org: OrgKit, turned: bool) -> None:
    story = await make_story(org)
    take_id, other = await make_take(story), await another_manager(story)
    passed = await judged(story, take_id, story.manager, decision="pass")
    again = await judged(story, take_id, other, decision="retake")
    answers = await ordered(
        turned,
        org,
        Assignment,
        story.assignment_id,
        act(story.manager, passed, "publish"),
        act(other, again, "publish"),
    )
    assert codes(*answers) == (200, 200)
    last = max(answers, key=lambda answer: str(answer.json()["published_at"])).json()
    assignment = await assignment_of(story)
    assert last["decision"] == ("pass" if turned else "retake")
    assert assignment.state == ("done" if turned else "retake")
    assert assignment.accepted_take_id == (take_id if turned else None)
    assert (await take_of(story, take_id)).state == "reviewed"


@BOTH
async def test_a_critique_is_superseded_while_it_is_acknowledged(org: OrgKit, turned: bool) -> None:
    story = await make_story(org)
    take_id = await make_take(story)
    old = await make_critique(story, take_id)
    new = await draft(take_id, story.manager)
    published, read = await ordered(
        turned, org, Critique, old["id"], act(story.manager, new, "publish"), act(story.rep, old, "acknowledge")
    )
    before, after = await critique_of(story, old), await critique_of(story, new)
    assert published.status_code == 200
    assert (before.state, after.state, after.acknowledged_at) == ("superseded", "published", None)
    assert read.status_code == (200 if before.acknowledged_at else 409)
    if read.status_code == 409:
        assert read.json()["state"] == "superseded"


@BOTH
async def test_a_claim_is_one_manager_s(org: OrgKit, turned: bool) -> None:
    story = await make_story(org)
    take_id, other = await make_take(story), await another_manager(story)
    url = f"/v1/takes/{take_id}/claim"
    claims = story.manager.client.post(url, json={}), other.client.post(url, json={})
    answers = await ordered(turned, org, Take, take_id, *claims)
    assert codes(*answers) == ((409, 200) if turned else (200, 409))
    assert (await take_of(story, take_id)).claimed_by == (other if turned else story.manager).id


@BOTH
async def test_a_draft_is_thrown_away_or_published(org: OrgKit, turned: bool) -> None:
    story = await make_story(org)
    critique = await judged(story, await make_take(story), story.manager)
    discard = story.manager.client.delete(f"/v1/critiques/{critique['id']}")
    published, discarded = await ordered(
        turned, org, Critique, critique["id"], act(story.manager, critique, "publish"), discard
    )
    state = (await critique_of(story, critique)).state
    assert codes(published, discarded) == ((200, 409) if state == "published" else (409, 204))
    assert len(await observations(story)) == (2 if state == "published" else 0)


@BOTH
async def test_a_video_that_fails_while_its_take_is_judged(org: OrgKit, turned: bool) -> None:
    story = await make_story(org)
    take = await submitted(story)
    critique = await judged(story, take["id"], story.manager, decision="pass")

    async def fail() -> httpx.Response:
        await settle(story, take, failed=True)
        return httpx.Response(200)

    published, _ = await ordered(
        turned, org, Assignment, story.assignment_id, act(story.manager, critique, "publish"), fail()
    )
    state = (await take_of(story, take["id"])).state
    if turned:
        assert (published.status_code, published.json()["state"]) == (409, "needs_replacement")
        assert (state, await state_of(story)) == ("needs_replacement", "in_progress")
    else:
        assert (published.status_code, state, await state_of(story)) == (200, "reviewed", "done")


async def test_what_was_accepted_stays_done_when_the_bytes_of_a_later_take_fail(org: OrgKit) -> None:
    story = await make_story(org)
    first = await submitted(story)
    critique = await judged(story, first["id"], story.manager, decision="pass")
    later = await submitted(story, "uploading")
    await publish(story.manager, critique)
    await settle(story, later, failed=True)
    assert (await take_of(story, later["id"])).state == "needs_replacement"
    assert await state_of(story) == "done"
    await respond(story, later["id"], await make_asset(org, story.rep.id))
    assert (await submit(story, later["id"])).status_code == 200
    assert await state_of(story) == "done"
    withdrawn = await story.rep.client.post(f"/v1/takes/{later['id']}/withdraw")
    assert withdrawn.status_code == 200, withdrawn.text
    after = await assignment_of(story)
    assert (after.state, str(after.accepted_take_id), str(after.current_take_id)) == ("done", first["id"], first["id"])


async def test_a_storm_ends_in_a_legal_state_without_a_deadlock(org: OrgKit) -> None:
    """All that touches one assignment, at once and again: every answer is one of the contract."""
    before = await deadlocks(org)
    story = await make_story(org)
    managers = [story.manager, await another_manager(story)]
    for place in range(3):
        take_id = (await start(story)).json()["id"]
        await respond(story, take_id, await make_asset(org, story.rep.id))
        assert (await submit(story, take_id)).status_code == 200
        drafts = [(who, await judged(story, take_id, who, decision="retake")) for who in managers]
        answers = await asyncio.gather(
            *(act(who, critique, "publish") for who, critique in drafts),
            submit(story, take_id),
            story.rep.client.post(f"/v1/takes/{take_id}/withdraw"),
            start(story, id=fresh()),
            *(who.client.post(f"/v1/takes/{take_id}/claim", json={}) for who in managers),
            *(challenge_act(story, verb) for verb in ("close", "reopen")),
            seen(story.manager, take_id),
        )
        assert set(codes(*answers)) <= {200, 201, 409}, [answer.text for answer in answers]
        assert (await challenge_act(story, "reopen")).status_code == 200
        assignment = await assignment_of(story)
        assert (assignment.state, assignment.extra_takes, str(assignment.current_take_id)) == (
            "retake",
            place + 1,
            take_id,
        )
        assert (await take_of(story, take_id)).state == "reviewed"
    assert await deadlocks(org) == before


async def test_reviewers_and_a_rep_in_a_hurry_meet_at_a_take_without_a_deadlock(org: OrgKit) -> None:
    before = await deadlocks(org)
    story = await make_story(org)
    managers = [story.manager, await another_manager(story)]
    for place in range(6):
        take_id = (await submitted(story))["id"]
        opened = (who.client.post(f"/v1/takes/{take_id}/critiques", json={}) for who in managers)
        withdraw = story.rep.client.post(f"/v1/takes/{take_id}/withdraw")
        *begun, withdrawn = await asyncio.gather(*opened, withdraw)
        states: dict[tuple[int, ...], str] = {(201, 201, 409): "submitted", (404, 404, 200): "withdrawn"}
        assert (await take_of(story, take_id)).state == states[codes(*begun, withdrawn)], place
    assert await deadlocks(org) == before
