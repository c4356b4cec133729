"""The inbox of a rep: what is open, soonest due first, and what each item says."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from models.asset import Asset
from models.base import now
from models.submission import asset_failed
from tests.factories.challenges import (
    after_now,
    copy_of,
    dated,
    get_assignment,
    hand_in,
    inbox,
    instant,
    make_cast,
    published,
    retake,
    set_row,
    set_take,
    start_take,
)
from tests.factories.people import OrgKit
from tests.factories.queries import counted

STATES = ("scheduled", "open", "in_progress", "submitted", "retake", "done", "excused", "closed")


async def test_an_item_of_the_inbox_is_enough_to_start_a_take(org: OrgKit) -> None:
    cast = await make_cast(org)
    due_at = after_now(days=2)
    challenge = await published(
        cast, brief="In a minute.", prompts=[{"text": "One"}, {"text": "Two"}], max_takes=3, due_at=due_at
    )
    (item,) = await inbox(cast.rep)
    assert item["challenge"] == {
        "id": challenge["id"],
        "title": "Why us",
        "kind": "positioning",
        "brief": "In a minute.",
        "prompt_count": 2,
    }
    assert item["person"] == {"id": str(cast.rep.id), "name": "Robin Rep"}
    assert (item["state"], item["team_id"], item["takes_left"]) == ("open", str(cast.team_id), 3)
    assert (item["overdue"], item["late"], item["due_at_own"], item["opens_at"]) == (False, False, False, None)
    assert (item["current_take_id"], item["accepted_take_id"], item["version"]) == (None, None, 1)
    assert instant(item["due_at"]) == instant(due_at)
    assert len((await start_take(cast.rep, item))["responses"]) == 2


async def test_the_inbox_holds_what_is_open_and_a_state_asks_for_the_others(org: OrgKit) -> None:
    cast = await make_cast(org)
    for state in STATES:
        item = await copy_of(cast, title=state)
        await set_row(org, item, state=state, opens_at=now() + timedelta(days=1) if state == "scheduled" else None)
    assert {item["state"] for item in await inbox(cast.rep)} == {"open", "in_progress", "retake"}
    for state in STATES:
        assert [(item["challenge"]["title"], item["state"]) for item in await inbox(cast.rep, state=state)] == [
            (state, state)
        ]


async def test_a_state_that_there_is_not_is_pointed_at(org: OrgKit) -> None:
    refused = await (await org.person()).client.get("/v1/me/assignments", params={"state": "lost"})
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "#query/state")


async def test_the_inbox_is_the_caller_s_own(org: OrgKit, make_org: Callable[..., Any]) -> None:
    cast = await make_cast(org)
    await cast.another_rep()
    await published(cast)
    elsewhere = await make_cast(await make_org())
    for who in (cast.manager, cast.enablement, elsewhere.rep):
        assert await inbox(who) == []
    assert [item["person"]["name"] for item in await inbox(cast.rep)] == ["Robin Rep"]


async def test_the_soonest_due_comes_first_and_what_has_no_due_time_last(org: OrgKit) -> None:
    cast = await make_cast(org)
    for title, due in (("never", None), ("late", 3), ("soon", 1), ("never again", None), ("later", 2)):
        await published(cast, title=title, **dated(due))
    overdue = await copy_of(cast, title="overdue")
    await set_row(org, overdue, due_at=now() - timedelta(days=1))
    titles = [item["challenge"]["title"] for item in await inbox(cast.rep)]
    assert titles[:4] == ["overdue", "soon", "later", "late"]
    assert sorted(titles[4:]) == ["never", "never again"]


async def test_pages_of_the_inbox_repeat_and_miss_nothing_while_challenges_arrive(org: OrgKit) -> None:
    cast = await make_cast(org)
    for number, due in enumerate([1, 2, 2, None, 3, None, None]):
        await published(cast, title=f"{number}", **dated(due))
    found, cursor = [], None
    while True:
        query = {"limit": 2} | ({"cursor": cursor} if cursor else {})
        page = (await cast.rep.client.get("/v1/me/assignments", params=query)).json()
        found += [item["challenge"]["title"] for item in page["items"]]
        await published(cast, title="sooner", due_at=after_now(hours=1))
        if (cursor := page["next_cursor"]) is None:
            break
    assert sorted(found) == [f"{number}" for number in range(7)]
    assert (found[0], found[3]) == ("0", "4")


async def test_the_inbox_costs_two_statements_however_long_it_is(org: OrgKit) -> None:
    cast = await make_cast(org)
    for _ in range(5):
        await published(cast)
    with counted(org) as sent:
        items = await inbox(cast.rep)
    assert (len(items), len(sent)) == (5, 2)


async def test_a_video_that_has_to_be_replaced_brings_its_assignment_back(org: OrgKit) -> None:
    cast = await make_cast(org)
    item = await copy_of(cast)
    take = await hand_in(org, cast.rep, item)
    assert await inbox(cast.rep) == []
    async with org.database.tenant(org.id) as session:
        asset = await session.get_one(Asset, (org.id, UUID(take["responses"][0]["asset"]["id"])))
        asset.state, asset.problem_code = "failed", "no-video"
        await asset_failed(session, asset)
    (back,) = await inbox(cast.rep)
    assert (back["state"], back["current_take_id"]) == ("in_progress", take["id"])


async def test_a_retake_is_in_the_inbox_with_one_more_take(org: OrgKit) -> None:
    cast = await make_cast(org)
    item = await copy_of(cast, max_takes=1)
    take = await hand_in(org, cast.rep, item)
    assert (await get_assignment(cast.rep, item))["takes_left"] == 0
    await retake(org, item)
    (back,) = await inbox(cast.rep)
    assert (back["state"], back["takes_left"], back["current_take_id"]) == ("retake", 1, take["id"])


async def test_takes_left_counts_what_was_handed_in(org: OrgKit) -> None:
    cast = await make_cast(org)
    item, free = await copy_of(cast, max_takes=3), await copy_of(cast)
    await start_take(cast.rep, item, practice=True)
    assert (await get_assignment(cast.rep, item))["takes_left"] == 3
    take = await hand_in(org, cast.rep, item)
    await start_take(cast.rep, item)
    assert (await get_assignment(cast.rep, item))["takes_left"] == 2
    await cast.rep.client.post(f"/v1/takes/{take['id']}/withdraw")
    assert (await get_assignment(cast.rep, item))["takes_left"] == 3
    assert (await get_assignment(cast.rep, free))["takes_left"] is None


@pytest.mark.parametrize(
    ("state", "overdue"), [(state, state in {"open", "in_progress", "retake"}) for state in STATES]
)
async def test_overdue_is_what_asks_for_something_after_its_due_time(org: OrgKit, state: str, *, overdue: bool) -> None:
    cast = await make_cast(org)
    item = await copy_of(cast)
    opens_at = now() + timedelta(days=1)
    await set_row(org, item, state=state, due_at=now() - timedelta(minutes=1), opens_at=opens_at)
    assert (await get_assignment(cast.rep, item))["overdue"] is overdue
    await set_row(org, item, due_at=now() + timedelta(hours=1))
    assert (await get_assignment(cast.rep, item))["overdue"] is False


async def test_late_is_a_current_take_that_was_handed_in_after_it_was_due(org: OrgKit) -> None:
    cast = await make_cast(org)
    item = await copy_of(cast, due_at=after_now(days=1))
    take = await hand_in(org, cast.rep, item)
    assert (await get_assignment(cast.rep, item))["late"] is False
    await set_take(org, take, submitted_at=now() + timedelta(days=2))
    late = await get_assignment(cast.manager, item)
    assert (late["late"], late["overdue"], late["current_take_id"]) == (True, False, take["id"])
