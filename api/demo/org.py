"""The demo organization that `make run` starts with: people to sign in as, and something to answer."""

import secrets
from pathlib import Path
from typing import Any

import httpx

from api.orgs import NewOrg, create_org
from api.settings import Settings, write_once

SLUG = "demo"
ADMIN = "admin@demo.example"
MANAGER = "maria@demo.example"
REP = "robin@demo.example"


async def ensure_demo(settings: Settings) -> str:
    """Make the demo organization if it is not there yet; return how to sign in."""
    password = demo_password(settings.data_dir)
    async with httpx.AsyncClient(base_url=settings.base_url, timeout=30) as client:
        if not await _signs_in(client, REP, password):
            if not await _signs_in(client, ADMIN, password):
                await create_org(settings, NewOrg(SLUG, "Demo", "UTC", ADMIN, "Ada Admin", password))
            await _fill(client, password)
    return (
        f"The demo organization: org {SLUG}, password {password}\n"
        f"  manager  {MANAGER}\n  rep      {REP}\n  admin    {ADMIN}\n"
        f"Sign in: curl -s {settings.base_url}/v1/auth/sign-in -H 'content-type: application/json' "
        f'-d \'{{"org":"{SLUG}","email":"{REP}","password":"{password}"}}\''
    )


def demo_password(data_dir: Path) -> str:
    """Return the password of the demo's people: made once, kept in the data folder, never one that everybody knows."""
    path = data_dir / "demo_password"
    if not path.exists():
        write_once(path, f"show-me-{secrets.token_hex(4)}")
    return path.read_text().strip()


async def _signs_in(client: httpx.AsyncClient, email: str, password: str) -> bool:
    body = {"org": SLUG, "email": email, "password": password}
    return (await client.post("/v1/auth/sign-in", json=body)).status_code == 200


async def _fill(client: httpx.AsyncClient, password: str) -> None:
    admin = Speaker(client, await token(client, SLUG, ADMIN, password))
    people = {
        email: await admin.person(name, email, password)
        for name, email in (("Maria Manager", MANAGER), ("Robin Rep", REP))
    }
    team = await admin.post("/v1/teams", {"name": "North"})
    for email, role in ((MANAGER, "manager"), (REP, "rep")):
        await admin.put(f"/v1/teams/{team['id']}/members/{people[email]}", {"role": role})
    skill = await admin.post("/v1/skills", {"name": "Positioning", "description": "Say why a buyer should care"})
    manager = Speaker(client, await token(client, SLUG, MANAGER, password))
    rubric = await manager.post("/v1/rubrics", positioning_rubric(skill["id"]))
    challenge = await manager.post("/v1/challenges", positioning_challenge(rubric["id"], team["id"]))
    await manager.post(f"/v1/challenges/{challenge['id']}/publish", {})


class Speaker:
    """Speaks to the API as one person; an answer that is not 2xx raises."""

    def __init__(self, client: httpx.AsyncClient, access_token: str) -> None:
        self._client = client
        self._headers = {"authorization": f"Bearer {access_token}"}

    async def call(self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None) -> Any:
        answer = await self.ask(method, path, body, headers)
        if not answer.is_success:
            raise RuntimeError(f"{method} {path} answered {answer.status_code}: {answer.text}")
        return answer.json() if answer.content else None

    async def ask(self, method: str, path: str, body: Any, headers: dict[str, str] | None = None) -> httpx.Response:
        sent = {**self._headers, **(headers or {})}
        return await self._client.request(method, path, json=body, headers=sent)

    async def get(self, path: str) -> Any:
        return await self.call("GET", path)

    async def post(self, path: str, body: Any = None) -> Any:
        return await self.call("POST", path, body)

    async def put(self, path: str, body: Any) -> Any:
        return await self.call("PUT", path, body)

    async def person(self, name: str, email: str, password: str) -> str:
        """Make a person, or find the one made before; return the id."""
        found = [p for p in (await self.get("/v1/people?limit=100"))["items"] if p["email"] == email]
        if found:
            return str(found[0]["id"])
        made = await self.post("/v1/people", {"name": name, "email": email, "password": password})
        return str(made["id"])


async def token(client: httpx.AsyncClient, org: str, email: str, password: str) -> str:
    answer = await client.post("/v1/auth/sign-in", json={"org": org, "email": email, "password": password})
    answer.raise_for_status()
    return str(answer.json()["access_token"])


def positioning_rubric(skill_id: str, title: str = "Positioning statement") -> dict[str, Any]:
    def criterion(name: str, weight: float, anchors: tuple[str, str, str]) -> dict[str, Any]:
        labels = ("Not yet", "Nearly", "Yes")
        return {
            "skill_id": skill_id,
            "title": name,
            "weight": weight,
            "required": True,
            "allow_na": False,
            "levels": [
                {"points": points, "label": label, "anchor": anchor}
                for points, (label, anchor) in enumerate(zip(labels, anchors, strict=True))
            ],
        }

    return {
        "title": title,
        "criteria": [
            criterion(
                "Opens with the buyer's problem",
                2,
                (
                    "Begins with our company or product",
                    "Names an industry problem in general words",
                    "Names a problem this buyer has, in the buyer's words",
                ),
            ),
            criterion(
                "Says what changes for them",
                2,
                ("Lists features", "States a benefit without a figure", "States an outcome with a figure or a story"),
            ),
            criterion(
                "Ends with a question",
                1,
                ("Just stops", "Asks a yes-or-no question", "Asks a question that opens a conversation"),
            ),
        ],
    }


def positioning_challenge(
    rubric_id: str, team_id: str, title: str = "Open with a positioning statement"
) -> dict[str, Any]:
    return {
        "title": title,
        "kind": "positioning",
        "brief": "You have met a head of operations at a fair. In under a minute, say why a talk with us is worth it.",
        "rubric_id": rubric_id,
        "prompts": [{"text": "Open the conversation with your positioning statement.", "max_duration_ms": 120_000}],
        "audience": {"team_ids": [team_id], "include_subteams": True, "joiners": "include"},
        "max_takes": 5,
        "pass_mark": 0.6,
    }
