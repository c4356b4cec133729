"""The starter library, own templates and clones."""

import asyncio
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import func, select

from api.library.starting import Starter, library
from models.asset import Asset
from models.event import Event
from models.ids import new_id
from models.rubric import Rubric
from models.rubric_rules import first_not_rising
from models.skill import Skill
from tests.factories.challenges import (
    Body,
    Cast,
    act,
    changed,
    drafted,
    get_challenge,
    make_cast,
    published,
    to_teams,
)
from tests.factories.people import OrgKit, Somebody

STARTERS = {one.key: one for one in library().starters}
# What the two of a copy do not share, whatever else they say.
OF_ITS_OWN = {
    *("id", "created_at", "created_by", "published_at", "state", "version", "audience", "counts", "rubric_version_id"),
    *("opens_at", "due_at", "due_local", "rubric"),
}
RICH: Body = {
    "brief": "Say it in a minute.",
    "kind": "objection_play",
    "prompts": [
        {"text": "Too expensive.", "max_duration_ms": 60_000, "preparation_ms": 5000, "notes": "Pause first."},
        {"text": "Still too expensive.", "audio_allowed": True},
    ],
    "max_takes": 3,
    "pass_mark": 0.6,
    "practice": "none",
    "late": "refused",
    "model_answer": {"text": "Compared with what?"},
}


async def templates(who: Somebody, **query: Any) -> list[Body]:
    answer = await who.client.get("/v1/templates", params=query)
    assert answer.status_code == 200, answer.text
    items: list[Body] = answer.json()["items"]
    return items


async def use(who: Somebody, template_id: object, **body: Any) -> Body:
    answer = await who.client.post(f"/v1/templates/{template_id}/use", json=body)
    assert answer.status_code == 201, answer.text
    challenge: Body = answer.json()
    return challenge


async def kept(who: Somebody, challenge: Body, **body: Any) -> Body:
    answer = await who.client.post("/v1/templates", json={"challenge_id": challenge["id"], **body})
    assert answer.status_code == 201, answer.text
    template: Body = answer.json()
    return template


def said(challenge: Body) -> Body:
    """Return what a challenge asks, without what is its own."""
    prompts = [{key: value for key, value in prompt.items() if key != "id"} for prompt in challenge["prompts"]]
    return {key: value for key, value in challenge.items() if key not in OF_ITS_OWN} | {"prompts": prompts}


async def count(org: OrgKit, model: Any) -> int:
    async with org.database.tenant(org.id) as session:
        return await session.scalar(select(func.count()).select_from(model).where(model.org_id == org.id)) or 0


@pytest.fixture
async def cast(org: OrgKit) -> Cast:
    return await make_cast(org)


def test_the_library_has_what_it_promises() -> None:
    kinds = [one.kind for one in library().starters]
    assert kinds.count("objection_play") == 5
    assert {"positioning", "discovery", "value_story", "product_description", "anecdote"} <= set(kinds)
    assert "drop-and-prop" in STARTERS
    assert len({one.id for one in library().starters}) == len(kinds)


@pytest.mark.parametrize("key", sorted(library().rubrics))
def test_each_rubric_of_the_library_tells_its_levels_apart(key: str) -> None:
    rubric = library().rubrics[key]
    assert [one for one in rubric.criteria if one.skill not in library().skills] == []
    assert len({one.key for one in rubric.criteria}) == len(rubric.criteria) >= 4
    assert sum(one.must_pass for one in rubric.criteria) <= 1
    for one in rubric.criteria:
        assert first_not_rising([level.points for level in one.levels]) is None
        anchors = [level.anchor for level in one.levels]
        assert 4 <= len(set(anchors)) == len(anchors) <= 5
        assert all(anchor.endswith((".", "?")) for anchor in anchors)


@pytest.mark.parametrize("starter", library().starters, ids=lambda starter: starter.key)
async def test_each_starter_can_be_given_to_a_team(cast: Cast, starter: Starter) -> None:
    challenge = await use(cast.manager, starter.id, audience=to_teams(cast.team_id))
    assert (challenge["state"], challenge["title"], challenge["kind"]) == ("draft", starter.title, starter.kind)
    given = await act(cast.manager, challenge, "publish")
    assert given.status_code == 200, given.text
    [copy] = (await cast.rep.client.get("/v1/me/assignments")).json()["items"]
    assert copy["challenge"]["id"] == challenge["id"]


async def test_a_starter_says_all_it_has_and_brings_its_rubric(cast: Cast) -> None:
    starter = STARTERS["objection-price"]
    url = f"/v1/templates/{starter.id}"
    before = (await cast.manager.client.get(url)).json()
    assert (before["origin"], before["key"], before["rubric"]["id"]) == ("starter", "objection-price", None)
    challenge = await use(cast.manager, starter.id)
    asked = [(one.text, one.max_duration_ms, one.preparation_ms) for one in starter.prompts]
    for shown in (before, challenge):
        assert [(p["text"], p["max_duration_ms"], p["preparation_ms"]) for p in shown["prompts"]] == asked
        assert (shown["max_takes"], shown["pass_mark"], shown["brief"]) == (3, 0.6, starter.brief)
    after = (await cast.manager.client.get(url)).json()
    assert after["rubric"]["id"] == challenge["rubric_id"]
    assert after["rubric"]["criteria"] == before["rubric"]["criteria"]


async def test_a_timed_starter_has_one_take_and_no_practice(cast: Cast) -> None:
    challenge = await use(cast.enablement, STARTERS["drop-and-prop"].id)
    assert (challenge["max_takes"], challenge["practice"], challenge["timed"] is not None) == (1, "none", True)


async def test_rubric_and_skills_are_made_once_for_an_organization(cast: Cast) -> None:
    before = await count(cast.org, Rubric)
    plays = [await use(cast.manager, STARTERS[key].id) for key in ("objection-price", "objection-boss")]
    skills = await count(cast.org, Skill)
    again = await use(cast.enablement, STARTERS["objection-price"].id)
    assert len({one["rubric_id"] for one in (*plays, again)}) == 1
    assert (await count(cast.org, Rubric), await count(cast.org, Skill)) == (before + 1, skills)


async def test_two_who_use_a_starter_at_once_share_its_rubric(cast: Cast) -> None:
    made = await asyncio.gather(*(use(cast.manager, STARTERS["discovery"].id) for _ in range(3)))
    assert len({one["rubric_id"] for one in made}) == 1


async def test_a_skill_of_the_same_name_is_taken_for_the_same(cast: Cast) -> None:
    skill = await cast.enablement.client.post("/v1/skills", json={"name": "STORYTELLING"})
    challenge = await use(cast.manager, STARTERS["anecdote"].id)
    rubric = (await cast.manager.client.get(f"/v1/rubrics/{challenge['rubric_id']}")).json()
    assert skill.json()["id"] in {one["skill_id"] for one in rubric["criteria"]}


async def test_the_edited_rubric_is_the_one_that_is_used_next(cast: Cast) -> None:
    starter = STARTERS["anecdote"]
    first = await use(cast.manager, starter.id)
    rubric = (await cast.manager.client.get(f"/v1/rubrics/{first['rubric_id']}")).json()
    criterion = {key: rubric["criteria"][0][key] for key in ("key", "skill_id", "title")}
    levels = [{"points": points, "label": f"{points}", "anchor": "."} for points in (0, 1)]
    body = {"criteria": [criterion | {"levels": levels}]}
    assert (await cast.manager.client.post(f"/v1/rubrics/{rubric['id']}/versions", json=body)).status_code == 201
    second = await use(cast.manager, starter.id)
    assert (second["rubric_id"], second["rubric"]["version"]) == (rubric["id"], 2)
    shown = (await cast.manager.client.get(f"/v1/templates/{starter.id}")).json()
    assert [one["key"] for one in shown["rubric"]["criteria"]] == [criterion["key"]]


async def test_the_same_id_again_is_the_same_draft(cast: Cast) -> None:
    body = {"id": str(new_id())}
    url = f"/v1/templates/{STARTERS['positioning'].id}/use"
    answers = [await cast.manager.client.post(url, json=body) for _ in range(2)]
    assert [one.status_code for one in answers] == [201, 200]
    assert answers[0].json() == answers[1].json()


async def test_a_template_keeps_everything_a_challenge_asks(cast: Cast) -> None:
    source = await published(cast, **RICH)
    template = await kept(cast.manager, source, summary="For the end of the quarter.")
    assert (template["title"], template["summary"]) == (source["title"], "For the end of the quarter.")
    made = await use(cast.enablement, template["id"])
    assert said(made) == said(source)
    assert (made["created_by"], made["state"], made["due_at"]) == (str(cast.enablement.id), "draft", None)
    assert (made["audience"]["team_ids"], made["rubric_id"]) == ([], source["rubric_id"])


async def test_files_come_with_it(cast: Cast, org: OrgKit) -> None:
    async with org.database.tenant(org.id) as session:
        files = [Asset(org_id=org.id, owner_id=cast.manager.id, purpose="attachment", state="ready") for _ in range(2)]
        session.add_all(files)
    attachments = [{"asset_id": str(file.id), "title": title} for file, title in zip(files, "ab", strict=True)]
    template = await kept(cast.manager, await drafted(cast, attachments=attachments))
    assert template["attachments"] == attachments
    made = await use(cast.enablement, template["id"])
    assert [(one["asset_id"], one["title"]) for one in made["attachments"]] == [
        (one["asset_id"], one["title"]) for one in attachments
    ]
    for file in files:
        assert (await cast.enablement.client.get(f"/v1/assets/{file.id}")).status_code == 200


async def test_a_clone_asks_the_same_of_nobody_yet(cast: Cast) -> None:
    source = await published(cast, **RICH)
    answer = await cast.manager.client.post(f"/v1/challenges/{source['id']}/clone", json={"title": "Once more"})
    made = answer.json()
    assert (answer.status_code, made["title"], made["rubric_version_id"]) == (201, "Once more", None)
    assert said(made) == said(source) | {"title": "Once more"}
    assert (await act(cast.manager, made, "publish")).status_code == 200


async def test_who_was_named_to_review_is_not_copied(cast: Cast) -> None:
    source = await published(cast)
    named = {"person_ids": [str(cast.manager.id)]}
    url = f"/v1/challenges/{source['id']}/reviewers"
    assert (await cast.manager.client.put(url, json=named)).status_code == 200
    clone = await cast.manager.client.post(f"/v1/challenges/{source['id']}/clone", json={})
    assert clone.status_code == 201, clone.text
    made = await use(cast.manager, (await kept(cast.manager, source))["id"])
    for one in (clone.json(), made):
        shown = await cast.manager.client.get(f"/v1/challenges/{one['id']}/reviewers")
        assert shown.json()["items"] == []


async def test_what_was_made_of_a_challenge_does_not_follow_it(cast: Cast) -> None:
    source = await drafted(cast)
    template = await kept(cast.manager, source)
    await changed(cast.manager, source, prompts=[{"text": "Something else."}])
    assert (await use(cast.manager, template["id"]))["prompts"][0]["text"] == "Open the conversation."
    url = f"/v1/templates/{template['id']}"
    renewed = await cast.manager.client.patch(url, json={"challenge_id": source["id"]}, headers={"if-match": '"1"'})
    assert (renewed.status_code, renewed.json()["prompts"][0]["text"]) == (200, "Something else.")


async def test_a_video_of_a_template_is_seen_by_those_who_use_it(cast: Cast, org: OrgKit) -> None:
    async with org.database.tenant(org.id) as session:
        video = Asset(org_id=org.id, owner_id=cast.manager.id, purpose="prompt", state="ready")
        session.add(video)
    source = await drafted(cast, prompts=[{"asset_id": str(video.id)}])
    template = await kept(cast.manager, source)
    other = await org.person("Olga Other")
    await org.member(await org.team("South"), other, "manager")
    people = (other, cast.rep)
    assert [(await who.client.get(f"/v1/assets/{video.id}")).status_code for who in people] == [200, 404]
    made = await use(other, template["id"])
    assert made["prompts"][0]["asset_id"] == str(video.id)
    edited = await changed(other, made, prompts=[{"asset_id": str(video.id), "text": "Watch this."}])
    assert edited["prompts"][0]["text"] == "Watch this."
    await cast.manager.client.delete(f"/v1/templates/{template['id']}")
    assert (await other.client.get(f"/v1/assets/{video.id}")).status_code == 200  # of their own draft


async def test_templates_are_shared_by_those_who_make_challenges(cast: Cast, org: OrgKit) -> None:
    template = await kept(cast.manager, await drafted(cast))
    admin, other = await org.person(org_role="admin"), await org.person()
    await org.member(await org.team("South"), other, "manager")
    url = f"/v1/templates/{template['id']}"
    people = (cast.manager, other, cast.enablement, cast.rep, admin)
    assert [(await who.client.get(url)).status_code for who in people] == [200, 200, 200, 404, 404]
    assert [(await who.client.get("/v1/templates")).status_code for who in people] == [200, 200, 200, 403, 403]
    starter = f"/v1/templates/{STARTERS['discovery'].id}"
    assert [(await who.client.get(starter)).status_code for who in people] == [200, 200, 200, 403, 403]
    edits = [await who.client.patch(url, json={"title": "Mine"}, headers={"if-match": "*"}) for who in people[:3]]
    assert [one.status_code for one in edits] == [200, 403, 200]


async def test_a_starter_stays_as_it_is(cast: Cast) -> None:
    url = f"/v1/templates/{STARTERS['discovery'].id}"
    assert (await cast.enablement.client.patch(url, json={"title": "X"}, headers={"if-match": "*"})).status_code == 403
    assert (await cast.enablement.client.delete(url)).status_code == 403


async def test_a_template_that_was_put_away_is_gone_and_what_was_made_of_it_stays(cast: Cast) -> None:
    template = await kept(cast.manager, await drafted(cast))
    made = await use(cast.manager, template["id"])
    url = f"/v1/templates/{template['id']}"
    assert [(await cast.manager.client.delete(url)).status_code for _ in range(2)] == [204, 404]
    assert await templates(cast.manager, origin="own") == []
    assert (await get_challenge(cast.manager, made)).status_code == 200


async def test_two_who_edit_a_template_do_not_overwrite_each_other(cast: Cast) -> None:
    template = await kept(cast.manager, await drafted(cast))
    url, headers = f"/v1/templates/{template['id']}", {"if-match": '"1"'}
    assert (await cast.manager.client.patch(url, json={"title": "One"}, headers=headers)).status_code == 200
    late = await cast.enablement.client.patch(url, json={"title": "Two"}, headers=headers)
    assert (late.status_code, late.json()["current"]["title"]) == (412, "One")
    assert (await cast.manager.client.patch(url, json={"title": "Three"})).status_code == 428


async def test_starters_come_first_and_pages_do_not_repeat(cast: Cast) -> None:
    for title in ("First", "Second", "Third"):
        await kept(cast.manager, await drafted(cast), title=title)
    found: list[Body] = []
    cursor: str | None = None
    while cursor is not None or not found:
        query = {"limit": 4} | ({"cursor": cursor} if cursor else {})
        body = (await cast.manager.client.get("/v1/templates", params=query)).json()
        found, cursor = found + body["items"], body["next_cursor"]
    titles = [one.title for one in library().starters]
    assert [one["title"] for one in found] == [*titles, "Third", "Second", "First"]
    assert {one["kind"] for one in await templates(cast.manager, kind="anecdote")} == {"anecdote"}
    assert len(await templates(cast.manager, origin="starter")) == len(titles)


async def test_what_is_kept_from_somebody_cannot_be_copied_by_them(cast: Cast, org: OrgKit) -> None:
    """A manager who is asked as a rep would read the prompts of a timed challenge, and its model answer."""
    south = await org.team("South")
    await org.member(south, cast.rep, "manager")
    challenge = await published(
        cast, model_answer={"text": "Like this."}, timed={}, prompts=[{"text": "Go", "max_duration_ms": 60_000}]
    )
    clone = await cast.rep.client.post(f"/v1/challenges/{challenge['id']}/clone", json={})
    keep = await cast.rep.client.post("/v1/templates", json={"challenge_id": challenge["id"]})
    assert (clone.status_code, keep.status_code) == (403, 403)


async def test_an_audience_that_one_does_not_manage_is_refused(cast: Cast, org: OrgKit) -> None:
    body = {"audience": to_teams(await org.team("South"))}
    answer = await cast.manager.client.post(f"/v1/templates/{STARTERS['anecdote'].id}/use", json=body)
    assert (answer.status_code, answer.json()["type"]) == (403, "/problems/audience-not-managed")
    assert await count(org, Skill) == 1  # of the rubric that was there: nothing came with the starter


async def test_another_organization_sees_no_template(cast: Cast, make_org: Callable[..., Any]) -> None:
    template = await kept(cast.manager, await drafted(cast))
    stranger = await (await make_org()).person(org_role="enablement")
    assert (await stranger.client.get(f"/v1/templates/{template['id']}")).status_code == 404
    assert await templates(stranger, origin="own") == []


async def test_each_change_of_a_template_is_an_event(cast: Cast, org: OrgKit) -> None:
    template = await kept(cast.manager, await drafted(cast))
    url = f"/v1/templates/{template['id']}"
    await cast.manager.client.patch(url, json={"title": "New"}, headers={"if-match": "*"})
    await cast.manager.client.delete(url)
    query = select(Event.name).where(Event.org_id == org.id, Event.subject_id == UUID(template["id"]))
    async with org.database.tenant(org.id) as session:
        names = list(await session.scalars(query.order_by(Event.at, Event.id)))
    assert names == ["template.created", "template.changed", "template.deleted"]
