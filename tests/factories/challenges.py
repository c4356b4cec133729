"""Challenges and assignments, over HTTP as their authors make them."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
from sqlalchemy import select, update

from models.asset import Asset
from models.base import now
from models.challenge import Assignment
from models.person import Person
from models.take import Take
from models.team import Membership
from tests.factories.people import OrgKit, Somebody
from tests.factories.rubrics import post_rubric

Body = dict[str, Any]


@dataclass(frozen=True)
class Cast:
    """A team with its manager and a rep, somebody of enablement, and a rubric to judge by."""

    org: OrgKit
    team_id: UUID
    manager: Somebody
    rep: Somebody
    enablement: Somebody
    rubric: Body

    def body(self, **values: Any) -> Body:
        """Return a challenge to the team as a client sends it."""
        return {
            "title": "Why us",
            "kind": "positioning",
            "rubric_id": self.rubric["id"],
            "prompts": [{"text": "Open the conversation."}],
            "audience": to_teams(self.team_id),
            **values,
        }

    async def another_rep(self, name: str = "Ria Rep", time_zone: str | None = None) -> Somebody:
        person = await self.org.person(name, time_zone=time_zone)
        await self.org.member(self.team_id, person)
        return person


async def make_cast(org: OrgKit, time_zone: str | None = None) -> Cast:
    team_id = await org.team()
    manager, rep = await org.person("Mona Manager"), await org.person("Robin Rep", time_zone=time_zone)
    enablement = await org.person("Eve Enablement", "enablement")
    await org.member(team_id, manager, "manager")
    await org.member(team_id, rep)
    return Cast(org, team_id, manager, rep, enablement, await post_rubric(org, enablement))


def to_teams(*team_ids: UUID, **values: Any) -> Body:
    return {"team_ids": [str(key) for key in team_ids], **values}


def to_people(*people: Somebody, **values: Any) -> Body:
    return {"person_ids": [str(person.id) for person in people], **values}


def after_now(**span: float) -> str:
    """Return an instant as a client sends it, so long after now."""
    return (now() + timedelta(**span)).isoformat()


def instant(value: str) -> datetime:
    return datetime.fromisoformat(value).astimezone(UTC)


async def post(author: Somebody, body: Body) -> httpx.Response:
    return await author.client.post("/v1/challenges", json=body)


async def drafted(cast: Cast, author: Somebody | None = None, **values: Any) -> Body:
    made = await post(author or cast.manager, cast.body(**values))
    assert made.status_code == 201, made.text
    challenge: Body = made.json()
    return challenge


async def act(who: Somebody, challenge: Body, verb: str) -> httpx.Response:
    return await who.client.post(f"/v1/challenges/{challenge['id']}/{verb}")


async def acted(who: Somebody, challenge: Body, *verbs: str) -> Body:
    for verb in verbs:
        answer = await act(who, challenge, verb)
        assert answer.status_code == 200, answer.text
        challenge = answer.json()
    return challenge


async def published(cast: Cast, author: Somebody | None = None, **values: Any) -> Body:
    author = author or cast.manager
    return await acted(author, await drafted(cast, author, **values), "publish")


async def change(who: Somebody, challenge: Body, **patch: Any) -> httpx.Response:
    headers = {"if-match": f'"{challenge["version"]}"'}
    return await who.client.patch(f"/v1/challenges/{challenge['id']}", json=patch, headers=headers)


async def changed(who: Somebody, challenge: Body, **patch: Any) -> Body:
    answer = await change(who, challenge, **patch)
    assert answer.status_code == 200, answer.text
    body: Body = answer.json()
    return body


async def get_challenge(who: Somebody, challenge: Body) -> httpx.Response:
    return await who.client.get(f"/v1/challenges/{challenge['id']}")


async def add(who: Somebody, challenge: Body, *people: Somebody) -> httpx.Response:
    return await who.client.post(f"/v1/challenges/{challenge['id']}/assignments", json=to_people(*people))


async def assignments(who: Somebody, challenge: Body, **query: Any) -> list[Body]:
    answer = await who.client.get(f"/v1/challenges/{challenge['id']}/assignments", params=query)
    assert answer.status_code == 200, answer.text
    items: list[Body] = answer.json()["items"]
    return items


async def assignment_for(who: Somebody, challenge: Body, person: Somebody) -> Body:
    """Return somebody's copy as `who` sees it."""
    return next(one for one in await assignments(who, challenge) if one["person"]["id"] == str(person.id))


async def holders(who: Somebody, challenge: Body) -> dict[str, str]:
    """Return the state of each copy, by the person's name."""
    return {one["person"]["name"]: one["state"] for one in await assignments(who, challenge)}


async def inbox(who: Somebody, **query: Any) -> list[Body]:
    answer = await who.client.get("/v1/me/assignments", params=query)
    assert answer.status_code == 200, answer.text
    items: list[Body] = answer.json()["items"]
    return items


async def change_assignment(who: Somebody, assignment: Body, **patch: Any) -> httpx.Response:
    headers = {"if-match": f'"{assignment["version"]}"'}
    return await who.client.patch(f"/v1/assignments/{assignment['id']}", json=patch, headers=headers)


async def assignment_changed(who: Somebody, assignment: Body, **patch: Any) -> Body:
    """Return what lists show of it then."""
    answer = await change_assignment(who, assignment, **patch)
    assert answer.status_code == 200, answer.text
    body: Body = answer.json()
    assert body.pop("next_steps") == []
    return body


async def start_take(who: Somebody, assignment: Body, **body: Any) -> Body:
    started = await who.client.post(f"/v1/assignments/{assignment['id']}/takes", json=body)
    assert started.status_code in {200, 201}, started.text
    take: Body = started.json()
    return take


async def hand_in(org: OrgKit, who: Somebody, assignment: Body) -> Body:
    """Answer each prompt with a video that plays, and submit."""
    take = await start_take(who, assignment)
    for response in take["responses"]:
        video = Asset(org_id=org.id, owner_id=who.id, state="playable", purpose="response", duration_ms=20_000)
        async with org.database.tenant(org.id) as session:
            session.add(video)
        url = f"/v1/takes/{take['id']}/responses/{response['prompt_id']}"
        answered = await who.client.put(url, json={"asset_id": str(video.id)})
        assert answered.status_code == 200, answered.text
    submitted = await who.client.post(f"/v1/takes/{take['id']}/submit")
    assert submitted.status_code == 200, submitted.text
    body: Body = submitted.json()
    return body


async def join(admin: Somebody, team_id: UUID, person: Somebody, role: str = "rep") -> None:
    answer = await admin.client.put(f"/v1/teams/{team_id}/members/{person.id}", json={"role": role})
    assert answer.status_code == 200, answer.text


async def set_row(org: OrgKit, assignment: Body, **values: Any) -> None:
    """Write to an assignment what only time does."""
    async with org.database.tenant(org.id) as session:
        row = Assignment.org_id == org.id, Assignment.id == UUID(assignment["id"])
        await session.execute(update(Assignment).where(*row).values(**values))


async def set_take(org: OrgKit, take: Body, **values: Any) -> None:
    async with org.database.tenant(org.id) as session:
        await session.execute(update(Take).where(Take.org_id == org.id, Take.id == UUID(take["id"])).values(**values))


async def leave(org: OrgKit, *people: Somebody, left: bool = True) -> None:
    """Let people leave the organization, or (`left=False`) all their teams only."""
    ids: Iterable[UUID] = [person.id for person in people]
    async with org.database.tenant(org.id) as session:
        of_them = Membership.org_id == org.id, Membership.person_id.in_(ids), Membership.until_at.is_(None)
        await session.execute(update(Membership).where(*of_them).values(until_at=now()))
        if left:
            gone = update(Person).where(Person.org_id == org.id, Person.id.in_(ids))
            await session.execute(gone.values(state="left", left_at=now()))


async def copies(org: OrgKit, challenge: Body) -> int:
    async with org.database.tenant(org.id) as session:
        rows = select(Assignment.id).where(
            Assignment.org_id == org.id, Assignment.challenge_id == UUID(challenge["id"])
        )
        return len((await session.scalars(rows)).all())


VERBS = ("publish", "close", "reopen", "archive")


async def at_state(cast: Cast, state: str) -> dict[str, Any]:
    ways = {"draft": (), "published": VERBS[:1], "closed": VERBS[:2], "archived": ("publish", "close", "archive")}
    return await acted(cast.manager, await drafted(cast), *ways[state])


async def refusal(cast: Cast, **values: Any) -> tuple[int, str]:
    answer = await post(cast.manager, cast.body(**values))
    return answer.status_code, answer.json()["errors"][0]["pointer"]


async def copy_of(cast: Cast, **values: Any) -> dict[str, Any]:
    """Publish a challenge, and return the rep's copy."""
    return await assignment_for(cast.rep, await published(cast, **values), cast.rep)


def dated(days: int | None) -> dict[str, Any]:
    return {} if days is None else {"due_at": after_now(days=days)}


async def get_assignment(who: Somebody, assignment: dict[str, Any]) -> dict[str, Any]:
    """Return what lists show of it: alone it says more."""
    answer = await who.client.get(f"/v1/assignments/{assignment['id']}")
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    assert answer.headers["etag"] == f'"{body["version"]}"'
    assert body.pop("next_steps") == []
    return body


async def retake(org: OrgKit, assignment: dict[str, Any]) -> None:
    """Ask for another take, as a critique with that decision does."""
    async with org.database.tenant(org.id) as session:
        row = await session.get_one(Assignment, (org.id, UUID(assignment["id"])))
        row.move("retake")
        row.extra_takes += 1
