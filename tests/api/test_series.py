"""Series: what they post, when, for whom, and by whose right."""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select

from models.base import now
from models.event import Event
from models.ids import new_id
from models.series import Series
from tests.factories.challenges import Body, Cast, drafted, inbox, instant, leave, make_cast, published, to_teams
from tests.factories.people import OrgKit, Somebody
from tests.factories.series import age, get_series, in_days, make_series, post, posted


@pytest.fixture
async def cast(org: OrgKit) -> Cast:
    return await make_cast(org)


async def act(who: Somebody, series: Body, verb: str) -> tuple[int, Body]:
    answer = await who.client.post(f"/v1/series/{series['id']}/{verb}")
    return answer.status_code, answer.json()


async def change(who: Somebody, series: Body, **patch: Any) -> tuple[int, Body]:
    headers = {"if-match": f'"{series["version"]}"'}
    answer = await who.client.patch(f"/v1/series/{series['id']}", json=patch, headers=headers)
    return answer.status_code, answer.json()


async def events(org: OrgKit, series: Body) -> list[str]:
    query = select(Event.name).where(Event.org_id == org.id, Event.subject_id == UUID(series["id"]))
    async with org.database.tenant(org.id) as session:
        return list(await session.scalars(query.order_by(Event.at, Event.id)))


async def test_a_series_says_when_it_posts(cast: Cast) -> None:
    series = await make_series(cast, await published(cast), every=2, first_local=in_days(3))
    first = instant(series["next_at"])
    assert [instant(at) - first for at in series["upcoming"]] == [timedelta(weeks=weeks) for weeks in (0, 2, 4)]
    assert (series["state"], series["posted"], series["time_zone"]) == ("active", 0, "UTC")
    assert series["responsible"]["id"] == str(cast.manager.id)
    assert series["audience"]["team_ids"] == [str(cast.team_id)]


async def test_nothing_is_posted_before_its_time(cast: Cast, org: OrgKit) -> None:
    series = await make_series(cast, await published(cast))
    assert await post(org, series) is None
    assert await posted(cast.manager, series) == []


async def test_what_is_due_is_posted_with_the_same_prompts_and_rubric(cast: Cast, org: OrgKit) -> None:
    prompts = [{"text": "It is too expensive.", "preparation_ms": 5000, "notes": "Pause."}]
    source = await published(cast, prompts=prompts, pass_mark=0.5, model_answer={"text": "Compared with what?"})
    body = {"criteria": [{key: cast.rubric["criteria"][0][key] for key in ("skill_id", "title", "levels")}]}
    for level in body["criteria"][0]["levels"]:
        del level["id"], level["bright_spot_id"]
    versions = f"/v1/rubrics/{cast.rubric['id']}/versions"
    assert (await cast.enablement.client.post(versions, json=body)).status_code == 201
    series = await make_series(cast, source, due_after_h=24 * 7)
    await age(org, series, 1.5)
    challenge = await post(org, series)
    assert challenge is not None
    made = (await cast.manager.client.get(f"/v1/challenges/{challenge.id}")).json()
    assert (made["state"], made["rubric_version_id"]) == ("published", source["rubric_version_id"])
    assert made["rubric"]["version"] == 1
    own = {"id"}
    assert [{k: v for k, v in p.items() if k not in own} for p in made["prompts"]] == [
        {k: v for k, v in p.items() if k not in own} for p in source["prompts"]
    ]
    assert (made["pass_mark"], made["model_answer"]["text"]) == (0.5, "Compared with what?")
    [copy] = [one for one in await inbox(cast.rep) if one["challenge"]["id"] == made["id"]]
    assert timedelta(days=6) < instant(copy["due_at"]) - now() < timedelta(days=7)


async def test_what_was_posted_is_not_posted_again(cast: Cast, org: OrgKit) -> None:
    series = await make_series(cast, await published(cast))
    await age(org, series, 1.5)
    made = await asyncio.gather(*(post(org, series) for _ in range(3)))
    assert len([one for one in made if one is not None]) == 1
    assert [one["number"] for one in await posted(cast.manager, series)] == [1]
    found = await get_series(cast.manager, series)
    assert (found["posted"], instant(found["next_at"]) > now()) == (1, True)


async def test_what_is_posted_is_reviewed_by_those_who_were_named(cast: Cast, org: OrgKit) -> None:
    source = await published(cast)
    named = {"person_ids": [str(cast.manager.id)]}
    url = f"/v1/challenges/{source['id']}/reviewers"
    assert (await cast.manager.client.put(url, json=named)).status_code == 200
    series = await make_series(cast, source)
    await age(org, series, 1.5)
    challenge = await post(org, series)
    assert challenge is not None
    assert challenge.reviewer_ids == [cast.manager.id]


async def test_each_time_has_its_number(cast: Cast, org: OrgKit) -> None:
    series = await make_series(cast, await published(cast))
    for days in (1.5, 7, 7):
        await age(org, series, days)
        assert await post(org, series) is not None
    items = await posted(cast.manager, series)
    assert [one["number"] for one in items] == [3, 2, 1]
    assert {one["state"] for one in items} == {"published"}
    assert len(await inbox(cast.rep)) == 4


async def test_after_a_long_halt_the_last_one_is_posted_and_no_other(cast: Cast, org: OrgKit) -> None:
    series = await make_series(cast, await published(cast))
    await age(org, series, 1.5 + 21)
    assert await post(org, series) is not None
    assert len(await posted(cast.manager, series)) == 1
    assert (await events(org, series))[-1] == "series.skipped"
    assert instant((await get_series(cast.manager, series))["next_at"]) - now() < timedelta(days=7)


async def test_what_would_be_overdue_is_left_out(cast: Cast, org: OrgKit) -> None:
    series = await make_series(cast, await published(cast), due_after_h=1)
    await age(org, series, 4)
    assert await post(org, series) is None
    assert (await posted(cast.manager, series), (await get_series(cast.manager, series))["state"]) == ([], "active")


async def test_who_joins_is_asked_from_then_on_and_who_left_no_more(cast: Cast, org: OrgKit) -> None:
    series = await make_series(cast, await published(cast))
    joiner = await cast.another_rep()
    await leave(org, cast.rep, left=False)
    await age(org, series, 1.5)
    await post(org, series)
    assert (len(await inbox(joiner)), len(await inbox(cast.rep))) == (1, 1)


async def test_a_series_ends_with_its_last_one(cast: Cast, org: OrgKit) -> None:
    series = await make_series(cast, await published(cast), until_local=in_days(7))
    assert len(series["upcoming"]) == 1
    async with org.database.tenant(org.id) as session:
        row = await session.get_one(Series, (org.id, UUID(series["id"])))
        row.first_local -= timedelta(days=2)
        row.until_local = row.first_local + timedelta(days=5)
        row.next_at = now() - timedelta(minutes=1)
    assert await post(org, series) is not None
    found = await get_series(cast.manager, series)
    assert (found["state"], found["next_at"], found["upcoming"]) == ("ended", None, [])
    assert (await act(cast.manager, series, "resume"))[0] == 409


async def test_a_series_whose_person_lost_the_team_is_paused_and_taken_over(cast: Cast, org: OrgKit) -> None:
    series = await make_series(cast, await published(cast))
    await leave(org, cast.manager, left=False)
    await age(org, series, 1.5)
    assert await post(org, series) is None
    paused = await get_series(cast.enablement, series)
    assert (paused["state"], paused["paused_because"], paused["next_at"]) == ("paused", "responsible", None)
    assert (await act(cast.manager, series, "resume"))[0] == 403
    status, resumed = await act(cast.enablement, series, "resume")
    assert (status, resumed["state"], resumed["responsible"]["id"]) == (200, "active", str(cast.enablement.id))
    await age(org, series, 7)
    assert await post(org, series) is not None


async def test_what_passed_in_a_pause_is_left_out(cast: Cast, org: OrgKit) -> None:
    series = await make_series(cast, await published(cast))
    for _ in range(2):
        assert (await act(cast.manager, series, "pause"))[0] == 200
    await age(org, series, 8.5)
    assert await post(org, series) is None
    for _ in range(2):
        status, resumed = await act(cast.manager, series, "resume")
    assert (status, instant(resumed["next_at"]) > now()) == (200, True)
    assert await post(org, series) is None


async def test_an_ended_series_stays_ended(cast: Cast) -> None:
    series = await make_series(cast, await published(cast))
    for _ in range(2):
        status, ended = await act(cast.manager, series, "end")
        assert (status, ended["state"], ended["next_at"]) == (200, "ended", None)
    for verb in ("pause", "resume"):
        status, problem = await act(cast.manager, series, verb)
        assert (status, problem["state"]) == (409, "ended")
    assert (await change(cast.manager, ended, every=2))[0] == 409


async def test_another_rhythm_counts_from_what_comes_next(cast: Cast) -> None:
    series = await make_series(cast, await published(cast))
    status, changed = await change(cast.manager, series, every=4, due_after_h=48, title="Again")
    assert (status, changed["next_at"], changed["title"]) == (200, series["next_at"], "Again")
    [one, two] = [instant(at) for at in changed["upcoming"][:2]]
    assert two - one == timedelta(weeks=4)
    status, problem = await change(cast.manager, series, every=1)
    assert (status, problem["current"]["every"]) == (412, 4)


async def test_who_names_another_audience_answers_for_it(cast: Cast, org: OrgKit) -> None:
    series, south = await make_series(cast, await published(cast)), await org.team("South")
    assert (await change(cast.manager, series, audience=to_teams(south)))[0] == 403
    status, changed = await change(cast.enablement, series, audience=to_teams(south))
    assert (status, changed["responsible"]["id"]) == (200, str(cast.enablement.id))
    assert changed["audience"]["team_ids"] == [str(south)]


async def test_another_zone_of_the_organization_moves_what_comes(cast: Cast, org: OrgKit) -> None:
    series = await make_series(cast, await published(cast), first_local=in_days(40))
    admin = await org.person(org_role="admin")
    settings = await admin.client.patch("/v1/org", json={"time_zone": "Asia/Tokyo"}, headers={"if-match": "*"})
    assert settings.status_code == 200, settings.text
    moved = await get_series(cast.manager, series)
    assert instant(series["next_at"]) - instant(moved["next_at"]) == timedelta(hours=9)
    assert moved["upcoming"][0] == moved["next_at"]


@pytest.mark.parametrize(
    ("values", "pointer"),
    [
        ({"first_local": "2020-01-01T09:00:00"}, "/first_local"),
        ({"first_local": "2031-02-30T09:00:00"}, "/first_local"),
        ({"every": 0}, "/every"),
        ({"unit": "day"}, "/unit"),
        ({"challenge_id": str(new_id())}, "/challenge_id"),
    ],
)
async def test_what_a_series_cannot_be(cast: Cast, values: Body, pointer: str) -> None:
    body = {"challenge_id": (await published(cast))["id"], "unit": "week", "first_local": in_days(1), **values}
    answer = await cast.manager.client.post("/v1/series", json=body)
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, pointer)


async def test_a_series_that_would_post_nothing_is_refused(cast: Cast) -> None:
    body = {"challenge_id": (await published(cast))["id"], "unit": "week", "first_local": in_days(9)}
    answer = await cast.manager.client.post("/v1/series", json=body | {"until_local": in_days(8)})
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/until_local")


async def test_a_draft_has_no_version_to_keep_to(cast: Cast) -> None:
    body = {"challenge_id": (await drafted(cast))["id"], "unit": "week", "first_local": in_days(1)}
    answer = await cast.manager.client.post("/v1/series", json=body)
    assert (answer.status_code, answer.json()["state"]) == (409, "draft")


async def test_the_same_id_again_is_the_same_series(cast: Cast) -> None:
    body = {"id": str(new_id()), "challenge_id": (await published(cast))["id"], "unit": "month"}
    answers = [
        await cast.manager.client.post("/v1/series", json=body | {"first_local": in_days(days)}) for days in (1, 2)
    ]
    assert [one.status_code for one in answers] == [201, 200]
    assert answers[0].json() == answers[1].json()


async def test_a_series_is_seen_by_those_who_run_it(cast: Cast, org: OrgKit, make_org: Callable[..., Any]) -> None:
    series = await make_series(cast, await published(cast))
    other = await org.person()
    await org.member(await org.team("South"), other, "manager")
    stranger = await (await make_org()).person(org_role="enablement")
    url = f"/v1/series/{series['id']}"
    people = (cast.manager, cast.enablement, cast.rep, other, stranger)
    assert [(await who.client.get(url)).status_code for who in people] == [200, 200, 404, 404, 404]
    listed = [[one["id"] for one in (await who.client.get("/v1/series")).json()["items"]] for who in people]
    assert listed == [[series["id"]], [series["id"]], [], [], []]
    body = {"challenge_id": series["challenge_id"], "unit": "week", "first_local": in_days(1)}
    assert (await cast.rep.client.post("/v1/series", json=body)).status_code == 403


async def test_what_happens_to_a_series_is_told(cast: Cast, org: OrgKit) -> None:
    series = await make_series(cast, await published(cast))
    await age(org, series, 1.5)
    await post(org, series)
    await act(cast.manager, series, "pause")
    assert await events(org, series) == ["series.active", "series.posted", "series.paused"]


async def test_times_are_of_the_organizations_zone(make_org: Callable[..., Any]) -> None:
    cast = await make_cast(await make_org(time_zone="America/New_York"))
    series = await make_series(
        cast, await published(cast), first_local="2031-01-06T09:00:00", until_local="2031-12-31T09:00:00"
    )
    assert instant(series["next_at"]) == datetime.fromisoformat("2031-01-06T14:00:00+00:00")
