"""What changed for me: what I was allowed to know when it happened, in the order of commits, and nothing else."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from models.asset import Asset
from models.base import now
from models.event import write_event
from models.ids import new_id
from models.review import Delegation
from models.submission import asset_plays
from models.take import Take
from tests.factories.people import OrgKit, Somebody
from tests.factories.takes import Story, make_asset, make_story, respond, started, submit, submitted

CHANGES = "/v1/me/changes"
Change = dict[str, Any]


async def place_of(who: Somebody) -> str:
    answer = (await who.client.get(CHANGES, params={"after": "now"})).json()
    assert (answer["items"], answer["more"]) == ([], False)
    next_place: str = answer["next"]
    return next_place


async def read(who: Somebody, after: str | None = None, limit: int = 100) -> tuple[list[Change], str]:
    """Return all that follows a place, a page at a time, and the place behind it."""
    found: list[Change] = []
    while True:
        answer = (await who.client.get(CHANGES, params={"limit": limit} | ({"after": after} if after else {}))).json()
        found += answer["items"]
        after = answer["next"]
        if not answer["more"]:
            return found, answer["next"]


async def types(who: Somebody, after: str | None = None, limit: int = 100) -> list[str]:
    return [item["type"] for item in (await read(who, after, limit))[0]]


@pytest.fixture
async def story(org: OrgKit) -> Story:
    return await make_story(org)


async def test_a_change_says_what_happened_to_what_by_whom_and_no_more(story: Story) -> None:
    after = await place_of(story.rep)
    take = await submitted(story)
    changes = {item["type"]: item for item in (await read(story.rep, after))[0]}
    change = changes["take.submitted"]
    assert {name: value for name, value in change.items() if name not in ("id", "at")} == {
        "v": 1,
        "type": "take.submitted",
        "subject": {"kind": "take", "id": take["id"]},
        "actor_id": str(story.rep.id),
        "data": {"from": "draft"},
        "gone": False,
    }


async def test_what_is_read_once_does_not_come_again_and_what_comes_later_does(story: Story) -> None:
    await started(story)
    first, after = await read(story.rep)
    assert {"assignment.open", "take.draft"} <= {item["type"] for item in first}
    nothing, after = await read(story.rep, after)
    assert nothing == []
    await started(story, practice=True)
    again, _ = await read(story.rep, after)
    assert [item["type"] for item in again] == ["take.draft"]
    assert not {item["id"] for item in first} & {item["id"] for item in again}


async def test_pages_of_any_size_hold_the_same_in_the_same_order(story: Story) -> None:
    await submitted(story)
    whole, _ = await read(story.rep)
    assert len(whole) > 4
    for limit in (1, 2, 3):
        assert (await read(story.rep, limit=limit))[0] == whole


async def test_a_draft_is_its_persons_only_and_handed_in_its_managers_too(org: OrgKit, story: Story) -> None:
    enablement, admin = await org.person(org_role="enablement"), await org.person(org_role="admin")
    mate = await org.person("Mate")
    await org.member(story.team_id, mate)
    others = (story.manager, enablement, admin, mate)
    after = {who.id: await place_of(who) for who in (story.rep, *others)}
    take = await started(story)
    await started(story, practice=True)
    assert await types(story.rep, after[story.rep.id]) == ["take.draft", "assignment.in_progress", "take.draft"]
    for who in others:
        assert not [name for name in await types(who, after[who.id]) if name.startswith("take.")]
    await respond(story, take["id"], await make_asset(org, story.rep.id))
    assert (await submit(story, take["id"])).status_code == 200
    for who in (story.rep, story.manager, enablement):
        shown = [item for item in (await read(who, after[who.id]))[0] if item["type"] == "take.submitted"]
        assert [(item["subject"]["id"], item["gone"]) for item in shown] == [(take["id"], False)]
    for who in (admin, mate):
        assert await types(who, after[who.id]) == []


async def test_what_is_taken_back_is_gone_for_who_saw_it(story: Story) -> None:
    take = await submitted(story)
    after = await place_of(story.manager)
    assert (await story.rep.client.post(f"/v1/takes/{take['id']}/withdraw")).status_code == 200
    changes = {item["type"]: item["gone"] for item in (await read(story.manager, after))[0]}
    assert changes["take.withdrawn"] is True
    assert {item["type"]: item["gone"] for item in (await read(story.rep))[0]}["take.withdrawn"] is False


async def test_a_manager_learns_what_happened_from_the_day_on_which_they_manage(org: OrgKit, story: Story) -> None:
    late = await org.person("Lou Late")
    take = await submitted(story)
    await org.member(story.team_id, late, "manager")
    assert not [name for name in await types(late) if name.startswith(("take.", "assignment."))]
    await story.rep.client.post(f"/v1/takes/{take['id']}/withdraw")
    assert [name for name in await types(late) if name.startswith("take.")] == ["take.withdrawn"]


async def test_a_former_manager_learns_nothing_of_what_happens_after(org: OrgKit, story: Story) -> None:
    take = await submitted(story)
    async with org.database.tenant(org.id) as session:
        await session.execute(
            text("UPDATE membership SET until_at = now() WHERE org_id = :org AND person_id = :person"),
            {"org": org.id, "person": story.manager.id},
        )
    known, after = await read(story.manager)
    assert {item["type"]: item["gone"] for item in known}["take.submitted"] is True
    await story.rep.client.post(f"/v1/takes/{take['id']}/withdraw")
    assert await types(story.manager, after) == []


async def test_teams_below_count_as_ones_own(org: OrgKit, story: Story) -> None:
    above = await org.person("Ann Above")
    top = await org.team("All")
    await org.member(top, above, "manager")
    admin = await org.person(org_role="admin")
    etag = (await admin.client.get(f"/v1/teams/{story.team_id}")).headers["etag"]
    moved = await admin.client.patch(
        f"/v1/teams/{story.team_id}", json={"parent_id": str(top)}, headers={"if-match": etag}
    )
    assert moved.status_code == 200, moved.text
    after = await place_of(above)
    await submitted(story)
    assert "take.submitted" in await types(above, after)


async def test_who_manages_very_many_teams_reads_the_same(org: OrgKit, story: Story) -> None:
    top, boss = await org.team("All"), await org.person("Bo Boss")
    async with org.database.tenant(org.id) as session:
        await session.execute(
            text("UPDATE team SET parent_id = :top WHERE org_id = :org AND id = :team"),
            {"top": top, "org": org.id, "team": story.team_id},
        )
    await org.member(top, boss, "manager")
    await submitted(story)
    few = [item for item in (await read(boss))[0] if item["subject"]["kind"] in ("take", "assignment")]
    assert few
    for place in range(25):
        await org.team(f"Team {place}", parent_id=top)
    many = [item for item in (await read(boss))[0] if item["subject"]["kind"] in ("take", "assignment")]
    assert many == few


async def test_nothing_crosses_an_organization(make_org: Any) -> None:
    mine, theirs = await make_story(await make_org()), await make_story(await make_org())
    after = await place_of(mine.manager)
    await submitted(theirs)
    assert await types(mine.manager, after) == []
    assert await types(theirs.manager) != []


async def test_somebody_named_beside_those_it_concerns_is_told_and_not_shown_who_else_was(
    org: OrgKit, story: Story
) -> None:
    named, other = await org.person("Nat Named"), await org.person("Ola Other")
    take = await submitted(story)
    after = {who.id: await place_of(who) for who in (named, other, story.rep)}
    async with org.database.tenant(org.id) as session:
        row = await session.get_one(Take, (org.id, UUID(take["id"])))
        write_event(session, row, "named", to=[named.id, story.rep.id], detail="secret", when=now())
    for who in (named, story.rep):
        [change] = (await read(who, after[who.id]))[0]
        assert (change["type"], set(change["data"])) == ("take.named", {"when"})
    assert await types(other, after[other.id]) == []


async def test_what_an_audience_is_told_ends_a_page_where_not_all_was_looked_at(
    org: OrgKit, story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of more than a window of events for audiences none is mine; what is mine behind them comes nevertheless."""
    after = await place_of(story.rep)
    async with org.database.tenant(org.id) as session:
        audience = new_id()
        await session.execute(
            text(
                "INSERT INTO audience (org_id, id, everyone, include_subteams, joiners) "
                "VALUES (:org, :id, false, false, 'exclude')"
            ),
            {"org": org.id, "id": audience},
        )
        await session.execute(
            text(
                "INSERT INTO event (org_id, id, at, subject_id, name, data, audience_id)"
                " SELECT :org, uuidv7(), now(), uuidv7(), 'bright_spot.published', '{}', :audience"
                " FROM generate_series(1, 1203)"
            ),
            {"org": org.id, "audience": audience},
        )
    await started(story)
    answer = (await story.rep.client.get(CHANGES, params={"after": after})).json()
    assert (answer["items"], answer["more"]) == ([], True)
    assert "take.draft" in await types(story.rep, after)


async def test_a_place_that_is_none_is_refused(story: Story) -> None:
    for wrong in ("nowhere", "AAAA", "é", "A" * 53):
        answer = await story.rep.client.get(CHANGES, params={"after": wrong})
        assert (answer.status_code, answer.json()["type"]) == (422, "/problems/invalid"), wrong


async def test_a_membership_is_told_to_its_person_and_the_teams_managers(org: OrgKit, story: Story) -> None:
    admin, joiner = await org.person(org_role="admin"), await org.person("Jo Joiner")
    after = {who.id: await place_of(who) for who in (joiner, story.manager, story.rep)}
    await admin.client.put(f"/v1/teams/{story.team_id}/members/{joiner.id}", json={"role": "rep"})
    for who in (joiner, story.manager):
        assert "membership.started" in await types(who, after[who.id])
    assert await types(story.rep, after[story.rep.id]) == []


async def test_who_reviews_in_a_managers_place_learns_what_happens_meanwhile(org: OrgKit, story: Story) -> None:
    deputy = await org.person("Dee Deputy")
    async with org.database.tenant(org.id) as session:
        lent = Delegation(
            org_id=org.id, person_id=story.manager.id, delegate_id=deputy.id, until_at=now() + timedelta(days=1)
        )
        session.add(lent)
    take = await submitted(story)
    seen = {item["type"]: item for item in (await read(deputy))[0]}
    assert (seen["take.submitted"]["subject"]["id"], seen["take.submitted"]["gone"]) == (take["id"], False)
    async with org.database.tenant(org.id) as session:
        (await session.get_one(Delegation, (org.id, lent.id))).ended_at = now()
    _, after = await read(deputy)
    await story.rep.client.post(f"/v1/takes/{take['id']}/withdraw")
    assert await types(deputy, after) == []


async def test_reviewers_are_told_when_a_video_that_was_handed_in_can_be_watched(org: OrgKit, story: Story) -> None:
    take = await submitted(story, "processing")
    after = await place_of(story.manager)
    async with org.database.tenant(org.id) as session:
        asset_id = UUID(take["responses"][0]["asset"]["id"])
        await asset_plays(session, await session.get_one(Asset, (org.id, asset_id)))
    [change] = (await read(story.manager, after))[0]
    assert (change["type"], change["data"]) == ("take.video_plays", {"asset_id": str(asset_id)})
