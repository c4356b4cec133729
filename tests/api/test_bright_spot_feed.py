"""The feed of bright spots: newest first, filtered, searched by rank, and only what one may see."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import update

from models.base import now
from models.bright_spot import BrightSpot
from tests.factories.accounts import answered
from tests.factories.bright_spots import act, another_challenge, consent, made, published, seen, shared_story
from tests.factories.people import OrgKit, Somebody
from tests.factories.queries import counted
from tests.factories.takes import Story, fresh, make_skill, make_take

Body = dict[str, Any]


async def listed(who: Somebody, **query: Any) -> list[str]:
    """Return the titles of all pages, two a page."""
    titles: list[str] = []
    cursor = None
    while True:
        params = {**query, "limit": 2, **({"cursor": cursor} if cursor else {})}
        page = answered(await who.client.get("/v1/bright-spots", params=params))
        titles += [item["title"] for item in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            return titles
        assert len(page["items"]) == 2


async def feed(org: OrgKit, *titles: str, **values: Any) -> Story:
    """Publish one of each title for everyone, in this order."""
    story, take_id = await shared_story(org)
    for title in titles:
        await published(story.manager, story, take_id, **{"title": title, "audience": {"everyone": True}, **values})
    return story


async def published_at_once(org: OrgKit) -> None:
    async with org.database.tenant(org.id) as session:
        await session.execute(update(BrightSpot).where(BrightSpot.org_id == org.id).values(published_at=now()))


async def test_the_newest_come_first_over_all_pages(org: OrgKit) -> None:
    await feed(org, "One", "Two", "Three", "Four", "Five")
    assert await listed(await org.person()) == ["Five", "Four", "Three", "Two", "One"]


async def test_those_of_the_same_instant_come_once_each(org: OrgKit) -> None:
    await feed(org, "One", "Two", "Three", "Four", "Five")
    await published_at_once(org)
    assert sorted(await listed(await org.person())) == ["Five", "Four", "One", "Three", "Two"]


async def test_one_that_is_published_while_paging_shifts_nothing(org: OrgKit) -> None:
    story = await feed(org, "One", "Two", "Three")
    reader = await org.person()
    first = answered(await reader.client.get("/v1/bright-spots", params={"limit": 2}))
    await published(story.manager, story, await make_take(story, number=2), title="Four", audience={"everyone": True})
    query = {"limit": 2, "cursor": first["next_cursor"]}
    rest = answered(await reader.client.get("/v1/bright-spots", params=query))
    assert [item["title"] for item in first["items"] + rest["items"]] == ["Three", "Two", "One"]


async def test_only_the_audience_sees_what_is_published(org: OrgKit) -> None:
    story, take_id = await shared_story(org)
    region = await org.team("Region")
    below, peer, outsider, named = [await org.person(name) for name in ("Below", "Peer", "Outsider", "Named")]
    enablement, admin = await org.person("Eve", "enablement"), await org.person("Ada", "admin")
    await org.member(await org.team("South", region), below)
    await org.member(story.team_id, peer)
    team, top = str(story.team_id), str(region)
    for title, audience in (
        ("team", {"team_ids": [team]}),
        ("region alone", {"team_ids": [top]}),
        ("region and below", {"team_ids": [top], "include_subteams": True}),
        ("named", {"person_ids": [str(named.id)]}),
        ("everyone", {"everyone": True}),
        ("nobody", {}),
    ):
        await published(story.manager, story, take_id, title=title, audience=audience)
    found = {who.name: sorted(await listed(who)) for who in (below, peer, outsider, named, admin)}
    assert found == {
        "Below": ["everyone", "region and below"],
        "Peer": ["everyone", "team"],
        "Outsider": ["everyone"],
        "Named": ["everyone", "named"],
        "Ada": ["everyone"],
    }
    assert [len(await listed(who)) for who in (enablement, story.manager, story.rep)] == [6, 6, 6]


async def test_who_leaves_the_team_of_an_audience_sees_it_no_more(org: OrgKit) -> None:
    story, take_id = await shared_story(org)
    spot = await published(story.manager, story, take_id)
    peer, admin = await org.person("Peer"), await org.person("Ada", "admin")
    url = f"/v1/teams/{story.team_id}/members/{peer.id}"
    await admin.client.put(url, json={"role": "rep"})
    before = await seen(peer, spot)
    await admin.client.delete(url)
    assert (before, await seen(peer, spot)) == (True, False)


async def test_the_feed_holds_what_is_published_only(org: OrgKit) -> None:
    story, take_id = await shared_story(org)
    waiting = await made(story.manager, story, take_id, title="waiting")
    await published(story.manager, story, take_id, title="out")
    archived = await published(story.manager, story, take_id, title="archived")
    await act(story.manager, archived, "archive")
    revoked = await published(story.manager, story, take_id, title="revoked")
    await consent(story.rep, revoked, granted=False)
    ready = await made(story.rep, story, take_id, title="ready")
    for who in (story.manager, story.rep):
        assert await listed(who) == ["out"]
    assert [await seen(story.rep, spot) for spot in (waiting, archived, revoked, ready)] == [True] * 4


async def test_mine_are_what_i_made_and_what_shows_me_in_any_state(org: OrgKit) -> None:
    story, take_id = await shared_story(org)
    await published(story.manager, story, take_id, title="published of me")
    await made(story.manager, story, take_id, title="waiting for me")
    await made(story.rep, story, take_id, title="made by me")
    mine = ["made by me", "waiting for me", "published of me"]
    assert await listed(story.rep, mine=True) == mine
    assert await listed(story.manager, mine=True) == mine[1:]
    assert await listed(await org.person("Eve", "enablement"), mine=True) == []


async def test_it_is_filtered_by_skill_kind_and_tag_and_all_of_them(org: OrgKit) -> None:
    skill, other = str(await make_skill(org, "Openings")), str(await make_skill(org, "Closings"))
    everyone = {"audience": {"everyone": True}}
    story, take_id = await shared_story(org)
    await published(story.manager, story, take_id, title="A", skill_ids=[skill], tags=["Hook", "opening"], **everyone)
    await published(story.manager, story, take_id, title="B", skill_ids=[skill, other], tags=["close"], **everyone)
    anecdote = await another_challenge(story, kind="anecdote")
    await published(anecdote.manager, anecdote, await make_take(anecdote), title="C", tags=["hook"], **everyone)
    reader = await org.person()
    assert await listed(reader, skill_id=skill) == ["B", "A"]
    assert await listed(reader, skill_id=other) == ["B"]
    assert await listed(reader, kind="anecdote") == ["C"]
    assert await listed(reader, tag=" HOOK ") == ["C", "A"]
    assert await listed(reader, tag="hook", skill_id=skill) == ["A"]
    assert await listed(reader, tag="hook", kind="anecdote", skill_id=skill) == []
    assert await listed(reader, skill_id=fresh()) == []


async def test_words_are_found_in_title_and_reason_those_of_the_title_first(org: OrgKit) -> None:
    story, take_id = await shared_story(org)
    everyone = {"audience": {"everyone": True}}
    await published(story.manager, story, take_id, title="Opens with silence", **everyone)
    await published(story.manager, story, take_id, title="Closes", why_it_works="Lets silence work", **everyone)
    await published(story.manager, story, take_id, title="Asks twice", why_it_works="Asks again", **everyone)
    reader = await org.person()
    assert await listed(reader, q="SILENCE") == ["Opens with silence", "Closes"]
    assert await listed(reader, q="silence -closes") == ["Opens with silence"]
    assert await listed(reader, q='"silence work"') == ["Closes"]
    assert await listed(reader, q="silence or twice") == ["Asks twice", "Opens with silence", "Closes"]
    assert await listed(reader, q="nobody said this") == []


@pytest.mark.parametrize(
    "q", ["value", "first", "don't", "don’t", "opening", "“opening”", "objection", "“nice opening”"]
)
async def test_a_word_is_found_beside_the_punctuation_that_phones_type(org: OrgKit, q: str) -> None:
    story = await feed(org, "Nice “opening”… don’t discount—“value” first: «objection»")
    assert len(await listed(story.manager, q=q)) == 1


async def test_those_of_the_same_rank_come_once_each_over_all_pages(org: OrgKit) -> None:
    await feed(org, "Silence one", "Silence two", "Silence three", "Silence four", "Silence five")
    found = await listed(await org.person(), q="silence")
    assert (len(found), len(set(found))) == (5, 5)


async def test_ranks_differ_over_pages_and_nothing_is_lost(org: OrgKit) -> None:
    await feed(org, "silence", "silence silence", "silence silence silence", "silence and much else of no use")
    found = await listed(await org.person(), q="silence")
    assert sorted(found) == sorted(set(found))
    assert (len(found), found[0]) == (4, "silence silence silence")


@pytest.mark.parametrize("q", ["-", '"', "!!", "a:*", "' OR 1=1 --", "(((", "&|!", "\\"])
async def test_any_words_may_be_looked_for(org: OrgKit, q: str) -> None:
    await feed(org, "Silence")
    answered(await (await org.person()).client.get("/v1/bright-spots", params={"q": q}))


async def test_words_of_blanks_are_no_search(org: OrgKit) -> None:
    await feed(org, "One", "Two")
    assert await listed(await org.person(), q="  ") == ["Two", "One"]


async def test_a_search_shows_what_one_may_see_only(org: OrgKit) -> None:
    story, take_id = await shared_story(org)
    await published(story.manager, story, take_id, title="Silence of the team")
    await made(story.manager, story, take_id, title="Silence that waits")
    outsider = await org.person()
    assert await listed(story.rep, q="silence") == ["Silence of the team"]
    assert await listed(story.rep, q="silence", mine=True) != []
    assert await listed(outsider, q="silence") == []


async def test_a_search_crosses_no_organization(make_org: Callable[..., Any]) -> None:
    here, there = await make_org(), await make_org()
    await feed(here, "Silence here")
    await feed(there, "Silence there")
    reader = await there.person("Eve", "enablement")
    assert await listed(reader, q="silence") == ["Silence there"]
    assert await listed(reader) == ["Silence there"]


async def test_a_search_is_filtered_too(org: OrgKit) -> None:
    story, take_id = await shared_story(org)
    for title, tags in (("Silence one", ["hook"]), ("Silence two", ["close"])):
        await published(story.manager, story, take_id, title=title, tags=tags)
    assert await listed(story.rep, q="silence", tag="hook") == ["Silence one"]


async def test_a_cursor_of_the_feed_is_none_of_a_search(org: OrgKit) -> None:
    await feed(org, "Silence one", "Silence two", "Silence three")
    reader = await org.person()
    page = answered(await reader.client.get("/v1/bright-spots", params={"limit": 1}))
    params = {"q": "silence", "limit": 1, "cursor": page["next_cursor"]}
    answer = await reader.client.get("/v1/bright-spots", params=params)
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "#query/cursor")


async def test_an_old_one_published_again_is_new(org: OrgKit) -> None:
    story, take_id = await shared_story(org)
    old = await published(story.manager, story, take_id, title="old")
    await published(story.manager, story, take_id, title="new")
    async with org.database.tenant(org.id) as session:
        row = await session.get_one(BrightSpot, (org.id, UUID(old["id"])))
        row.created_at -= timedelta(days=300)
    await story.manager.client.patch(
        f"/v1/bright-spots/{old['id']}", json={"audience": {"everyone": True}}, headers={"if-match": "*"}
    )
    await consent(story.rep, old)
    answered(await act(story.manager, old, "publish"))
    assert await listed(story.rep) == ["old", "new"]


async def test_a_long_page_costs_as_many_queries_as_a_short_one(org: OrgKit) -> None:
    story, take_id = await shared_story(org)
    costs = []
    for count in (1, 3):
        for _ in range(count):
            await published(story.manager, story, take_id, tags=["hook"])
        with counted(org) as sent:
            answered(await story.rep.client.get("/v1/bright-spots"))
        costs.append(len(sent))
    assert costs[0] == costs[1] < 15
