from sqlalchemy import select

from models.event import Event
from tests.factories.people import OrgKit


async def test_everyone_reads_what_the_organization_asks_of_critiques(org: OrgKit) -> None:
    rep = await org.person()
    got = (await rep.client.get("/v1/org")).json()
    assert got["slug"] == org.slug
    assert (got["require_strength"], got["require_next_step"], got["blind_reviews"]) == (False, False, False)
    assert (got["feedback_promise_h"], got["escalate_after_h"], got["remind_before_h"]) == (72, 48, 24)


async def test_an_admin_changes_a_setting_and_it_is_written_down(org: OrgKit) -> None:
    admin = await org.person(org_role="admin")
    seen = await admin.client.get("/v1/org")
    changed = await admin.client.patch(
        "/v1/org",
        json={"require_next_step": True, "feedback_promise_h": 48},
        headers={"If-Match": seen.headers["etag"]},
    )
    assert changed.status_code == 200
    assert (changed.json()["require_next_step"], changed.json()["feedback_promise_h"]) == (True, 48)
    async with org.database.tenant(org.id) as session:
        events = await session.scalars(select(Event).where(Event.org_id == org.id, Event.name == "org.changed"))
        assert [event.data for event in events] == [{"require_next_step": True, "feedback_promise_h": 48}]


async def test_of_two_admins_the_second_sees_what_the_first_wrote(org: OrgKit) -> None:
    admin = await org.person(org_role="admin")
    tag = (await admin.client.get("/v1/org")).headers["etag"]
    await admin.client.patch("/v1/org", json={"blind_reviews": True}, headers={"If-Match": tag})
    late = await admin.client.patch("/v1/org", json={"remind_before_h": 0}, headers={"If-Match": tag})
    assert late.status_code == 412
    assert late.json()["current"]["blind_reviews"] is True


async def test_only_an_admin_changes_settings(org: OrgKit) -> None:
    enablement = await org.person(org_role="enablement")
    refused = await enablement.client.patch("/v1/org", json={"blind_reviews": True}, headers={"If-Match": '"1"'})
    assert refused.status_code == 403


async def test_a_zone_that_is_none_is_refused(org: OrgKit) -> None:
    admin = await org.person(org_role="admin")
    refused = await admin.client.patch("/v1/org", json={"time_zone": "Mars/Olympus"}, headers={"If-Match": "*"})
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/time_zone")
