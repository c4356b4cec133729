"""Rubrics as files: what leaves can come back, and what is wrong is told by its line, before anything is written."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.rubrics.schemas import FileCriterion, FileLevel, RubricFile
from api.rubrics.sheets import BOM, COLUMNS, read_sheet, write_sheet
from tests.factories.people import OrgKit, Somebody
from tests.factories.rubrics import criterion, levels, new_skill, post_rubric

Body = dict[str, Any]
SHEET = """rubric,criterion,key,skill,weight,required,must_pass,allow_na,points,level,anchor
Opening,Opens well,opens-well,Positioning,2,yes,yes,no,0,Not yet,Begins with oneself
,,,,,,,,1,Clearly,"Names the problem, in their words"
,Ends well,,Closing,,no,no,yes,-1,No,
,Ends well,,Closing,,no,no,yes,0.5,Yes,
"""


@pytest.fixture
async def author(org: OrgKit) -> Somebody:
    return await org.person("Eve Enablement", org_role="enablement")


async def imported(who: Somebody, **body: Any) -> Body:
    answer = await who.client.post("/v1/rubrics/import", json=body)
    assert answer.status_code in {200, 201}, answer.text
    said: Body = answer.json()
    return said


async def refused(who: Somebody, **body: Any) -> list[str]:
    """Return the pointers of a refusal, which a preview must have told as well."""
    preview = await imported(who, **body, preview=True)
    answer = await who.client.post("/v1/rubrics/import", json=body)
    assert answer.status_code == 422, answer.text
    assert answer.json()["errors"] == preview["errors"]
    return [one["pointer"] for one in preview["errors"]]


def essence(rubric: Body) -> list[Body]:
    """Return what a rubric says, without ids."""
    return [
        {key: value for key, value in one.items() if key not in {"id", "levels"}}
        | {"levels": [(level["points"], level["label"], level["anchor"]) for level in one["levels"]]}
        for one in rubric["criteria"]
    ]


async def full_rubric(org: OrgKit, author: Somebody) -> Body:
    first, second = await new_skill(org, "Positioning"), await new_skill(org, "Closing")
    body = {
        "title": "=Opening; and more",
        "note": "Simpler",
        "criteria": [
            criterion(first, "Öffnet gut, „sofort“", weight=2.5, must_pass=True, levels=levels(-1, 0.25, 3)),
            criterion(second, "+Ends well", required=False, allow_na=True, key="ends"),
        ],
    }
    made = await author.client.post("/v1/rubrics", json=body)
    assert made.status_code == 201, made.text
    rubric: Body = made.json()
    return rubric


async def test_a_rubric_comes_back_as_it_left(org: OrgKit, author: Somebody) -> None:
    rubric = await full_rubric(org, author)
    file = (await author.client.get(f"/v1/rubrics/{rubric['id']}/export")).json()
    back = (await imported(author, rubric=file))["made"]
    assert back["id"] != rubric["id"]
    assert (back["title"], back["note"], essence(back)) == (rubric["title"], "Simpler", essence(rubric))


async def test_a_sheet_comes_back_as_it_left(org: OrgKit, author: Somebody) -> None:
    rubric = await full_rubric(org, author)
    answer = await author.client.get(f"/v1/rubrics/{rubric['id']}/export.csv")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"] == "attachment; filename=opening-and-more.csv"
    assert "'=Opening" in answer.text
    assert "'+Ends well" in answer.text
    back = (await imported(author, csv=answer.text))["made"]
    assert (back["title"], essence(back)) == (rubric["title"], essence(rubric))


async def test_a_file_goes_to_another_organization_with_its_skills(make_org: Any) -> None:
    ours, theirs = await make_org(), await make_org()
    here, there = await ours.person(org_role="enablement"), await theirs.person(org_role="enablement")
    rubric = await full_rubric(ours, here)
    file = (await here.client.get(f"/v1/rubrics/{rubric['id']}/export")).json()
    assert await refused(there, rubric=file) == ["/rubric/criteria/0/skill", "/rubric/criteria/1/skill"]
    preview = await imported(there, rubric=file, create_skills=True, preview=True)
    assert (preview["new_skills"], preview["made"], preview["errors"]) == (["Positioning", "Closing"], None, [])
    assert (await there.client.get("/v1/rubrics")).json()["items"] == []
    made = (await imported(there, rubric=file, create_skills=True))["made"]
    assert [one["title"] for one in made["criteria"]] == [one["title"] for one in rubric["criteria"]]


async def test_a_sheet_that_people_wrote_is_understood(author: Somebody) -> None:
    made = (await imported(author, csv=SHEET, create_skills=True))["made"]
    opens, ends = made["criteria"]
    assert (made["title"], opens["key"], ends["key"]) == ("Opening", "opens-well", "ends-well")
    assert (opens["weight"], opens["must_pass"], opens["allow_na"]) == (2, True, False)
    assert (ends["weight"], ends["required"], ends["allow_na"]) == (1, False, True)
    assert [(level["points"], level["anchor"]) for level in opens["levels"]][1] == (
        1,
        "Names the problem, in their words",
    )
    assert [level["points"] for level in ends["levels"]] == [-1, 0.5]


@pytest.mark.parametrize("delimiter", [";", "\t"])
async def test_a_spreadsheets_own_ways_are_understood(author: Somebody, delimiter: str) -> None:
    lines = ["Criterion;Skill;Points;Level;Must pass", "Opens;Positioning;0,5;Low;x", "Opens;Positioning;1,5;High;x"]
    sheet = BOM + "\r\n".join(lines).replace(";", delimiter)
    target = await post_rubric_of(author)
    made = (await imported(author, csv=sheet, rubric_id=target["id"], create_skills=True))["made"]
    assert (made["id"], made["version"], made["criteria"][0]["must_pass"]) == (target["id"], 2, True)
    assert [level["points"] for level in made["criteria"][0]["levels"]] == [0.5, 1.5]


async def post_rubric_of(author: Somebody) -> Body:
    return (await imported(author, csv=SHEET, create_skills=True))["made"]  # type: ignore[no-any-return]  # a JSON object


@pytest.mark.parametrize(
    ("old", "new", "pointers"),
    [
        (",1,Clearly", ",one,Clearly", ["/csv/3/points"]),
        (",1,Clearly", ",0,Clearly", ["/csv/3/points"]),
        (",Clearly,", ",,", ["/csv/3/level"]),
        ("2,yes", "heavy,maybe", ["/csv/2/weight", "/csv/2/required"]),
        (",Ends well,,Closing,,no,no,yes,0.5", ",Ends well,,Other,,no,no,yes,0.5", ["/csv/5/skill"]),
        (",Ends well,,Closing,,no,no,yes,0.5,Yes,\n", "", ["/csv/4/level"]),
        (",Ends well,,Closing,,no,no,yes,0.5", "Another,Ends well,,Closing,,no,no,yes,0.5", ["/csv/5/rubric"]),
        (",points,", ",score,", ["/csv/1/points", "/csv/1"]),
        ("opens-well", "No Key", ["/csv/2/key"]),
        ("Opening,Opens", ",Opens", ["/csv/1/rubric"]),
        ('"Names the problem, in their words"', '"Names', ["/csv/1"]),
    ],
)
async def test_what_is_wrong_with_a_sheet_is_told_by_line_and_column(
    author: Somebody, old: str, new: str, pointers: list[str]
) -> None:
    assert old in SHEET
    assert await refused(author, csv=SHEET.replace(old, new), create_skills=True) == pointers
    assert (await author.client.get("/v1/rubrics")).json()["items"] == []
    assert (await author.client.get("/v1/skills")).json()["items"] == []


async def test_a_manager_imports_by_the_skills_there_are(org: OrgKit) -> None:
    manager, rep = await org.person(), await org.person()
    await org.member(await org.team(), manager, "manager")
    assert await refused(manager, csv=SHEET, create_skills=True) == ["/csv/2/skill", "/csv/4/skill"]
    await new_skill(org, "POSITIONING")
    await new_skill(org, "Closing")
    assert (await imported(manager, csv=SHEET))["made"]["version"] == 1
    assert (await rep.client.post("/v1/rubrics/import", json={"csv": SHEET})).status_code == 403


async def test_one_of_the_two_forms_is_sent(author: Somebody) -> None:
    for body in ({}, {"csv": SHEET, "rubric": {"title": "One", "criteria": []}}):
        assert (await author.client.post("/v1/rubrics/import", json=body)).status_code == 422


async def test_the_same_id_again_imports_once(author: Somebody) -> None:
    body = {"csv": SHEET, "create_skills": True, "id": "0193a1b2-7f7f-7a2a-8dfe-9d4a11111111"}
    answers = [await author.client.post("/v1/rubrics/import", json=body) for _ in range(2)]
    assert [one.status_code for one in answers] == [201, 200]
    assert answers[0].json()["made"] == answers[1].json()["made"]


async def test_a_rubric_of_another_organization_is_not_there(org: OrgKit, author: Somebody, make_org: Any) -> None:
    rubric = await post_rubric(org, author)
    stranger = await (await make_org()).person(org_role="enablement")
    for path in ("export", "export.csv", "history"):
        assert (await stranger.client.get(f"/v1/rubrics/{rubric['id']}/{path}")).status_code == 404
    body = {"csv": SHEET, "create_skills": True, "rubric_id": rubric["id"]}
    assert (await stranger.client.post("/v1/rubrics/import", json=body)).status_code == 422


CELLS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=30).filter(
    lambda text: text.strip() == text
)
LEVELS = st.lists(st.tuples(st.integers(-99, 99), CELLS, CELLS), min_size=1, max_size=4)


@given(CELLS, st.lists(st.tuples(CELLS, CELLS, LEVELS), min_size=1, max_size=4, unique_by=lambda one: one[0]))
def test_whatever_is_written_into_a_sheet_is_read_back(title: str, criteria: list[Any]) -> None:
    """Formulas, apostrophes, quotes and delimiters too."""
    made = [
        FileCriterion(name, skill, [FileLevel(float(points), label, anchor) for points, label, anchor in found])
        for name, skill, found in criteria
    ]
    sheet = read_sheet(write_sheet(RubricFile(title, made)))
    assert sheet.errors == []
    assert sheet.rubric is not None
    assert (sheet.rubric.title, sheet.rubric.criteria) == (title, made)


def test_no_cell_of_a_sheet_is_a_formula() -> None:
    evil = "=HYPERLINK(1)"
    sheet = write_sheet(RubricFile(evil, [FileCriterion(evil, evil, [FileLevel(0.0, "@a", "-b")], key=None)]))
    cells = sheet.removeprefix(BOM).splitlines()[1].split(",")
    assert len(cells) == len(COLUMNS)
    assert [cell for cell in cells if cell.startswith(("=", "@", "+", "-"))] == []
