"""The rules of a challenge: practice or none, late or not, and one more take by a manager's grant."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import select

from models.base import now
from models.event import Event
from models.take import Take
from tests.factories.challenges import (
    Body,
    Cast,
    after_now,
    assignment_changed,
    assignment_for,
    change_assignment,
    changed,
    get_assignment,
    hand_in,
    make_cast,
    retake,
    set_row,
    start_take,
)
from tests.factories.parts import answer, copy_for, granted, handed_in, start, submit, take_seen
from tests.factories.people import OrgKit
from tests.factories.takes import make_asset

PAST = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
async def cast(org: OrgKit) -> Cast:
    return await make_cast(org)


async def overdue(cast: Cast, **values: object) -> tuple[Body, Body]:
    """Return a challenge that takes nothing late, and the rep's copy of it, which was due a minute ago."""
    challenge, assignment = await copy_for(cast, **{"late": "refused", "due_at": after_now(days=1), **values})
    await set_row(cast.org, assignment, due_at=now() - timedelta(minutes=1))
    return challenge, await get_assignment(cast.rep, assignment)


async def test_where_there_is_no_practice_none_begins(cast: Cast) -> None:
    challenge, assignment = await copy_for(cast, practice="none")
    assert challenge["practice"] == "none"
    refused = await start(cast.rep, assignment, practice=True)
    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/practice-not-allowed")
    assert (await start(cast.rep, assignment)).status_code == 201


async def test_a_challenge_that_says_nothing_has_practice_and_takes_what_is_late(cast: Cast) -> None:
    challenge, assignment = await copy_for(cast)
    assert (challenge["practice"], challenge["late"], challenge["timed"]) == ("allowed", "accepted", None)
    await set_row(cast.org, assignment, due_at=PAST)
    assert (await hand_in(cast.org, cast.rep, assignment))["state"] == "submitted"
    assert (await get_assignment(cast.rep, assignment))["late"] is True


async def test_nothing_is_handed_in_after_the_due_time_and_nothing_is_lost(org: OrgKit, cast: Cast) -> None:
    _, assignment = await copy_for(cast, late="refused", due_at=after_now(days=1))
    take = await start_take(cast.rep, assignment)
    video = await make_asset(org, cast.rep.id)
    await answer(cast.rep, take, video)
    await set_row(org, assignment, due_at=PAST)
    refused = (await submit(cast.rep, take)).json()
    assert (refused["type"], refused["due_at"]) == ("/problems/late-refused", PAST.isoformat())
    kept = await take_seen(cast.rep, take)
    assert (kept["state"], kept["responses"][0]["asset"]["id"]) == ("draft", str(video))
    assert (await answer(cast.rep, take, await make_asset(org, cast.rep.id))).status_code == 200


async def test_more_time_from_a_manager_opens_it_again(org: OrgKit, cast: Cast) -> None:
    _, assignment = await copy_for(cast, late="refused", due_at=after_now(days=1))
    take = await start_take(cast.rep, assignment)
    await answer(cast.rep, take, await make_asset(org, cast.rep.id))
    await set_row(org, assignment, due_at=PAST)
    assert (await submit(cast.rep, take)).status_code == 409
    await assignment_changed(cast.manager, await get_assignment(cast.manager, assignment), due_at=after_now(hours=1))
    assert (await submit(cast.rep, take)).json()["state"] == "submitted"


async def test_an_author_may_relent_for_all(org: OrgKit, cast: Cast) -> None:
    challenge, assignment = await copy_for(cast, late="refused", due_at=after_now(days=1))
    take = await start_take(cast.rep, assignment)
    await answer(cast.rep, take, await make_asset(org, cast.rep.id))
    await set_row(org, assignment, due_at=PAST)
    assert (await submit(cast.rep, take)).status_code == 409
    await changed(cast.manager, challenge, late="accepted")
    assert (await submit(cast.rep, take)).status_code == 200


async def test_after_the_due_time_only_practice_begins(cast: Cast) -> None:
    _, assignment = await overdue(cast)
    assert (await start(cast.rep, assignment)).json()["type"] == "/problems/late-refused"
    assert (await start(cast.rep, assignment, practice=True)).status_code == 201


async def test_a_retake_that_was_asked_for_is_not_late(org: OrgKit, cast: Cast) -> None:
    _, take = await handed_in(cast, late="refused", due_at=after_now(days=1))
    assignment = await assignment_for(cast.rep, {"id": take["challenge_id"]}, cast.rep)
    await retake(org, assignment)
    await set_row(org, assignment, due_at=PAST)
    assert (await hand_in(org, cast.rep, assignment))["state"] == "submitted"


async def test_what_failed_after_it_was_handed_in_may_still_be_replaced(org: OrgKit, cast: Cast) -> None:
    _, take = await handed_in(cast, late="refused", due_at=after_now(days=1))
    assignment = await assignment_for(cast.rep, {"id": take["challenge_id"]}, cast.rep)
    deleted = await cast.rep.client.delete(f"/v1/assets/{take['responses'][0]['asset']['id']}")
    assert deleted.status_code == 204
    await set_row(org, assignment, due_at=PAST)
    assert (await answer(cast.rep, take, await make_asset(org, cast.rep.id))).status_code == 200
    again = (await submit(cast.rep, take)).json()
    assert (again["state"], again["submitted_at"]) == ("submitted", take["submitted_at"])
    [response] = again["responses"]
    assert response["answered_at"] > again["submitted_at"], "its reviewer can tell"


async def test_a_manager_grants_one_more_take(org: OrgKit, cast: Cast) -> None:
    challenge, _ = await handed_in(cast, max_takes=1)
    assignment = await assignment_for(cast.manager, challenge, cast.rep)
    assert (await start(cast.rep, assignment)).json()["type"] == "/problems/no-takes-left"
    answered = await granted(cast.manager, assignment, assignment["version"])
    assert (answered.status_code, answered.json()["takes_left"]) == (200, 1)
    assert answered.headers["etag"] == f'"{answered.json()["version"]}"'
    assert (await hand_in(org, cast.rep, assignment))["number"] == 2
    async with org.database.tenant(org.id) as session:
        named = (Event.org_id == org.id) & (Event.subject_id == UUID(assignment["id"]))
        data = await session.scalars(select(Event.data).where(named, Event.name == "assignment.take_granted"))
        assert list(data) == [{"extra_takes": 1}]


async def test_a_grant_that_is_sent_twice_is_given_once(cast: Cast) -> None:
    challenge, _ = await handed_in(cast, max_takes=1)
    assignment = await assignment_for(cast.manager, challenge, cast.rep)
    first, second = [await granted(cast.manager, assignment, assignment["version"]) for _ in range(2)]
    assert (first.status_code, second.status_code) == (200, 412)
    assert second.json()["current"]["takes_left"] == 1
    without = await cast.manager.client.post(f"/v1/assignments/{assignment['id']}/another-take")
    assert without.status_code == 428


async def test_nobody_grants_themselves_a_take(org: OrgKit, cast: Cast) -> None:
    _, assignment = await copy_for(cast, max_takes=1)
    assert (await granted(cast.rep, assignment)).status_code == 403
    stranger = await org.person("Sam Stranger")
    assert (await granted(stranger, assignment)).status_code == 404


async def test_who_is_excused_is_granted_none(cast: Cast) -> None:
    _, assignment = await copy_for(cast, max_takes=1)
    excused = await change_assignment(cast.manager, assignment, excused=True)
    refused = (await granted(cast.manager, excused.json())).json()
    assert (refused["type"], refused["state"]) == ("/problems/illegal-move", "excused")


async def test_a_practice_take_counts_for_nothing(org: OrgKit, cast: Cast) -> None:
    _, assignment = await copy_for(cast, max_takes=1)
    practice = await start_take(cast.rep, assignment, practice=True)
    await answer(cast.rep, practice, await make_asset(org, cast.rep.id))
    assert (await get_assignment(cast.rep, assignment))["takes_left"] == 1
    assert (await submit(cast.rep, practice)).json()["type"] == "/problems/practice-take"
    async with org.database.tenant(org.id) as session:
        row = await session.get_one(Take, (org.id, UUID(practice["id"])))
        assert (row.state, row.closes_at) == ("draft", None)
