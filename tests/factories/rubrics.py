"""Rubrics as a client sends them."""

from typing import Any
from uuid import UUID

from models.ids import new_id
from models.skill import Skill
from tests.factories.people import OrgKit, Somebody


async def new_skill(org: OrgKit, name: str | None = None) -> str:
    row = Skill(org_id=org.id, name=name or f"Skill {new_id().hex}")
    async with org.database.tenant(org.id) as session:
        session.add(row)
    return str(row.id)


def levels(*points: float) -> list[dict[str, Any]]:
    return [{"points": value, "label": f"{value} points", "anchor": "What one would see"} for value in points]


def criterion(skill_id: str | UUID, title: str = "Opens with the problem", **values: Any) -> dict[str, Any]:
    return {
        "skill_id": str(skill_id),
        "title": title,
        "weight": 1,
        "required": True,
        "allow_na": False,
        "levels": levels(0, 1, 2),
        **values,
    }


async def post_rubric(org: OrgKit, author: Somebody, title: str = "Positioning statement") -> dict[str, Any]:
    """Make a rubric of one criterion over the API; its author must be one who may."""
    body = {"title": title, "criteria": [criterion(await new_skill(org))]}
    made = await author.client.post("/v1/rubrics", json=body)
    assert made.status_code == 201, made.text
    answer: dict[str, Any] = made.json()
    return answer
