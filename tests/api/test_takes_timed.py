"""One timed take: its clock begins when it is started, what was answered is handed in when it ends; nothing is lost."""

import asyncio
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select, text

from models.asset import Asset
from models.base import now
from models.event import Event
from models.take import Take
from models.timed import GRACE_MS, lapse
from tests.factories.challenges import (
    Body,
    Cast,
    after_now,
    change_assignment,
    changed,
    drafted,
    get_assignment,
    get_challenge,
    hand_in,
    make_cast,
    refusal,
    retake,
    set_row,
    start_take,
)
from tests.factories.parts import (
    announced_ago,
    answer,
    copy_for,
    granted,
    limited,
    prompt_video,
    start,
    submit,
    take_seen,
    timed,
    turn_back,
)
from tests.factories.people import OrgKit
from tests.factories.takes import make_asset
from tests.factories.uploads import FILE

LONG_AGO = {"hours": 3}


@pytest.fixture
async def cast(org: OrgKit) -> Cast:
    return await make_cast(org)


async def over(org: OrgKit, take: Body) -> None:
    """Do what the sweep does once the clock has run out."""
    async with org.database.tenant(org.id) as session:
        await lapse(session, await session.get_one(Take, (org.id, UUID(take["id"]))))


async def begun(cast: Cast, **values: Any) -> tuple[Body, Body]:
    """Return the copy of a timed challenge of two prompts, and the take of it that was started."""
    _, assignment = await copy_for(cast, **timed((10_000, 60_000), (10_000, 60_000), **values))
    return assignment, await start_take(cast.rep, assignment)


def ms(take: Body, name: str) -> int:
    span = datetime.fromisoformat(take["timed"][name]) - datetime.fromisoformat(take["created_at"])
    return round(span / timedelta(milliseconds=1))


async def events(org: OrgKit, assignment: Body) -> list[Any]:
    async with org.database.tenant(org.id) as session:
        named = (Event.org_id == org.id) & (Event.subject_id == UUID(assignment["id"]))
        return list(await session.scalars(select(Event.data).where(named, Event.name == "assignment.time_over")))


# What is asked


async def test_what_is_asked_is_shown_when_the_clock_begins(org: OrgKit, cast: Cast) -> None:
    video = await prompt_video(org, cast.manager)
    prompts = limited((5000, 60_000), notes="Stay calm.", asset_id=video)
    challenge, assignment = await copy_for(cast, prompts=prompts, timed={})
    before = (await get_challenge(cast.rep, challenge)).json()["prompts"][0]
    assert (before["text"], before["asset_id"], before["notes"], before["hidden"]) == ("", None, "", True)
    assert (before["preparation_ms"], before["max_duration_ms"]) == (5000, 60_000)
    assert (await cast.rep.client.get(f"/v1/assets/{video}")).status_code == 404
    await start_take(cast.rep, assignment)
    shown = (await get_challenge(cast.rep, challenge)).json()["prompts"][0]
    assert (shown["text"], shown["asset_id"], shown["hidden"]) == ("Prompt 0", video, False)
    assert (await cast.rep.client.get(f"/v1/assets/{video}")).status_code == 200


async def test_who_teaches_sees_it_ahead_and_another_rep_s_clock_shows_nothing(org: OrgKit, cast: Cast) -> None:
    other = await cast.another_rep()
    challenge, assignment = await copy_for(cast, **timed())
    await start_take(cast.rep, assignment)
    for who, hidden in ((cast.manager, False), (cast.enablement, False), (other, True)):
        [prompt] = (await get_challenge(who, challenge)).json()["prompts"]
        assert prompt["hidden"] is hidden


async def test_its_window_is_what_its_prompts_take_and_the_grace_comes_after(org: OrgKit, cast: Cast) -> None:
    video = await prompt_video(org, cast.manager, duration_ms=20_000)
    prompts = [*limited((5000, 60_000), asset_id=video), *limited((0, 45_000))]
    challenge, assignment = await copy_for(cast, prompts=prompts, timed={})
    assert challenge["timed"] == {"window_ms": None, "grace_ms": GRACE_MS}
    take = await start_take(cast.rep, assignment)
    assert (ms(take, "ends_at"), ms(take, "closes_at")) == (130_000, 130_000 + GRACE_MS)
    assert take["timed"]["over_at"] is None


async def test_a_window_of_its_own_counts_and_a_lost_answer_begins_no_other(cast: Cast) -> None:
    _, assignment = await copy_for(cast, **timed(window_ms=600_000))
    first = await start_take(cast.rep, assignment)
    assert ms(first, "ends_at") == 600_000
    again = await start(cast.rep, assignment)
    assert (again.status_code, again.json()["timed"]) == (200, first["timed"])


REFUSED: dict[str, tuple[Body, str]] = {
    "practice": (timed(practice="allowed"), "/practice"),
    "several takes": (timed(max_takes=2), "/max_takes"),
    "no limit": ({"prompts": [{"text": "Go"}], "timed": {}}, "/timed/window_ms"),
    "a window too short": (timed((30_000, 60_000), window_ms=89_000), "/timed/window_ms"),
    "no window at all": (timed(window_ms=9000), "/timed/window_ms"),
}


@pytest.mark.parametrize("what", REFUSED)
async def test_what_cannot_be_timed_is_pointed_at(cast: Cast, what: str) -> None:
    values, pointer = REFUSED[what]
    assert await refusal(cast, **values) == (422, pointer)


async def test_a_draft_becomes_timed_and_untimed(cast: Cast) -> None:
    draft = await changed(cast.manager, await drafted(cast, prompts=limited((0, 60_000))), timed={"window_ms": None})
    assert (draft["timed"]["window_ms"], draft["practice"], draft["max_takes"]) == (None, "none", 1)
    draft = await changed(cast.manager, draft, timed=None, practice="allowed", max_takes=None)
    assert (draft["timed"], draft["practice"], draft["max_takes"]) == (None, "allowed", None)


# While it runs


async def test_in_time_it_is_a_take_like_any_other(org: OrgKit, cast: Cast) -> None:
    _, assignment = await copy_for(cast, **timed())
    take = await hand_in(org, cast.rep, assignment)
    assert (take["state"], take["responses"][0]["in_time"], take["timed"]["over_at"]) == ("submitted", True, None)
    assert (await get_assignment(cast.rep, assignment))["takes_left"] == 0
    await turn_back(org, take, **LONG_AGO)
    await over(org, take)
    assert (await take_seen(cast.rep, take))["state"] == "submitted"
    assert await events(org, assignment) == []


async def test_it_counts_from_when_it_was_started_and_cannot_be_taken_back(org: OrgKit, cast: Cast) -> None:
    _, assignment = await copy_for(cast, **timed())
    take = await start_take(cast.rep, assignment)
    assert (await get_assignment(cast.rep, assignment))["takes_left"] == 0
    thrown_away = await cast.rep.client.delete(f"/v1/takes/{take['id']}")
    await hand_in(org, cast.rep, assignment)
    withdrawn = await cast.rep.client.post(f"/v1/takes/{take['id']}/withdraw")
    for refused in (thrown_away, withdrawn):
        assert (refused.status_code, refused.json()["type"]) == (409, "/problems/timed-take")


async def test_before_its_end_all_must_be_answered(org: OrgKit, cast: Cast) -> None:
    _, take = await begun(cast)
    await answer(cast.rep, take, await make_asset(org, cast.rep.id))
    await over(org, take)
    refused = (await submit(cast.rep, take)).json()
    assert (refused["type"], len(refused["missing"])) == ("/problems/responses-missing", 1)


async def test_what_was_recorded_in_time_uploads_in_the_grace_and_after(org: OrgKit, cast: Cast) -> None:
    assignment, take = await begun(cast, late="refused")
    await turn_back(org, take, milliseconds=140_000 + GRACE_MS // 2)
    for prompt in range(2):
        video = await make_asset(org, cast.rep.id, "uploading")
        assert (await answer(cast.rep, take, video, prompt)).status_code == 200
    await turn_back(org, take, milliseconds=GRACE_MS)
    await over(org, take)
    seen = await take_seen(cast.rep, take)
    assert (seen["state"], seen["submitted_at"]) == ("submitting", seen["timed"]["closes_at"])
    assert (await get_assignment(cast.rep, assignment))["state"] == "submitted"


# When it is over


async def test_what_was_answered_is_handed_in_by_the_clock(org: OrgKit, cast: Cast) -> None:
    assignment, take = await begun(cast)
    await answer(cast.rep, take, await make_asset(org, cast.rep.id))
    await turn_back(org, take, **LONG_AGO)
    await over(org, take)
    await over(org, take)
    seen = await take_seen(cast.manager, take)
    assert (seen["state"], seen["submitted_at"]) == ("submitted", seen["timed"]["closes_at"])
    assert [one["asset"] is None for one in seen["responses"]] == [False, True]
    assert await events(org, assignment) == [{"answered": 1}]
    waiting = (await cast.manager.client.get("/v1/me/reviews")).json()["items"]
    assert [one["take_id"] for one in waiting] == [take["id"]]


async def test_what_the_phone_announced_but_could_not_say_any_more_is_an_answer(org: OrgKit, cast: Cast) -> None:
    assignment, take = await begun(cast)
    prompt_id = take["responses"][1]["prompt_id"]
    body = FILE | {"assignment_id": assignment["id"], "prompt_id": prompt_id}
    uploads = [(await cast.rep.client.post("/v1/uploads", json=body)).json() for _ in range(2)]
    await turn_back(org, take, **LONG_AGO)
    late = (await cast.rep.client.post("/v1/uploads", json=body)).json()
    await over(org, take)
    seen = await take_seen(cast.rep, take)
    assert seen["state"] == "submitting"
    [_, response] = seen["responses"]
    assert response["asset"]["id"] == uploads[1]["asset_id"] != late["asset_id"]


async def test_where_nothing_was_recorded_it_stays_a_draft_and_nobody_begins_anew(org: OrgKit, cast: Cast) -> None:
    assignment, take = await begun(cast)
    await turn_back(org, take, **LONG_AGO)
    await over(org, take)
    seen = await take_seen(cast.rep, take)
    assert (seen["state"], seen["timed"]["over_at"] is None) == ("draft", False)
    assert (await start(cast.rep, assignment)).json()["id"] == take["id"]
    assert (await submit(cast.rep, take)).json()["type"] == "/problems/responses-missing"
    assert await events(org, assignment) == [{"answered": 0}]
    assert (await get_assignment(cast.manager, assignment))["takes_left"] == 0


async def test_what_comes_late_is_taken_and_marked_where_the_challenge_takes_it(org: OrgKit, cast: Cast) -> None:
    _, take = await begun(cast)
    await turn_back(org, take, **LONG_AGO)
    await over(org, take)
    in_time = await announced_ago(org, cast.rep, hours=2, minutes=59)
    assert (await answer(cast.rep, take, in_time)).status_code == 200
    assert (await submit(cast.rep, take)).json()["state"] == "submitted"
    assert (await answer(cast.rep, take, await make_asset(org, cast.rep.id), 1)).status_code == 200
    seen = await take_seen(cast.manager, take)
    assert [one["in_time"] for one in seen["responses"]] == [True, False]
    refused = await answer(cast.rep, take, await make_asset(org, cast.rep.id), 1)
    assert refused.json()["type"] == "/problems/illegal-move", "what was handed in stays"


async def test_where_it_takes_nothing_late_only_what_was_announced_in_time_is_taken(org: OrgKit, cast: Cast) -> None:
    _, take = await begun(cast, late="refused")
    await turn_back(org, take, **LONG_AGO)
    refused = await answer(cast.rep, take, await make_asset(org, cast.rep.id))
    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/time-over")
    assert (await answer(cast.rep, take, await announced_ago(org, cast.rep, hours=2, minutes=59))).status_code == 200


async def test_after_a_reviewer_has_looked_no_answer_is_added(org: OrgKit, cast: Cast) -> None:
    _, take = await begun(cast)
    await answer(cast.rep, take, await make_asset(org, cast.rep.id))
    await turn_back(org, take, **LONG_AGO)
    await over(org, take)
    await take_seen(cast.manager, take)
    refused = await answer(cast.rep, take, await make_asset(org, cast.rep.id), 1)
    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/illegal-move")


async def test_to_hand_in_before_the_sweep_came_is_to_be_too_late_for_more(org: OrgKit, cast: Cast) -> None:
    assignment, take = await begun(cast)
    await answer(cast.rep, take, await make_asset(org, cast.rep.id))
    await turn_back(org, take, **LONG_AGO)
    handed_in = (await submit(cast.rep, take)).json()
    assert (handed_in["state"], handed_in["submitted_at"]) == ("submitted", handed_in["timed"]["closes_at"])
    assert await events(org, assignment) == [{"answered": 1}]


async def test_a_video_that_failed_is_handed_in_and_may_be_replaced(org: OrgKit, cast: Cast) -> None:
    assignment, take = await begun(cast, late="refused")
    video = await make_asset(org, cast.rep.id, "processing")
    await answer(cast.rep, take, video)
    await _fail(org, video)
    await turn_back(org, take, **LONG_AGO)
    await over(org, take)
    seen = await take_seen(cast.rep, take)
    assert (seen["state"], seen["responses"][0]["replace"]) == ("needs_replacement", True)
    assert (await get_assignment(cast.rep, assignment))["state"] == "in_progress"
    assert (await answer(cast.rep, take, await make_asset(org, cast.rep.id))).status_code == 200
    again = (await submit(cast.rep, take)).json()
    assert (again["state"], again["responses"][0]["in_time"]) == ("submitted", False)


async def _fail(org: OrgKit, video: UUID) -> None:
    """While its take is a draft, nobody is asked to replace it."""
    async with org.database.tenant(org.id) as session:
        row = await session.get_one(Asset, (org.id, video))
        row.problem_code = "corrupt"
        row.move("failed")


async def test_of_who_was_excused_meanwhile_nothing_is_handed_in(org: OrgKit, cast: Cast) -> None:
    assignment, take = await begun(cast)
    await answer(cast.rep, take, await make_asset(org, cast.rep.id))
    await change_assignment(cast.manager, await get_assignment(cast.manager, assignment), excused=True)
    await turn_back(org, take, **LONG_AGO)
    await over(org, take)
    assert (await take_seen(cast.rep, take))["state"] == "draft"
    await change_assignment(cast.manager, await get_assignment(cast.manager, assignment), excused=False)
    assert (await submit(cast.rep, take)).json()["state"] == "submitted"


# What a manager can do


async def test_started_before_it_was_due_it_is_not_late(org: OrgKit, cast: Cast) -> None:
    _, assignment = await copy_for(cast, **timed(), late="refused", due_at=after_now(days=1))
    take = await start_take(cast.rep, assignment)
    await set_row(org, assignment, due_at=now())
    await answer(cast.rep, take, await make_asset(org, cast.rep.id))
    assert (await submit(cast.rep, take)).json()["state"] == "submitted"


async def test_a_manager_grants_another_to_whom_the_clock_ran_away_from(org: OrgKit, cast: Cast) -> None:
    assignment, take = await begun(cast)
    under_way = await granted(cast.manager, assignment)
    assert (under_way.status_code, under_way.json()["type"]) == (409, "/problems/take-under-way")
    await turn_back(org, take, **LONG_AGO)
    await over(org, take)
    assert (await granted(cast.manager, assignment)).json()["takes_left"] == 1
    again = await start(cast.rep, assignment)
    assert (again.status_code, again.json()["number"], again.json()["timed"]["over_at"]) == (201, 2, None)
    assert (await get_assignment(cast.rep, assignment))["takes_left"] == 0


async def test_a_retake_has_a_clock_of_its_own(org: OrgKit, cast: Cast) -> None:
    challenge, assignment = await copy_for(cast, **timed())
    first = await hand_in(org, cast.rep, assignment)
    await retake(org, assignment)
    second = (await start(cast.rep, assignment)).json()
    assert second["number"] == 2
    assert second["timed"]["ends_at"] > first["timed"]["ends_at"]
    assert (await get_challenge(cast.rep, challenge)).json()["prompts"][0]["hidden"] is False


async def test_the_sweep_is_told_of_those_whose_time_is_over_and_of_no_others(org: OrgKit, cast: Cast) -> None:
    _, take = await begun(cast)
    assert await to_sweep(org, take) is False
    await turn_back(org, take, **LONG_AGO)
    assert await to_sweep(org, take) is True
    await over(org, take)
    assert await to_sweep(org, take) is False


async def to_sweep(org: OrgKit, take: Body) -> bool:
    async with org.database.without_tenant() as session:
        rows = (await session.execute(text("SELECT org_id, take_id FROM takes_to_lapse(1000)"))).all()
    return (org.id, UUID(take["id"])) in [tuple(row) for row in rows]


async def test_to_answer_and_to_be_swept_at_once_loses_nothing(org: OrgKit, cast: Cast) -> None:
    _, take = await begun(cast)
    videos = [await announced_ago(org, cast.rep, hours=2, minutes=59) for _ in range(2)]
    await answer(cast.rep, take, videos[0])
    await turn_back(org, take, **LONG_AGO)
    answered, _ = await asyncio.gather(answer(cast.rep, take, videos[1], 1), over(org, take))
    seen = await take_seen(cast.rep, take)
    assert (answered.status_code, seen["state"]) == (200, "submitted")
    assert [one["asset"]["id"] for one in seen["responses"]] == [str(video) for video in videos]
