import asyncio
from typing import Any

import pytest
from sqlalchemy import func, select

from api.people_import.table import MOST_LINES
from models.event import Event
from models.person import AccountToken, Person
from tests.factories.challenges import inbox, make_cast, published, to_teams
from tests.factories.people import OrgKit, Somebody


async def sent(who: Somebody, table: str, *, dry_run: bool = False) -> Any:
    return await who.client.post("/v1/people/import", json={"csv": table, "dry_run": dry_run})


async def imported(who: Somebody, table: str) -> dict[str, Any]:
    answer = await sent(who, table)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def flaws(who: Somebody, table: str) -> list[tuple[int, str, str]]:
    """What a dry run finds, after checking that the real one refuses it and says the same."""
    found = (await sent(who, table, dry_run=True)).json()["flaws"]
    refused = await sent(who, table)
    assert refused.status_code == 422
    assert len(refused.json()["errors"]) == len(found)
    return [(flaw["line"], flaw["column"], flaw["detail"]) for flaw in found]


async def count(org: OrgKit, what: type[Any]) -> int:
    async with org.database.tenant(org.id) as session:
        return await session.scalar(select(func.count()).select_from(what).where(what.org_id == org.id)) or 0


async def test_new_people_are_invited_into_their_teams(org: OrgKit) -> None:
    admin, north = await org.person(org_role="admin"), await org.team("North")
    table = (
        "name,email,team,team_role,time_zone\nRia,RIA@example.com,North,manager,Europe/Lisbon\nRob,rob@example.com,,,\n"
    )
    answer = await imported(admin, table)
    assert (answer["applied"], answer["invited"], answer["updated"], answer["unchanged"]) == (True, 2, 0, 0)
    assert answer["people"][0]["changes"] == ["time_zone: Europe/Lisbon", "joins North as manager"]
    people = (await admin.client.get("/v1/people?state=invited")).json()["items"]
    assert [(one["name"], one["email"], one["time_zone"]) for one in people] == [
        ("Ria", "ria@example.com", "Europe/Lisbon"),
        ("Rob", "rob@example.com", None),
    ]
    assert [team["id"] for team in people[0]["teams"]] == [str(north)]
    assert await count(org, AccountToken) == 2


async def test_a_dry_run_tells_and_changes_nothing(org: OrgKit) -> None:
    admin = await org.person("Ada", org_role="admin")
    await org.team("North")
    table = f"name,email,team\nAda Admin,{admin.email},North\nRia,ria@example.com,North\n"
    told = (await sent(admin, table, dry_run=True)).json()
    assert (told["applied"], told["invited"], told["updated"]) == (False, 1, 1)
    assert [(one["action"], one["changes"]) for one in told["people"]] == [
        ("update", ["name: Ada Admin", "joins North as rep"]),
        ("invite", ["joins North as rep"]),
    ]
    assert (await count(org, Person), await count(org, AccountToken)) == (1, 0)


async def test_done_again_it_changes_nothing(org: OrgKit) -> None:
    admin = await org.person(org_role="admin")
    await org.team("North")
    table = "name,email,team\nRia,ria@example.com,North\nRob,rob@example.com,North\n"
    await imported(admin, table)
    before = (await count(org, Event), await count(org, AccountToken))
    again = await imported(admin, table)
    assert (again["invited"], again["updated"], again["unchanged"]) == (0, 0, 2)
    assert (await count(org, Event), await count(org, AccountToken)) == before


async def test_one_wrong_line_keeps_all_others_out(org: OrgKit) -> None:
    admin = await org.person(org_role="admin")
    await org.team("North")
    table = (
        "name,email,team,team_role,org_role,time_zone\n"
        "Ria,ria@example.com,North,rep,,\n"
        ",nobody,Nowhere,boss,king,Mars/Olympus\n"
        "Rob,rob@example.com,Nowhere,,,\n"
        "Roy,roy@example.com,,rep,,\n"
        "Ria,ria@example.com,North,manager,admin,\n"
        "Too,few@example.com\n"
    )
    found = await flaws(admin, table)
    assert [(line, column) for line, column, _ in found] == [
        (3, "name"),
        (3, "email"),
        (3, "team_role"),
        (3, "org_role"),
        (3, "time_zone"),
        (4, "team"),
        (5, "team_role"),
        (6, "org_role"),
        (6, "team_role"),
        (7, ""),
    ]
    assert found[5][2] == "There is no team named Nowhere."
    assert await count(org, Person) == 1


@pytest.mark.parametrize(
    ("table", "line", "said"),
    [
        ("name\nRia\n", 1, "There is no column `email`"),
        ("name,email,salary\nRia,r@example.com,5\n", 1, "There is no such column"),
        ("name,email,name\nRia,r@example.com,Ria\n", 1, "there twice"),
        ("name,email\n", 0, "There is nobody"),
        ("\n\n", 1, "must name the columns"),
        ('name,email\n"Ria,r@example.com\n', 0, "This is not a table"),
        ("name,email\n" + "R,r@example.com\n" * (MOST_LINES + 1), MOST_LINES + 2, "lines at most"),
    ],
)
async def test_a_table_that_is_none_is_told(org: OrgKit, table: str, line: int, said: str) -> None:
    admin = await org.person(org_role="admin")
    assert any(found[0] == line and said in found[2] for found in await flaws(admin, table))


async def test_a_table_as_a_spreadsheet_saves_it(org: OrgKit) -> None:
    admin = await org.person(org_role="admin")
    table = '\ufeffsep=;\r\n EMAIL ;Name\r\nria@example.com;"Ria; the\r\nfirst"\r\n;;\r\nRob\r\n'
    assert [flaw[0] for flaw in await flaws(admin, table)] == [6]  # an empty line is none, and two are one line
    answer = await imported(admin, table.removesuffix("Rob\r\n"))
    assert [(one["line"], one["name"]) for one in answer["people"]] == [(3, "Ria; the first")]


async def test_names_that_two_teams_share_need_the_path(org: OrgKit) -> None:
    admin = await org.person(org_role="admin")
    east, west = await org.team("East"), await org.team("West")
    await org.team("Inside sales", parent_id=east)
    wanted = await org.team("Inside sales", parent_id=west)
    found = await flaws(admin, "name,email,team\nRia,ria@example.com,inside sales\n")
    assert "Write the path" in found[0][2]
    await imported(admin, "name,email,team\nRia,ria@example.com,West/Inside Sales\n")
    [ria] = (await admin.client.get("/v1/people?q=Ria")).json()["items"]
    assert [team["id"] for team in ria["teams"]] == [str(wanted)]


async def test_a_role_named_takes_the_place_of_the_one_before(org: OrgKit) -> None:
    admin, rep = await org.person(org_role="admin"), await org.person("Ria")
    await org.member(await org.team("North"), rep, "rep")
    answer = await imported(admin, f"name,email,team,team_role\nRia,{rep.email},North,manager\n")
    assert answer["people"][0]["changes"] == ["is manager in North instead of rep"]
    [team] = (await admin.client.get(f"/v1/people/{rep.id}")).json()["teams"]
    assert team["role"] == "manager"


async def test_joiners_get_what_their_team_is_asked(org: OrgKit) -> None:
    cast = await make_cast(org)
    await published(cast, audience=to_teams(cast.team_id, joiners="include"))
    admin, late = await org.person(org_role="admin"), await org.person("Late")
    team = (await admin.client.get(f"/v1/teams/{cast.team_id}")).json()["name"]
    await imported(admin, f"name,email,team\nLate,{late.email},{team}\nNew,new@example.com,{team}\n")
    assert len(await inbox(late)) == 1


async def test_who_has_left_is_not_brought_back_by_a_table(org: OrgKit) -> None:
    admin, gone = await org.person(org_role="admin"), await org.person("Gone")
    tag = (await admin.client.get(f"/v1/people/{gone.id}")).headers["etag"]
    await admin.client.patch(f"/v1/people/{gone.id}", json={"state": "left"}, headers={"If-Match": tag})
    [flaw] = await flaws(admin, f"name,email\nGone,{gone.email}\n")
    assert "has left" in flaw[2]


async def test_the_last_admin_is_not_taken_away_by_a_table(org: OrgKit) -> None:
    admin = await org.person("Ada", org_role="admin")
    refused = await sent(admin, f"name,email,org_role\nAda,{admin.email},member\n")
    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/last-admin")


async def test_only_an_admin_imports(org: OrgKit) -> None:
    enablement = await org.person(org_role="enablement")
    assert (await sent(enablement, "name,email\nRia,ria@example.com\n")).status_code == 403


async def test_a_table_sent_twice_at_once_makes_each_person_once(org: OrgKit) -> None:
    admin = await org.person(org_role="admin")
    table = "name,email\n" + "".join(f"R{n},r{n}@example.com\n" for n in range(20))
    both = await asyncio.gather(sent(admin, table), sent(admin, table))
    assert sorted(answer.status_code for answer in both) in ([200, 200], [200, 409])
    assert await count(org, Person) == 21


async def test_a_large_table_takes_few_statements(org: OrgKit) -> None:
    admin = await org.person(org_role="admin")
    await org.team("North")
    table = "name,email,team\n" + "".join(f"R{n},r{n}@example.com,North\n" for n in range(1000))
    answer = await imported(admin, table)
    assert answer["invited"] == 1000
    assert await count(org, AccountToken) == 1000
