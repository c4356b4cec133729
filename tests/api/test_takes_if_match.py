"""Two devices of one rep: a take is begun only while the assignment is as its device saw it, if that says so."""

from typing import Any

from models.ids import new_id
from tests.factories.challenges import hand_in, inbox, make_cast, published
from tests.factories.people import OrgKit, Somebody


async def _seen(org: OrgKit) -> tuple[Somebody, dict[str, Any]]:
    cast = await make_cast(org)
    await published(cast)
    [assignment] = await inbox(cast.rep)
    return cast.rep, assignment


async def _begin(rep: Somebody, assignment: dict[str, Any], **body: Any) -> Any:
    seen = {"if-match": f'"{assignment["version"]}"'}
    return await rep.client.post(f"/v1/assignments/{assignment['id']}/takes", json=body, headers=seen)


async def test_no_second_take_follows_one_that_the_device_has_not_seen(org: OrgKit) -> None:
    rep, assignment = await _seen(org)
    await hand_in(org, rep, assignment)
    late = await _begin(rep, assignment)
    assert (late.status_code, late.json()["current"]["state"]) == (412, "submitted")
    again = await _begin(rep, late.json()["current"])
    assert (again.status_code, again.json()["number"]) == (201, 2)


async def test_a_third_take_follows_no_unseen_second_either(org: OrgKit) -> None:
    rep, assignment = await _seen(org)
    await hand_in(org, rep, assignment)
    [seen] = await inbox(rep, state="submitted")
    await hand_in(org, rep, assignment)
    assert (await _begin(rep, seen)).status_code == 412


async def test_the_open_draft_and_ones_own_take_are_given_whatever_was_seen(org: OrgKit) -> None:
    rep, assignment = await _seen(org)
    id_ = str(new_id())
    begun = await _begin(rep, assignment, id=id_)
    draft = await _begin(rep, assignment, id=str(new_id()))
    assert [(answer.status_code, answer.json()["id"]) for answer in (begun, draft)] == [(201, id_), (200, id_)]
    await hand_in(org, rep, assignment)
    lost = await _begin(rep, assignment, id=id_)
    assert (lost.status_code, lost.json()["state"]) == (200, "submitted")
