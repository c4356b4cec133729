"""Challenges with their rubric, assignments, takes and their videos, as rows."""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
from sqlalchemy import select

from models.asset import Asset
from models.base import now
from models.challenge import Assignment, Challenge, Prompt
from models.database import Database
from models.ids import new_id
from models.rubric import Criterion, Level, Rubric, RubricVersion
from models.skill import Skill
from models.submission import asset_arrived, asset_failed
from models.take import Response, Take
from models.team import Audience
from tests.factories.people import OrgKit, Somebody


@dataclass(frozen=True)
class Question:
    """A criterion of a test's rubric, with the ids of its levels, least first."""

    id: UUID
    key: str
    skill_id: UUID
    levels: list[UUID]


@dataclass(frozen=True)
class Story:
    """A published challenge, a rep it is assigned to, and their manager."""

    org: OrgKit
    team_id: UUID
    manager: Somebody
    rep: Somebody
    challenge_id: UUID
    assignment_id: UUID
    prompts: list[UUID]
    rubric_version_id: UUID
    questions: dict[str, Question] = field(default_factory=dict)

    @property
    def database(self) -> Database:
        return self.org.database


async def make_story(org: OrgKit, *, prompts: int = 1, state: str = "open", **challenge: Any) -> Story:
    team_id = await org.team()
    manager, rep = await org.person("Mona Manager"), await org.person("Robin Rep")
    await org.member(team_id, manager, "manager")
    await org.member(team_id, rep)
    version_id, questions = await make_rubric(org)
    challenge_id, prompt_ids = await make_challenge(org, manager.id, version_id, prompts, **challenge)
    assignment_id = await make_assignment(org, challenge_id, rep.id, team_id, state=state)
    return Story(org, team_id, manager, rep, challenge_id, assignment_id, prompt_ids, version_id, questions)


async def make_skill(org: OrgKit, name: str) -> UUID:
    row = Skill(org_id=org.id, name=name)
    async with org.database.tenant(org.id) as session:
        session.add(row)
    return row.id


async def make_rubric(org: OrgKit) -> tuple[UUID, dict[str, Question]]:
    """Three criteria over two skills: `opening` must pass, `clarity` weighs double, `story` may be left out."""
    openings, stories = await make_skill(org, "Positioning"), await make_skill(org, "Storytelling")
    rubric = Rubric(org_id=org.id, title="Positioning, in a minute")
    version = RubricVersion(org_id=org.id, rubric_id=rubric.id, version=1)
    questions: dict[str, Question] = {}
    async with org.database.tenant(org.id) as session:
        session.add(rubric)
        await session.flush()
        session.add(version)
        await session.flush()
        for position, (key, skill_id, weight, levels) in enumerate(
            [("opening", openings, 1.0, 3), ("clarity", openings, 2.0, 5), ("story", stories, 1.0, 2)]
        ):
            criterion = Criterion(
                org_id=org.id,
                rubric_version_id=version.id,
                position=position,
                key=key,
                skill_id=skill_id,
                title=key.capitalize(),
                weight=weight,
                required=key != "story",
                must_pass=key == "opening",
                allow_na=key != "opening",
            )
            session.add(criterion)
            await session.flush()
            rows = [_level(org.id, criterion.id, place) for place in range(levels)]
            session.add_all(rows)
            questions[key] = Question(criterion.id, key, skill_id, [row.id for row in rows])
    return version.id, questions


def _level(org_id: UUID, criterion_id: UUID, place: int) -> Level:
    return Level(
        org_id=org_id, criterion_id=criterion_id, position=place, points=float(place + 1), label=f"{place}", anchor="."
    )


async def make_challenge(
    org: OrgKit, maker_id: UUID, version_id: UUID, prompts: int = 1, **values: Any
) -> tuple[UUID, list[UUID]]:
    audience = Audience(org_id=org.id)
    async with org.database.tenant(org.id) as session:
        version = await session.get_one(RubricVersion, (org.id, version_id))
        challenge = Challenge(
            org_id=org.id,
            rubric_id=version.rubric_id,
            rubric_version_id=version_id,
            audience_id=audience.id,
            created_by=maker_id,
            **{"title": "Why us", "kind": "positioning", "state": "published", "published_at": now(), **values},
        )
        session.add(audience)
        await session.flush()
        session.add(challenge)
        await session.flush()
        rows = [
            Prompt(org_id=org.id, challenge_id=challenge.id, position=place, text=f"Question {place}")
            for place in range(prompts)
        ]
        session.add_all(rows)
    return challenge.id, [row.id for row in rows]


async def make_assignment(
    org: OrgKit, challenge_id: UUID, person_id: UUID, team_id: UUID | None, **values: Any
) -> UUID:
    row = Assignment(org_id=org.id, challenge_id=challenge_id, person_id=person_id, team_id=team_id, **values)
    async with org.database.tenant(org.id) as session:
        session.add(row)
    return row.id


async def make_asset(org: OrgKit, owner_id: UUID, state: str = "playable", **values: Any) -> UUID:
    row = Asset(
        org_id=org.id,
        owner_id=owner_id,
        state=state,
        **{
            "purpose": "response",
            "duration_ms": 20_000 if state in {"playable", "ready"} else None,
            "problem_code": "no-video" if state == "failed" else None,
            **values,
        },
    )
    async with org.database.tenant(org.id) as session:
        session.add(row)
    return row.id


async def make_take(story: Story, state: str = "submitted", *, days_ago: float = 0, **values: Any) -> UUID:
    """Make a take with a playable response to each prompt; a handed-in one as its assignment's current one."""
    org, rep = story.org, story.rep
    at = now() - timedelta(days=days_ago)
    take = Take(
        org_id=org.id,
        assignment_id=story.assignment_id,
        challenge_id=story.challenge_id,
        person_id=rep.id,
        team_id=story.team_id,
        state=state,
        **{"number": 1, "submitted_at": None if state == "draft" else at, "created_at": at, **values},
    )
    assets = [await make_asset(org, rep.id) for _ in story.prompts]
    async with org.database.tenant(org.id) as session:
        session.add(take)
        await session.flush()
        for prompt_id, asset_id in zip(story.prompts, assets, strict=True):
            session.add(Response(org_id=org.id, take_id=take.id, prompt_id=prompt_id, asset_id=asset_id))
        assignment = await session.get_one(Assignment, (org.id, story.assignment_id))
        if state != "draft":
            assignment.state, assignment.current_take_id = "submitted", take.id
        elif not take.practice:
            assignment.state = "in_progress"
    return take.id


async def assignment_of(story: Story) -> Assignment:
    async with story.database.tenant(story.org.id) as session:
        return await session.get_one(Assignment, (story.org.id, story.assignment_id))


async def state_of(story: Story) -> str:
    return (await assignment_of(story)).state


def fresh() -> str:
    """Return an id as a client makes it."""
    return str(new_id())


async def start(story: Story, **body: Any) -> httpx.Response:
    return await story.rep.client.post(f"/v1/assignments/{story.assignment_id}/takes", json=body)


async def started(story: Story, **body: Any) -> dict[str, Any]:
    answer = await start(story, **body)
    assert answer.status_code == 201, answer.text
    take: dict[str, Any] = answer.json()
    return take


async def respond(story: Story, take_id: str, asset_id: object, prompt: int = 0) -> httpx.Response:
    url = f"/v1/takes/{take_id}/responses/{story.prompts[prompt]}"
    return await story.rep.client.put(url, json={"asset_id": str(asset_id)})


async def submit(story: Story, take_id: object, **body: Any) -> httpx.Response:
    return await story.rep.client.post(f"/v1/takes/{take_id}/submit", json=body)


async def submitted(story: Story, asset_state: str = "playable") -> dict[str, Any]:
    take = await started(story)
    for place in range(len(story.prompts)):
        await respond(story, take["id"], await make_asset(story.org, story.rep.id, asset_state), place)
    answer = await submit(story, take["id"])
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def settle(story: Story, take: dict[str, Any], prompt: int = 0, *, failed: bool = False) -> None:
    """Let the bytes of a response arrive, or fail."""
    asset_id = take["responses"][prompt]["asset"]["id"]
    async with story.database.tenant(story.org.id) as session:
        asset = (await session.scalars(select(Asset).where(Asset.org_id == story.org.id, Asset.id == asset_id))).one()
        if failed:
            asset.problem_code = "no-video"
        asset.move("failed" if failed else "processing")
        await (asset_failed if failed else asset_arrived)(session, asset)


async def seen(who: Somebody, take_id: object) -> httpx.Response:
    return await who.client.get(f"/v1/takes/{take_id}")
