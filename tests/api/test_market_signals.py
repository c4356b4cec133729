"""What reviewers hear of the market, rolled up without people."""

import csv
import io
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update

from api.market_signals.service import nameless
from models.base import now
from models.critique import Moment
from tests.factories.critiques import draft, publish, remark, scores, write
from tests.factories.people import OrgKit, Somebody
from tests.factories.takes import Story, make_story, make_take

URL = "/v1/market-signals"


async def marked(story: Story, take_id: object, body: str, *, days_ago: int = 0, **values: Any) -> str:
    made = await remark(story.manager, story, take_id, body=body, market_signal=True, **values)
    assert made.status_code == 201, made.text
    key = str(made.json()["id"])
    async with story.database.tenant(story.org.id) as session:
        at = {"created_at": now() - timedelta(days=days_ago)}
        await session.execute(update(Moment).where(Moment.org_id == story.org.id, Moment.id == key).values(at))
    return key


async def asked(who: Somebody, query: str = "") -> dict[str, Any]:
    answer = await who.client.get(f"{URL}{query}")
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def test_marked_remarks_are_quoted_newest_first_and_counted(org: OrgKit) -> None:
    story = await make_story(org)
    coach, take_id = await org.person(org_role="enablement"), await make_take(story)
    told = story.questions["story"]
    await marked(story, take_id, "They buy next year", days_ago=2)
    await marked(story, take_id, "They ask for a cloud of their own", criterion_id=str(told.id))
    await remark(story.manager, story, take_id, body="Not marked")
    found = await asked(coach)
    assert [one["text"] for one in found["items"]] == ["They ask for a cloud of their own", "They buy next year"]
    assert found["items"][0]["skill"]["name"] == "Storytelling"
    assert (found["total"], found["by_kind"]) == (2, [{"challenge_kind": "positioning", "count": 2}])
    assert {one["skill"] and one["skill"]["name"]: one["count"] for one in found["by_skill"]} == {
        None: 1,
        "Storytelling": 1,
    }
    assert sum(one["count"] for one in found["by_month"]) == 2


async def test_they_are_asked_for_by_time_and_skill_in_pages(org: OrgKit) -> None:
    story = await make_story(org)
    coach, take_id = await org.person(org_role="enablement"), await make_take(story)
    told = story.questions["story"]
    for days_ago in (9, 6, 3):
        await marked(story, take_id, f"{days_ago} days ago", days_ago=days_ago)
    await marked(story, take_id, "Of a skill", days_ago=1, criterion_id=str(told.id))
    at = [(now() - timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%SZ") for days in (7, 2)]
    assert [one["text"] for one in (await asked(coach, f"?since={at[0]}&until={at[1]}"))["items"]] == [
        "3 days ago",
        "6 days ago",
    ]
    found = await asked(coach, f"?skill_id={told.skill_id}")
    assert ([one["text"] for one in found["items"]], found["total"]) == (["Of a skill"], 1)
    texts, cursor = [], ""
    while cursor is not None:
        page = await asked(coach, f"?limit=3{f'&cursor={cursor}' if cursor else ''}")
        assert page["total"] == 4
        texts += [one["text"] for one in page["items"]]
        cursor = page["next_cursor"]
    assert texts == ["Of a skill", "3 days ago", "6 days ago", "9 days ago"]


async def test_neither_people_nor_teams_nor_videos_are_told(org: OrgKit) -> None:
    story = await make_story(org)
    coach, take_id = await org.person(org_role="enablement"), await make_take(story)
    key = await marked(story, take_id, "Robin's buyer told Mona: no budget before May, says Robin Rep")
    answer = await coach.client.get(URL)
    assert answer.json()["items"][0]["text"] == "[name]'s buyer told [name]: no budget before May, says [name]"
    ids = (story.rep.id, story.manager.id, story.team_id, take_id, story.challenge_id, key)
    assert not [one for one in ids if str(one) in answer.text]


@pytest.mark.parametrize(
    ("text", "names", "left"),
    [
        ("Will you, Will?", ["Will I"], "[name] you, [name]?"),
        ("they will, willingly", ["Will Power"], "they will, willingly"),
        ("Anna-Lena said", ["Anna-Lena Groß"], "[name] said"),
        ("Groß, größer", ["Anna Groß"], "[name], größer"),
        ("A plan", ["A Man"], "A plan"),
        ("(Bo.)", ["Bo ("], "([name].)"),
        ("as it was", ["", " "], "as it was"),
    ],
)
def test_names_are_left_out_whole_and_in_parts(text: str, names: list[str], left: str) -> None:
    assert nameless(text, names) == left


async def test_what_is_not_out_or_not_in_force_or_not_shown_does_not_count(org: OrgKit) -> None:
    story = await make_story(org)
    coach, take_id = await org.person(org_role="enablement"), await make_take(story)
    critique = await write(story.manager, await draft(take_id, story.manager), scores=scores(story))
    await marked(story, take_id, "Of a critique", critique_id=critique["id"])
    assert (await asked(coach))["total"] == 0
    await publish(story.manager, critique)
    await publish(story.manager, await draft(take_id, story.manager))
    found = await asked(coach)
    assert (found["total"], [one["text"] for one in found["items"]]) == (1, ["Of a critique"])
    withdrawn = await make_take(story, number=2)
    body = {"body": "Mine", "market_signal": True, "tone": "question"}
    assert (await remark(story.rep, story, withdrawn, **body)).status_code == 201
    assert (await asked(coach))["total"] == 2
    await story.rep.client.post(f"/v1/takes/{withdrawn}/withdraw")
    assert (await asked(coach))["total"] == 1


async def test_only_enablement_sees_them(org: OrgKit) -> None:
    story = await make_story(org)
    admin = await org.person(org_role="admin")
    for path in (URL, f"{URL}/export.csv"):
        codes = [(await who.client.get(path)).status_code for who in (story.rep, story.manager, admin)]
        assert codes == [403] * 3


async def test_another_organizations_do_not_count(org: OrgKit, make_org: Any) -> None:
    story = await make_story(org)
    await marked(story, await make_take(story), "Ours")
    coach = await (await make_org()).person(org_role="enablement")
    assert (await asked(coach))["total"] == 0


async def test_a_table_for_a_spreadsheet_holds_no_formulas(org: OrgKit) -> None:
    story = await make_story(org)
    coach, take_id = await org.person(org_role="enablement"), await make_take(story)
    texts = ['=HYPERLINK("x")', "+1", "-1", "@x", "\t=1", 'He said: "no",\nand left']
    for place, text in enumerate(texts):
        await marked(story, take_id, text, days_ago=len(texts) - place)
    answer = await coach.client.get(f"{URL}/export.csv")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert "attachment" in answer.headers["content-disposition"]
    rows = list(csv.reader(io.StringIO(answer.text.removeprefix("\ufeff"), newline="")))
    assert rows[0] == ["day", "challenge_kind", "skill", "tone", "text"]
    assert [row[4] for row in reversed(rows[1:])] == [*(f"'{text}" for text in texts[:5]), texts[5]]
    since = (now() - timedelta(days=1, hours=12)).strftime("%Y-%m-%dT%H:%M:%SZ")
    few = await coach.client.get(f"{URL}/export.csv?since={since}")
    assert len(list(csv.reader(io.StringIO(few.text, newline="")))) == 2
