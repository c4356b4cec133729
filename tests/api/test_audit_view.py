"""The audit view: for admins, newest first, by name, person, actor, subject and time; no texts."""

from typing import Any

import pytest

import api.audit.service
from tests.factories.people import OrgKit, Somebody
from tests.factories.takes import make_story, submitted

AUDIT = "/v1/audit"


async def audit(who: Somebody, **query: Any) -> dict[str, Any]:
    answer = await who.client.get(AUDIT, params=query)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def names(who: Somebody, **query: Any) -> list[str]:
    return [item["name"] for item in (await audit(who, **query))["items"]]


@pytest.fixture
async def admin(org: OrgKit) -> Somebody:
    return await org.person("Ada Admin", org_role="admin")


async def test_it_says_who_did_what_to_what(org: OrgKit, admin: Somebody) -> None:
    rep = await org.person("Robin Rep")
    etag = (await admin.client.get(f"/v1/people/{rep.id}")).headers["etag"]
    changed = await admin.client.patch(
        f"/v1/people/{rep.id}", json={"org_role": "enablement"}, headers={"if-match": etag}
    )
    assert changed.status_code == 200
    first = (await audit(admin))["items"][0]
    assert {name: value for name, value in first.items() if name not in ("id", "at")} == {
        "v": 1,
        "name": "person.role_changed",
        "subject": {"kind": "person", "id": str(rep.id)},
        "actor": {"id": str(admin.id), "name": "Ada Admin"},
        "person": {"id": str(rep.id), "name": "Robin Rep"},
        "team_id": None,
        "data": {"from": "member", "to": "enablement"},
    }


async def test_it_is_for_admins_only(org: OrgKit) -> None:
    for role in ("member", "enablement"):
        who = await org.person(org_role=role)
        assert (await who.client.get(AUDIT)).status_code == 403


async def test_it_is_narrowed_by_name_person_actor_subject_and_time(org: OrgKit, admin: Somebody) -> None:
    story = await make_story(org)
    take = await submitted(story)
    assert set(await names(admin, name="take")) == {"take.draft", "take.response_put", "take.submitted"}
    assert await names(admin, name="take.submitted") == ["take.submitted"]
    assert await names(admin, subject_id=take["id"]) == ["take.submitted", "take.response_put", "take.draft"]
    assert set(await names(admin, actor_id=str(story.rep.id), name="take")) == set(await names(admin, name="take"))
    assert await names(admin, actor_id=str(story.manager.id)) == []
    assert await names(admin, person_id=str(story.manager.id), name="person") == ["person.active"]
    [submit] = (await audit(admin, name="take.submitted"))["items"]
    assert "take.submitted" not in await names(admin, until=submit["at"])
    assert "take.submitted" in await names(admin, since=submit["at"])
    assert (await admin.client.get(AUDIT, params={"since": "yesterday"})).status_code == 422


async def test_of_what_a_person_has_not_handed_in_nothing_is_said_and_of_practice_nothing_is_there(
    org: OrgKit, admin: Somebody
) -> None:
    """An admin learns that a take was begun, and sees none: no video, no text. That somebody practises is not told."""
    story = await make_story(org)
    url = f"/v1/assignments/{story.assignment_id}/takes"
    takes = [(await story.rep.client.post(url, json={"practice": practice})).json()["id"] for practice in (False, True)]
    begun, practised = [(await audit(admin, subject_id=take_id))["items"] for take_id in takes]
    assert ([event["data"] for event in begun], practised) == ([{}], [])
    for take_id in takes:
        assert (await admin.client.get(f"/v1/takes/{take_id}")).status_code == 404


async def test_pages_follow_each_other(org: OrgKit, admin: Somebody, monkeypatch: pytest.MonkeyPatch) -> None:
    await submitted(await make_story(org))
    whole = (await audit(admin, limit=100))["items"]
    assert [item["id"] for item in whole] == sorted((item["id"] for item in whole), reverse=True)
    monkeypatch.setattr(api.audit.service, "WINDOW", 3)
    for query, wanted in (({}, whole), ({"name": "take"}, [one for one in whole if one["name"].startswith("take")])):
        found: list[Any] = []
        cursor, pages = None, 0
        while pages == 0 or cursor:
            body = await audit(admin, limit=2, **query, **({"cursor": cursor} if cursor else {}))
            found, cursor, pages = found + body["items"], body["next_cursor"], pages + 1
        assert found == wanted
    assert pages > 2


async def test_it_shows_one_organization_only(make_org: Any) -> None:
    mine, theirs = await make_org(), await make_org()
    admin = await mine.person(org_role="admin")
    await submitted(await make_story(theirs))
    assert set(await names(admin)) == {"person.active"}
