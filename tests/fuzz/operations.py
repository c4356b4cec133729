"""The operations of the document, their ids and examples, for tests that are made from it."""

import json
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import update

from models.asset import Upload
from models.base import Tenant
from models.bright_spot import BrightSpot
from models.challenge import Challenge
from models.ids import new_id
from models.person import Person
from models.rubric import Criterion, Level, Rubric
from models.series import Series
from models.skill import Skill
from models.team import Team
from models.template import Template
from tests.factories.relations import World

ROOT = Path(__file__).parent.parent.parent
# The committed one, which a test compares with the code's.
DOCUMENT: dict[str, Any] = json.loads((ROOT / "openapi" / "openapi.json").read_text())
# An answer without an end, which nobody can wait for: tests/api/test_event_stream.py says who is told what on it.
ENDLESS = {"StreamChanges"}
OPERATIONS = {
    operation["operationId"]: (method.upper(), path, operation)
    for path, item in sorted(DOCUMENT["paths"].items())
    for method, operation in sorted(item.items())
    if operation["operationId"] not in ENDLESS
}
WITH_BODY = sorted(name for name, (_, _, operation) in OPERATIONS.items() if "requestBody" in operation)
# What ends the session that asks: nothing could be asked after it.
ENDS_ITSELF = {"SignOut"}
MARK = "only-for-acme"

Ids = dict[str, list[UUID]]


def things(world: World) -> Ids:
    """Return the ids of the world by the name of the parameter or field that takes them."""
    found: Ids = {"team_id": list(world.teams.values()), "person_id": [world.id_of("rep")]}
    for thing in world.things.values():
        if isinstance(thing, Tenant):
            found.setdefault(f"{thing.__tablename__}_id", []).append(thing.id)
    rubric = world.things["challenge-published"].rubric_id
    found |= {"rubric_id": [rubric], "session_id": [world.actors["rep"].session_id], "version": [UUID(int=1)]}
    # The subject of an event is none whose id the others make something of their own with.
    about = {"subject_id": found["assignment_id"], "actor_id": found["person_id"]}
    return found | about | {"parent_id": found["team_id"], "with_challenge_id": found["challenge_id"]}


def names_of(path: str) -> list[str]:
    return [part[1:-1] for part in path.split("/") if part.startswith("{")]


def address(path: str, ids: dict[str, Any]) -> str:
    return path.format_map({name: ids.get(name, new_id()) for name in names_of(path)})


def example(operation: dict[str, Any]) -> Any:
    media = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
    return media.get("example")


def with_ids(body: Any, ids: Ids, name: str = "") -> Any:
    """Return the body with ids that are somebody's, by the names of their fields."""
    if isinstance(body, dict):
        return {key: with_ids(value, ids, key) for key, value in body.items()}
    if isinstance(body, list):
        return [with_ids(value, ids, name.removesuffix("s")) for value in body]
    return str(ids[name][0]) if name in ids else body


async def furnish(world: World) -> None:
    """Add what a world lacks to be asked about by every id: a criterion with its level, an upload."""
    org_id = world.org.id
    async with world.org.database.tenant(org_id) as session:
        version_id = world.things["challenge-published"].rubric_version_id
        criterion = Criterion(
            org_id=org_id,
            rubric_version_id=version_id,
            skill_id=world.things["skill"].id,
            key="opening",
            title="Opens",
            position=1,
            weight=1.0,
        )
        await world.add(session, criterion, "criterion")
        level = Level(org_id=org_id, criterion_id=criterion.id, position=1, points=1.0, label="Yes", anchor="")
        await world.add(session, level, "level")
    body = {"filename": "a.mp4", "content_type": "video/mp4", "size_bytes": 1000}
    made = await world.people["rep"].client.post("/v1/uploads", json=body)
    assert made.status_code == 201, made.text
    async with world.org.database.tenant(org_id) as session:
        world.things["upload"] = await session.get_one(Upload, (org_id, UUID(made.json()["id"])))


async def mark(world: World) -> None:
    """Write a word into everything that can be read, which nobody of another organization may ever see."""
    async with world.org.database.tenant(world.org.id) as session:
        for model, field in (
            (Person, "name"),
            (Team, "name"),
            (Skill, "name"),
            (Challenge, "title"),
            (Rubric, "title"),
            (Template, "title"),
            (Series, "title"),
            (BrightSpot, "title"),
        ):
            await session.execute(update(model).where(model.org_id == world.org.id).values({field: f"It is {MARK}"}))
